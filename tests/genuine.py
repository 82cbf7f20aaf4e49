"""Pictures and files of every format that dcgan reads, byte for byte as their makers publish them.

Each function writes what its name says from `images` uint8 [N, H, W, C] and `labels`, and returns the path to give to
`data.open`.
"""

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def pictures(count: int, height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Smooth, all different, and neither symmetric nor square in content: a transposed or mirrored one is found out."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width][:, None, ..., None] / max(height, width)
    a, b, c = rng.uniform(1, 5, (3, count, 1, 1, channels))
    wave = np.sin(a * x * 3 + b * y + c) + 0.6 * np.cos(5 * x * y * b + a)
    low, high = wave.min(axis=(1, 2), keepdims=True), wave.max(axis=(1, 2), keepdims=True)
    images = (wave - low) / (high - low) * 255
    images[:, : max(1, height // 4), : max(1, width // 5)] = rng.integers(0, 255, (count, 1, 1, channels))
    return images.round().astype(np.uint8)


def image(array: np.ndarray) -> Image.Image:
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def encoded(array: np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image(array).save(file, kind, **options)
    return file.getvalue()


def folder(path: Path, images: np.ndarray, labels: Sequence[int] | None = None, kind: str = "png") -> Path:
    for i, one in enumerate(images):
        place = path / f"class{labels[i]}" if labels is not None else path
        place.mkdir(parents=True, exist_ok=True)
        image(one).save(place / f"{i:05d}.{kind}")
    return path


def zipped(path: Path, files: Iterable[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def named(images: np.ndarray, labels: Sequence[int] | None = None, kind: str = "PNG") -> list[tuple[str, bytes]]:
    where = [""] * len(images) if labels is None else [f"class{label}/" for label in labels]
    return [
        (f"{at}{i:05d}.{kind.lower()}", encoded(one, kind))
        for i, (at, one) in enumerate(zip(where, images, strict=True))
    ]


def shards(folder: Path, images: np.ndarray, labels: Sequence[int], count: int = 3, suffix: str = "tar") -> Path:
    """WebDataset: the members of a sample stand beside each other and share a key."""
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(count):
        files = []
        for i in range(shard, len(images), count):
            about = json.dumps({"caption": f"number {i}"}).encode()
            members = (("jpg.png", encoded(images[i])), ("cls", str(labels[i]).encode()), ("json", about))
            files += [(f"{shard:02d}/sample{i:06d}.{ending.removeprefix('jpg.')}", data) for ending, data in members]
        tarred(folder / f"train-{shard:04d}.{suffix}", files)
    return folder


def idx(path: Path, array: np.ndarray, packed: bool = False) -> Path:
    """LeCun's format: magic number, dimensions as big-endian uint32, bytes."""
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if packed else data)
    return path


def mnist(folder: Path, images: np.ndarray, labels: np.ndarray, part: str = "train", packed: bool = False) -> Path:
    end = ".gz" if packed else ""
    idx(folder / f"{part}-images-idx3-ubyte{end}", images[..., 0], packed)
    idx(folder / f"{part}-labels-idx1-ubyte{end}", labels, packed)
    return folder


def emnist(folder: Path, images: np.ndarray, labels: np.ndarray, name: str = "emnist-letters") -> Path:
    """Stored transposed; in `letters` the labels begin at 1, each for an upper and a lower case."""
    idx(folder / f"{name}-train-images-idx3-ubyte.gz", images[..., 0].transpose(0, 2, 1), True)
    idx(folder / f"{name}-train-labels-idx1-ubyte.gz", labels + 1, True)
    rows = (f"{i + 1} {65 + i} {97 + i}" for i in range(26))
    (folder / f"{name}-mapping.txt").write_text("\n".join(rows) + "\n")
    return folder


TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def cifar10(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """Five batches and a test batch, the last sixth of the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    records = np.concatenate([labels[:, None].astype(np.uint8), planes], axis=1)
    for name, part in zip(
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], np.array_split(records, 6), strict=True
    ):
        (folder / f"{name}.bin").write_bytes(part.tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(TEN) + "\n\n")
    return folder


def cifar100(folder: Path, images: np.ndarray, fine: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    heads = np.stack([fine // 5, fine], axis=1).astype(np.uint8)
    (folder / "train.bin").write_bytes(np.concatenate([heads, planes], axis=1).tobytes())
    (folder / "test.bin").write_bytes(np.concatenate([heads, planes], axis=1)[:2].tobytes())
    (folder / "fine_label_names.txt").write_text("".join(f"fine{i}\n" for i in range(100)))
    (folder / "coarse_label_names.txt").write_text("".join(f"coarse{i}\n" for i in range(20)))
    return folder


def python2_batch(rows: np.ndarray, labels: Sequence[int]) -> bytes:
    """A batch as Python 2's cPickle wrote CIFAR's: protocol 2, text and the array's bytes as strings."""

    def text(word: bytes) -> bytes:
        return b"U" + bytes([len(word)]) + word

    def number(value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)

    dtype = b"cnumpy\ndtype\nq\x0b" + text(b"u1") + b"K\x00K\x01\x87Rq\x0c(K\x03" + text(b"|") + b"NNN"
    dtype += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = number(rows.shape[0]) + number(rows.shape[1]) + b"\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85" + text(b"b") + b"\x87Rq\x09"
    array += b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<I", rows.size) + rows.tobytes() + b"tb"
    listed = b"]q\x05(" + b"".join(number(label) for label in labels) + b"e"
    batch = text(b"batch_label") + b"q\x02" + text(b"training batch 1 of 5") + b"q\x03" + text(b"labels") + listed
    names = b"]q\x0d(" + b"".join(text(b"picture_%d.png" % i) for i in range(len(labels))) + b"e"
    return b"\x80\x02}q\x01(" + batch + text(b"data") + array + text(b"filenames") + names + b"u."


def cifar10_python(folder: Path, images: np.ndarray, labels: np.ndarray, python2: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name, part, own in zip(names, np.array_split(rows, 6), np.array_split(labels, 6), strict=True):
        batch = {"batch_label": name, "labels": own.tolist(), "data": np.ascontiguousarray(part), "filenames": []}
        data = python2_batch(part, own.tolist()) if python2 else pickle.dumps(batch)
        (folder / name).write_bytes(data)
    meta = {"num_cases_per_batch": 10000, "label_names": list(TEN), "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, 2))
    return folder


def cifar100_python(folder: Path, images: np.ndarray, fine: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.ascontiguousarray(images.transpose(0, 3, 1, 2).reshape(len(images), -1))
    for name in ("train", "test"):
        batch = {"fine_labels": fine.tolist(), "coarse_labels": (fine // 5).tolist(), "data": rows}
        (folder / name).write_bytes(pickle.dumps(batch, 2))
    names = {
        "fine_label_names": [f"fine{i}" for i in range(100)],
        "coarse_label_names": [f"coarse{i}" for i in range(20)],
    }
    (folder / "meta").write_bytes(pickle.dumps(names, 2))
    return folder


def stl10(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """[N, C, x, y]: each plane column by column; labels from 1."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train_X.bin").write_bytes(images.transpose(0, 3, 2, 1).tobytes())
    (folder / "train_y.bin").write_bytes((labels + 1).astype(np.uint8).tobytes())
    (folder / "unlabeled_X.bin").write_bytes(images[::-1].transpose(0, 3, 2, 1).tobytes())
    (folder / "class_names.txt").write_text("\n".join(TEN) + "\n")
    return folder


def svhn(path: Path, images: np.ndarray, labels: np.ndarray, packed: bool = True) -> Path:
    """MATLAB 5: X [32, 32, 3, N], y [N, 1] with 10 for the digit 0."""
    import scipy.io

    path.parent.mkdir(parents=True, exist_ok=True)
    y = np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]
    scipy.io.savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": y}, do_compression=packed)
    return path


def lsun(folder: Path, images: np.ndarray, kind: str = "WEBP", **options) -> Path:
    """LSUN's lmdb: 40 hexadecimal digits -> an encoded picture (theirs are WebP)."""
    import lmdb

    folder.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(folder), map_size=1 << 28) as store, store.begin(write=True) as writing:
        for i, one in enumerate(images):
            writing.put(f"{i:040x}".encode(), encoded(one, kind, **options))
    (folder / "lock.mdb").unlink()
    return folder


ATTRIBUTES = ("5_o_Clock_Shadow", "Male", "Smiling", "Young")


def celeba(folder: Path, images: np.ndarray, attributes: np.ndarray, form: str = "txt", packed: bool = True) -> Path:
    """The last pictures but one are `valid`, the last `test`; attributes are 1 and -1."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [(f"{i + 1:06d}.jpg", encoded(one, "JPEG", quality=95)) for i, one in enumerate(images)]
    parts = [0] * (len(files) - 2) + [1, 2]
    if packed:
        zipped(folder / "img_align_celeba.zip", [("img_align_celeba/" + name, data) for name, data in files])
    else:
        (folder / "img_align_celeba").mkdir()
        for name, data in files:
            (folder / "img_align_celeba" / name).write_bytes(data)
    signs = attributes * 2 - 1
    if form == "txt":
        rows = [
            f"{name} " + " ".join(f"{sign:2d}" for sign in own) for (name, _), own in zip(files, signs, strict=True)
        ]
        table = [str(len(files)), " ".join(ATTRIBUTES) + " ", *rows]
        division = [f"{name} {part}" for (name, _), part in zip(files, parts, strict=True)]
    else:
        rows = [f"{name}," + ",".join(str(sign) for sign in own) for (name, _), own in zip(files, signs, strict=True)]
        table = ["image_id," + ",".join(ATTRIBUTES), *rows]
        division = ["image_id,partition", *(f"{name},{part}" for (name, _), part in zip(files, parts, strict=True))]
    (folder / f"list_attr_celeba.{form}").write_text("\n".join(table) + "\n")
    (folder / f"list_eval_partition.{form}").write_text("\n".join(division) + "\n")
    return folder


def parquet(path: Path, images: np.ndarray, labels: Sequence[int], rows: int = 5, plain: bool = False) -> Path:
    """Hugging Face's layout: image is a struct of bytes and path, and the metadata name the classes."""
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [encoded(one) for one in images]
    if plain:
        column = pyarrow.array(cells, pyarrow.binary())
    else:
        kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
        column = pyarrow.array([{"bytes": cell, "path": f"{i}.png"} for i, cell in enumerate(cells)], kind)
    table = pyarrow.table({
        "image": column, "label": pyarrow.array(list(labels), pyarrow.int64()),
        "weight": pyarrow.array([float(i) for i in range(len(cells))]),
    })  # fmt: skip
    features = {"image": {"_type": "Image"}, "label": {"names": [f"kind{i}" for i in range(10)], "_type": "ClassLabel"}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pyarrow.parquet.write_table(table, path, row_group_size=rows)
    return path
