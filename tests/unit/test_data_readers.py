"""Every source, on files in the genuine format: the same pictures, labels and names come out of each."""

import gzip
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genuine
from dcgan import data
from dcgan.data import readers
from dcgan.errors import UserError

REAL = os.environ.get("DCGAN_DATA", "")  # before a test sets it
N = 17  # more than two row groups, less than a block


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DCGAN_DATA", raising=False)
    return tmp_path / "cache"


IMAGES = genuine.pictures(N, 20, 32)
SQUARE = genuine.pictures(N, 32, 32)
GREY = genuine.pictures(N, 28, 28, 1)
LABELS = np.array([i * 7 % 5 for i in range(N)])


def opened(spec: object, **options) -> data.Dataset:
    return data.open(spec, **{"workers": 0} | options)


def same(
    spec: object, images: np.ndarray, labels: np.ndarray | None = None, classes: object = None, **options
) -> data.Dataset:
    """It holds just these pictures in this order."""
    found = opened(spec, **{"size": images.shape[1:3]} | options)
    assert found.images.dtype == np.uint8
    assert np.array_equal(found.images, images)
    if labels is None:
        assert found.labels is None
        assert found.classes is None
    else:
        assert found.labels is not None
        assert found.labels.dtype == np.int64
        assert np.array_equal(found.labels, labels)
        assert found.classes == tuple(classes)
    return found


CLASSES = [f"class{i}" for i in range(5)]
by_class = np.argsort(LABELS, kind="stable")  # the order of names where each class has a folder


def test_flat_folder(tmp_path: Path) -> None:
    found = same(genuine.folder(tmp_path / "Holiday pictures!", IMAGES), IMAGES)
    assert found.name == "holiday-pictures"
    assert found.names == [f"{tmp_path}/Holiday pictures!/{i:05d}.png" for i in range(N)]


@pytest.mark.parametrize("deeper", ["", "all/", "all/of/them/"])
def test_nested_folder(tmp_path: Path, deeper: str) -> None:
    genuine.folder(tmp_path / "set" / deeper, IMAGES, LABELS)
    same(tmp_path / "set", IMAGES[by_class], LABELS[by_class], CLASSES)


def test_folder_of_links(tmp_path: Path) -> None:
    genuine.folder(tmp_path / "real", IMAGES, LABELS)
    (tmp_path / "set").mkdir()
    for name in CLASSES:
        (tmp_path / "set" / name).symlink_to(tmp_path / "real" / name)
    same(tmp_path / "set", IMAGES[by_class], LABELS[by_class], CLASSES)
    (tmp_path / "link").symlink_to(tmp_path / "set")
    same(tmp_path / "link", IMAGES[by_class], LABELS[by_class], CLASSES)


def test_one_picture(tmp_path: Path) -> None:
    genuine.folder(tmp_path, IMAGES[:2])
    same(tmp_path / "00001.png", IMAGES[1:2])


@pytest.mark.parametrize("method", [0, 8, 12], ids=["stored", "deflated", "bzip2"])
def test_zip(tmp_path: Path, method: int) -> None:
    path = genuine.zipped(tmp_path / "set.zip", reversed(genuine.named(IMAGES, LABELS)), method)
    found = same(path, IMAGES[by_class], LABELS[by_class], CLASSES)
    assert found.names is not None
    assert found.names[0] == f"{tmp_path}/set.zip/class0/00000.png"


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_tar(tmp_path: Path, suffix: str) -> None:
    path = genuine.tarred(tmp_path / f"set.{suffix}", genuine.named(IMAGES, LABELS))
    same(path, IMAGES, LABELS, CLASSES)


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
@pytest.mark.parametrize("spec", ["", "train-*.{}", "train-{{0000..0002}}.{}"])
def test_webdataset(tmp_path: Path, suffix: str, spec: str) -> None:
    genuine.shards(tmp_path / "set", IMAGES, LABELS, suffix=suffix)
    order = np.concatenate([np.arange(shard, N, 3) for shard in range(3)])
    found = same(f"{tmp_path}/set/{spec.format(suffix)}", IMAGES[order], LABELS[order], "01234")
    assert found.skipped == []  # captions and classes belong to the samples


def test_pattern(tmp_path: Path) -> None:
    genuine.folder(tmp_path / "set", IMAGES, LABELS)
    same(f"{tmp_path}/set/*/*.png", IMAGES[by_class], LABELS[by_class], CLASSES)
    same(f"{tmp_path}/set/**/*.png", IMAGES[by_class], LABELS[by_class], CLASSES)
    same(f"{tmp_path}/set/class[01]", IMAGES[by_class][LABELS[by_class] < 2], np.sort(LABELS[LABELS < 2]), CLASSES[:2])
    with pytest.raises(UserError, match="no file fits"):
        opened(f"{tmp_path}/set/*.jpg")


def test_list_of_paths(tmp_path: Path) -> None:
    genuine.folder(tmp_path / "set", IMAGES)
    some = [3, 1, 2]
    (tmp_path / "some.txt").write_text("# mine\n" + "".join(f"set/{i:05d}.png\n" for i in some) + "\n")
    same(tmp_path / "some.txt", IMAGES[some])
    (tmp_path / "known.txt").write_text("".join(f"{tmp_path}/set/{i:05d}.png\tcat{i % 2}\n" for i in some))
    same(tmp_path / "known.txt", IMAGES[some], np.array([1, 1, 0]), ["cat0", "cat1"])
    (tmp_path / "one.txt").write_text("set/00003.png\nset/none.png\n")
    found = opened(tmp_path / "one.txt", max_bad=0.5)
    assert [(Path(one.path).name, one.reason) for one in found.skipped] == [("none.png", "no such file")]


@pytest.mark.parametrize("packed", [False, True])
def test_mnist(tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine.mnist(tmp_path / "mnist", GREY, LABELS, packed=packed)
    genuine.mnist(tmp_path / "mnist", GREY[:4], LABELS[:4], "t10k", packed=packed)
    digits = [str(i) for i in range(10)]
    same(tmp_path / "mnist", GREY, LABELS, digits, size=None)
    end = ".gz" if packed else ""
    same(tmp_path / "mnist" / f"t10k-images-idx3-ubyte{end}", GREY[:4], LABELS[:4], digits, size=None)
    monkeypatch.setenv("DCGAN_DATA", str(tmp_path))
    assert same("mnist", GREY, LABELS, digits, size=None).name == "mnist"
    same("mnist:test", GREY[:4], LABELS[:4], digits, size=None)
    same("mnist:train[2:9]", GREY[2:9], LABELS[2:9], digits, size=None)
    same("mnist[:5]", GREY[:5], LABELS[:5], digits, size=None)


def test_fashion_mnist_names_its_classes(tmp_path: Path) -> None:
    genuine.mnist(tmp_path / "fashion-mnist", GREY, LABELS, packed=True)
    found = opened(tmp_path / "fashion-mnist")
    assert found.classes is not None
    assert (found.classes[0], found.classes[9]) == ("T-shirt/top", "Ankle boot")


def test_emnist_stands_upright(tmp_path: Path) -> None:
    letters = ["".join((chr(65 + i), chr(97 + i))) for i in range(26)]
    folder = genuine.emnist(tmp_path / "gzip", GREY, LABELS)
    same(folder, GREY, LABELS, letters, size=None)
    files = [(f"gzip/{path.name}", path.read_bytes()) for path in folder.iterdir()]
    same(genuine.zipped(tmp_path / "gzip.zip", files), GREY, LABELS, letters, size=None)  # as it is published


TRAIN = N - len(np.array_split(np.arange(N), 6)[-1])


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = genuine.cifar10(tmp_path / "cifar-10-batches-bin", SQUARE, LABELS)
    same(folder, SQUARE[:TRAIN], LABELS[:TRAIN], genuine.TEN, size=None)
    same(folder / "test_batch.bin", SQUARE[TRAIN:], LABELS[TRAIN:], genuine.TEN, size=None)
    files = [(f"{folder.name}/{path.name}", path.read_bytes()) for path in sorted(folder.iterdir())]
    packed = genuine.tarred(tmp_path / "cifar-10-binary.tar.gz", files)
    same(packed, SQUARE[:TRAIN], LABELS[:TRAIN], genuine.TEN, size=None)
    monkeypatch.setenv("DCGAN_DATA", str(tmp_path))
    same("cifar10:test", SQUARE[TRAIN:], LABELS[TRAIN:], genuine.TEN, size=None)


@pytest.mark.parametrize("python2", [True, False])
def test_cifar10_python_version(tmp_path: Path, python2: bool) -> None:
    folder = genuine.cifar10_python(tmp_path / "cifar-10-batches-py", SQUARE, LABELS, python2)
    same(folder, SQUARE[:TRAIN], LABELS[:TRAIN], genuine.TEN, size=None)


def test_cifar100(tmp_path: Path) -> None:
    fine = np.arange(N) * 5 % 100
    names = [f"fine{i}" for i in range(100)]
    for folder in (
        genuine.cifar100(tmp_path / "cifar-100-binary", SQUARE, fine),
        genuine.cifar100_python(tmp_path / "cifar-100-python", SQUARE, fine),
    ):
        found = same(folder, SQUARE, fine, names, size=None)
        assert np.array_equal(found.factors["coarse"], fine // 5)


def test_a_pickle_is_read_and_never_run(tmp_path: Path) -> None:
    folder = genuine.cifar10_python(tmp_path / "cifar-10-batches-py", SQUARE, LABELS)
    evil = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    (folder / "data_batch_1").write_bytes(evil)
    with pytest.raises(UserError, match="nothing in it is run"):
        opened(folder)
    assert not (tmp_path / "ran").exists()


def test_stl10(tmp_path: Path) -> None:
    images = genuine.pictures(N, 96, 96)
    folder = genuine.stl10(tmp_path / "stl10_binary", images, LABELS)
    same(folder, images, LABELS, genuine.TEN, size=None)
    same(folder / "unlabeled_X.bin", images[::-1], size=None)


@pytest.mark.parametrize("packed", [True, False])
def test_svhn(tmp_path: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine.svhn(tmp_path / "svhn" / "train_32x32.mat", SQUARE, LABELS, packed)
    same(tmp_path / "svhn", SQUARE, LABELS, "01234", size=None)
    monkeypatch.setenv("DCGAN_DATA", str(tmp_path))
    same("svhn", SQUARE, LABELS, "01234", size=None)


def test_lsun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = genuine.lsun(tmp_path / "bedroom_train_lmdb", IMAGES, lossless=True)
    same(folder, IMAGES)
    monkeypatch.setenv("DCGAN_DATA", str(tmp_path))
    assert same("lsun-bedroom", IMAGES).name == "lsun-bedroom"


@pytest.mark.parametrize("form", ["txt", "csv"])
@pytest.mark.parametrize("packed", [True, False])
def test_celeba(tmp_path: Path, form: str, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = np.random.default_rng(0).integers(0, 2, (N, 4))
    folder = genuine.celeba(tmp_path / "celeba", IMAGES, attributes, form, packed)
    stored = np.stack([np.asarray(Image.open(io.BytesIO(genuine.encoded(one, "JPEG", quality=95)))) for one in IMAGES])
    found = same(folder, stored[:-2])
    assert tuple(found.factors) == tuple(sorted(genuine.ATTRIBUTES))
    for i, name in enumerate(genuine.ATTRIBUTES):
        assert np.array_equal(found.factors[name], attributes[:-2, i] > 0)
    monkeypatch.setenv("DCGAN_DATA", str(tmp_path))
    same("celeba:test", stored[-1:])
    assert len(same("celeba:all", stored)) == N


@pytest.mark.parametrize("plain", [False, True])
def test_parquet(tmp_path: Path, plain: bool) -> None:
    path = genuine.parquet(tmp_path / "one.parquet", IMAGES, LABELS, plain=plain)
    found = same(path, IMAGES, LABELS, [f"kind{i}" for i in range(10)])
    assert np.array_equal(found.factors["weight"], np.arange(N))


def test_parquet_from_any_row_on(tmp_path: Path) -> None:
    """As it is read when preparing goes on: groups of 5, the last one smaller."""
    path = genuine.parquet(tmp_path / "one.parquet", IMAGES, LABELS)
    pictures = readers.read(path).pictures
    for start in range(N):
        names = [name for block in pictures.blocks(start, 3) for name in block.names]
        assert [name.rpartition(" ")[2] for name in names] == [str(i) for i in range(start, N)]


@pytest.mark.parametrize("beside", ["old.tar", "rows.parquet"])
def test_an_archive_beside_folders_of_pictures(tmp_path: Path, beside: str) -> None:
    folder = genuine.folder(tmp_path / "set", IMAGES, LABELS)
    (folder / beside).write_bytes(b"not looked into")
    found = data.open(folder, workers=0)
    assert len(found) == N
    assert [Path(one.path).name for one in found.skipped] == [beside]


def test_folders_called_as_cifar_s_files(tmp_path: Path) -> None:
    for name in ("train", "test", "meta"):
        genuine.folder(tmp_path / "set" / name, IMAGES[:4])
    assert data.open(tmp_path / "set", workers=0).classes == ("meta", "test", "train")


def test_parquet_columns_with_a_slash(tmp_path: Path) -> None:
    import pyarrow.parquet

    path = genuine.parquet(tmp_path / "one.parquet", IMAGES, LABELS)
    table = pyarrow.parquet.read_table(path)
    names = ["weight/kg" if name == "weight" else name for name in table.column_names]
    pyarrow.parquet.write_table(table.rename_columns(names), path)
    assert np.array_equal(data.open(path, workers=0).factors["weight-kg"], np.arange(N))


def test_parquet_as_on_hugging_face(tmp_path: Path) -> None:
    for i in range(2):
        genuine.parquet(tmp_path / "set/data" / f"train-{i:05d}-of-00002-ab12.parquet", IMAGES[i::2], LABELS[i::2])
    genuine.parquet(tmp_path / "set/data/test-00000-of-00001.parquet", IMAGES[:3], LABELS[:3])
    (tmp_path / "set/README.md").write_text("a card")
    order = np.concatenate([np.arange(i, N, 2) for i in range(2)])
    same(tmp_path / "set", IMAGES[order], LABELS[order], [f"kind{i}" for i in range(10)])


@pytest.mark.parametrize("images", [IMAGES, GREY, genuine.pictures(N, 20, 32, 4)], ids=["rgb", "grey", "rgba"])
def test_arrays(tmp_path: Path, images: np.ndarray) -> None:
    same(images, images)
    if images.shape[3] == 1:
        same(images[..., 0], images)
    same(images.transpose(0, 3, 1, 2), images)
    same(images.astype(np.float32) / 255, images)
    same(images / 127.5 - 1, images)
    same(images.astype(np.uint16) * 257, images)
    same(images.astype(np.int64), images)
    np.save(tmp_path / "a.npy", images)
    same(tmp_path / "a.npy", images)
    np.save(tmp_path / "f.npy", np.asfortranarray(images))
    same(tmp_path / "f.npy", images)
    for save, name in ((np.savez, "b.npz"), (np.savez_compressed, "c.npz")):
        save(tmp_path / name, labels=LABELS + 3, x=images.astype(np.float32) / 255)
        same(tmp_path / name, images, LABELS, "34567")


@pytest.mark.skipif(not REAL, reason="DCGAN_DATA names no folder with MNIST and its kin")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_the_real_thing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCGAN_DATA", REAL)
    where = Path(REAL) / ("cifar-10-batches-bin" if name == "cifar10" else name)
    if not where.exists():
        pytest.skip(f"{where} is not there")
    train, test = data.open(name), data.open(f"{name}:test")
    side, channels = (32, 3) if name == "cifar10" else (28, 1)
    assert train.images.shape == (50_000 if name == "cifar10" else 60_000, side, side, channels)
    assert test.images.shape == (10_000, side, side, channels)
    assert train.labels is not None
    if name == "mnist":
        assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
        raw = np.fromfile(where / "t10k-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 28, 28, 1)
        assert np.array_equal(test.images, raw)
    elif name == "fashion-mnist":
        assert np.bincount(train.labels).tolist() == [6_000] * 10
        raw = np.frombuffer(gzip.decompress((where / "t10k-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
        assert np.array_equal(test.images.reshape(-1), raw)
    else:
        assert np.bincount(train.labels).tolist() == [5_000] * 10
        record = np.fromfile(where / "test_batch.bin", np.uint8).reshape(-1, 3073)[77]
        assert np.array_equal(test.images[77], record[1:].reshape(3, 32, 32).transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("spec", "module", "words"),
    [("a.parquet", "pyarrow", "pyarrow"), ("train_32x32.mat", "scipy", "scipy"), ("a_lmdb", "lmdb", "lmdb")],
)
def test_a_missing_package_is_named(
    tmp_path: Path, spec: str, module: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = {"a.parquet": lambda: genuine.parquet(tmp_path / spec, IMAGES, LABELS),
            "train_32x32.mat": lambda: genuine.svhn(tmp_path / spec, SQUARE, LABELS),
            "a_lmdb": lambda: genuine.lsun(tmp_path / spec, IMAGES)}[spec]()  # fmt: skip
    (tmp_path / "none" / module).mkdir(parents=True)
    (tmp_path / "none" / module / "__init__.py").write_text("raise ImportError")
    from dcgan.data.readers import apart

    apart._end()  # a child that has the package imported would not notice
    monkeypatch.setattr(sys, "path", [str(tmp_path / "none"), *sys.path])
    with pytest.raises(UserError, match=rf"{words}: pip install 'dcgan\[formats\]'"):
        opened(path)
    apart._end()
