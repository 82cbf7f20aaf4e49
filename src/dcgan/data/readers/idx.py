"""MNIST's files and their kin: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, gzipped or not.

IDX (LeCun's page): two zero bytes, 8 for unsigned bytes, the number of dimensions, each dimension as a big-endian
uint32, then the numbers. EMNIST's pictures are stored transposed, and its classes stand in a `-mapping.txt`.
"""

import re
import struct
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

from ..source import Pictures, Source
from . import naming, pixels

_FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_IMAGES = re.compile(r"(?P<part>.*)-images(?P<dot>[.-])idx3-ubyte(\.gz)?")
_PARTS = {"train": "train", "test": "t10k"}  # what people call them, and how MNIST's files begin


def read(path: Path, split: str | None = None) -> Source:
    if path.is_dir():
        path = _in_folder(path, split)
    else:
        naming.no_split(path, split)
    labels = _labels_of(path)
    files = [path] if labels is None else [path, labels]
    mapping = path.with_name(re.sub(r"-(train|test)-images.*", "-mapping.txt", path.name))
    return Source(naming.short(path), ["idx", naming.stamp(files)], lambda: _pictures(path, labels, mapping), str(path))


def _pictures(path: Path, labels_path: Path | None, mapping: Path) -> Pictures:
    transposed = path.name.startswith("emnist")
    with naming.parsing(path, "an IDX file"):
        count, height, width = header(path, 3)
        records = pixels.Records(path, 16, height * width, count)

        def shape(rows: np.ndarray) -> np.ndarray:
            if transposed:
                return rows.reshape(-1, width, height).transpose(0, 2, 1)
            return rows.reshape(-1, height, width)

        if pixels.is_gzip(path):
            found = Pictures(count, read=pixels.unzipping(records, shape))
        else:
            found = Pictures(count, pick=pixels.picking([records], shape))
    found.size, found.channels, found.light = (height, width), 1, True
    if labels_path is not None:
        with naming.parsing(labels_path, "an IDX file"):
            (number,) = header(labels_path, 1)
            if number != count:
                raise UserError(
                    f"{labels_path}: {number} labels for {count} pictures; the files do not belong together"
                )
            found.labels, found.classes = _classes(path, _load(labels_path, number), mapping)
    return found


def header(path: Path, dimensions: int) -> tuple[int, ...]:
    """The shape that an IDX file of unsigned bytes states, if what is there can be as long."""
    packed = pixels.is_gzip(path)
    with pixels.unzipped(path) if packed else open(path, "rb") as file:
        head = file.read(4 + 4 * dimensions)
    if len(head) < 4 + 4 * dimensions or head[:4] != bytes((0, 0, 8, dimensions)):
        begins = f"it begins with {head[:4].hex(' ')}" if head else "it is empty"
        raise UserError(
            f"{path}: not an IDX file of {dimensions} dimension{'s'[: dimensions > 1]} ({begins}); fetch it again"
        )
    shape = struct.unpack(f">{dimensions}I", head[4:])
    wanted = len(head) + int(np.prod(np.array(shape, dtype=object)))
    size = path.stat().st_size
    if 0 in shape:
        raise UserError(f"{path}: it holds nothing")
    if size * 1100 < wanted if packed else size != wanted:  # deflate packs at most about 1030 to 1
        raise UserError(f"{path}: its header promises {wanted} bytes and it has {size}; it is damaged: fetch it again")
    return shape


def _load(path: Path, count: int) -> np.ndarray:
    if not pixels.is_gzip(path):
        return np.fromfile(path, np.uint8, count, offset=8)
    with pixels.unzipped(path) as stream:
        stream.seek(8)
        return np.frombuffer(pixels.exactly(stream, count, path), np.uint8)


def _in_folder(folder: Path, split: str | None) -> Path:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if match := _IMAGES.fullmatch(path.name):
            found.setdefault(match["part"], path)
    parts = [part for part, start in _PARTS.items() if start in found]
    parts += [part for part in found if part not in _PARTS.values()]
    part = naming.one_of(folder, split, parts)
    return found[_PARTS.get(part, part)]


def _labels_of(images: Path) -> Path | None:
    match = _IMAGES.fullmatch(images.name)
    if match is None:
        return None
    name = f"{match['part']}-labels{match['dot']}idx1-ubyte"
    return next((path for path in (images.with_name(name), images.with_name(name + ".gz")) if path.is_file()), None)


def _classes(images: Path, labels: np.ndarray, mapping: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels from 0, and their names."""
    labels = labels.astype(np.int64)
    if mapping.name != images.name and mapping.is_file():
        # "10 65": label 10 is the letter A. In EMNIST's letters the labels begin at 1 and name both cases: "1 65 97".
        rows = [
            [int(word) for word in line.split()] for line in mapping.read_text("ascii").splitlines() if line.strip()
        ]
        names = {row[0]: "".join(dict.fromkeys(chr(code) for code in row[1:])) for row in rows}
        known = np.array(sorted(names), dtype=np.int64)
        if np.isin(labels, known).all():
            return np.searchsorted(known, labels), tuple(names[int(label)] for label in known)
    folders = [folder.name.lower() for folder in images.absolute().parents]
    own = next((name for name in folders if "mnist" in name), folders[0])  # FashionMNIST/raw, as torchvision has it
    if "fashion" in own and labels.max() < len(_FASHION):
        return labels, _FASHION
    return labels, tuple(str(i) for i in range(max(10, int(labels.max()) + 1)))
