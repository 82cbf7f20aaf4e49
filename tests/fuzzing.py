"""Damaged files for every binary reader: input number i is always the same, so that a failure can be made again.

python tests/fuzzing.py lsun 17 /tmp/17.mdb      write lsun's input number 17 there
"""

import random
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import genuine
from dcgan.data import decode, readers
from dcgan.data.decode import Options
from dcgan.errors import UserError

N = 12
_VALUES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)


@dataclass(frozen=True)
class Target:
    """A reader: `make` writes a good file into a folder; `suffix` is what a damaged one is called."""

    make: Callable[[Path], Path]
    name: str


def _small(height: int = 8, width: int = 8, channels: int = 3) -> np.ndarray:
    return genuine.pictures(N, height, width, channels)


_LABELS = np.arange(N) % 5


def _saved(save: Callable, name: str, **arrays: np.ndarray) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        save(folder / name, **arrays)
        return folder / name

    return make


def _cifar_python(folder: Path) -> Path:
    rows = _small(32, 32).transpose(0, 3, 1, 2).reshape(N, -1)
    (folder / "data_batch_1").write_bytes(genuine.python2_batch(rows, _LABELS.tolist()))
    return folder / "data_batch_1"


def _one(kind: str, **how) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"one.{kind.lower()}"
        path.write_bytes(genuine.encoded(_small(40, 40)[0], kind, **how))
        return path

    return make


TARGETS: dict[str, Target] = {
    "idx": Target(lambda folder: genuine.idx(folder / "a-images-idx3-ubyte", _small()[..., 0]), "a-images-idx3-ubyte"),
    "idx.gz": Target(
        lambda folder: genuine.idx(folder / "a-images-idx3-ubyte.gz", _small()[..., 0], True), "a-images-idx3-ubyte.gz"
    ),
    "cifar": Target(
        lambda folder: genuine.cifar10(folder / "c", _small(32, 32), _LABELS) / "data_batch_1.bin", "data_batch_1.bin"
    ),
    "cifar-python": Target(_cifar_python, "data_batch_1"),
    "stl10": Target(
        lambda folder: genuine.stl10(folder / "s", genuine.pictures(2, 96, 96), _LABELS[:2]) / "train_X.bin",
        "train_X.bin",
    ),
    "svhn": Target(lambda folder: genuine.svhn(folder / "a.mat", _small(), _LABELS), "a.mat"),
    "svhn-plain": Target(lambda folder: genuine.svhn(folder / "a.mat", _small(), _LABELS, packed=False), "a.mat"),
    "lsun": Target(lambda folder: genuine.lsun(folder / "l", _small()) / "data.mdb", "data.mdb"),
    "parquet": Target(lambda folder: genuine.parquet(folder / "a.parquet", _small(), _LABELS), "a.parquet"),
    "npy": Target(
        lambda folder: (np.save(folder / "a.npy", _small()), folder / "a.npy")[1], "a.npy"
    ),
    "npz": Target(_saved(np.savez_compressed, "a.npz", images=_small(), labels=_LABELS), "a.npz"),
    "zip": Target(lambda folder: genuine.zipped(folder / "a.zip", genuine.named(_small(), _LABELS.tolist())), "a.zip"),
    "tar": Target(lambda folder: genuine.tarred(folder / "a.tar", genuine.named(_small(), _LABELS.tolist())), "a.tar"),
    "tar.gz": Target(lambda folder: genuine.tarred(folder / "a.tar.gz", genuine.named(_small())), "a.tar.gz"),
    "webdataset": Target(
        lambda folder: genuine.shards(folder / "w", _small(), _LABELS.tolist(), 1) / "train-0000.tar", "train-0000.tar"
    ),
    "celeba": Target(
        lambda folder: genuine.celeba(folder / "celeba", _small(), np.ones((N, 4), int)) / "img_align_celeba.zip",
        "img_align_celeba.zip",
    ),
    "jpeg": Target(_one("JPEG"), "one.jpeg"),
    "png": Target(_one("PNG"), "one.png"),
    "webp": Target(_one("WEBP"), "one.webp"),
    "gif": Target(_one("GIF"), "one.gif"),
    "tiff": Target(_one("TIFF", compression="tiff_lzw"), "one.tiff"),
    "bmp": Target(_one("BMP"), "one.bmp"),
    "avif": Target(_one("AVIF"), "one.avif"),
}  # fmt: skip


def damaged(good: bytes, number: int) -> bytes:
    """One to six of: a bit, a byte, an integer that means trouble, a cut, a hole, a repetition, noise."""
    rng = random.Random(number)
    data = bytearray(good)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        size = len(data)
        if not size:
            break
        where = rng.randrange(size)
        if rng.random() < 0.5:  # headers and indexes lie at the ends
            where = min(size - 1, rng.randrange(600)) if rng.random() < 0.5 else max(0, size - 1 - rng.randrange(600))
        what = rng.randrange(8)
        if what == 0:
            data[where] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[where] = rng.randrange(256)
        elif what in (2, 3):
            width = rng.choice((1, 2, 4, 8))
            value = rng.choice(_VALUES) & (2 ** (8 * width) - 1)
            data[where : where + width] = value.to_bytes(width, rng.choice(("little", "big")))
        elif what == 4:
            del data[where:]
        elif what == 5:
            del data[where : where + rng.choice((1, 4, 64, 512))]
        elif what == 6:
            data[where:where] = data[where : where + rng.choice((1, 4, 64, 512))]
        else:
            data[where:where] = rng.randbytes(rng.choice((1, 4, 64)))
    return bytes(data)


def drained(path: Path) -> int:
    """Read all that a source has, as `prepare` does: the number of good pictures."""
    pictures = readers.read(path).pictures
    options = Options(8, 8, 3)
    good = 0
    for block in pictures.blocks(0, 64):
        good += len(decode.decoded(block, options)["kept"])
    return good


@dataclass
class Tally:
    inputs: int = 0
    refused: int = 0  # by the reader's own error
    pictures: int = 0  # that came out of the others


def fuzz(name: str, numbers: range, scratch: Path) -> Tally:
    """Read the damaged inputs of these numbers; anything raised but UserError is a failure that names its number."""
    target = TARGETS[name]
    scratch.mkdir(parents=True, exist_ok=True)
    good = target.make(scratch)
    content = good.read_bytes()
    place = good.parent / target.name
    tally = Tally()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)
        assert drained(good) > 0
        for number in numbers:
            place.unlink()  # ext4 waits for the disk when a file is cut to nothing and written anew
            place.write_bytes(damaged(content, number))
            tally.inputs += 1
            try:
                tally.pictures += drained(place)
            except UserError as error:
                tally.refused += 1
                if "\n" in str(error):
                    raise AssertionError(f"{name}, input {number}: more than one line: {error}") from error
            except Exception as error:
                raise AssertionError(f"{name}, input {number}: {type(error).__name__}: {error}") from error
    return tally


if __name__ == "__main__":
    folder = Path(sys.argv[3]).parent
    content = TARGETS[sys.argv[1]].make(folder).read_bytes()
    Path(sys.argv[3]).write_bytes(damaged(content, int(sys.argv[2])))
