"""Duplicates in a prepared set: the same pixels, or the same picture saved again (other quality, size, light).

Two pictures are taken for one when, reduced to 16 x 16 by area, they correlate above 0.997 and are about as light and
as rich in contrast. Measured on faces and rooms drawn at 256 px and prepared at 64: one saved again as JPEG of
quality 60, at half its size with quality 70, or 10 % darker stays above it; of 10,000 different ones, all faces and
99.9 % of the rooms have no other above 0.9973. Who looks for pairs among a million does not compare all: two such
pictures are near in every projection, so a few coarse grids over the main axes bring them together (locality-
sensitive hashing). Of the 100 pairs that comparing all finds in Fashion-MNIST, this finds 90; of pictures saved
again, all.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from . import cache, prepare, table
from .dataset import NAMES, SKIPPED, Dataset
from .fingerprint import digests
from .readers import naming

_SIDE = 16
_ALIKE = 0.997  # correlation
_LIGHT = 25.0  # grey levels between the means
_CONTRAST = 1.3  # ratio of the standard deviations
_AXES = 12
_CELL = 0.3  # of a grid; two pictures that correlate by _ALIKE are at most 0.077 apart
_GRIDS = 8
_NEIGHBOURS = 24  # in a cell, each picture is compared with so many that come after it along the first axis
_CHUNK = 2048


def duplicates(dataset: Dataset, report: prepare.Progress = prepare.silent) -> np.ndarray:
    """int64 [N]: for each picture the earlier one that it repeats, or -1."""
    of = exact(dataset)
    rows = np.flatnonzero(of < 0)
    axes = _main_axes(dataset.images, rows)
    places = np.empty((len(rows), axes.shape[1]), np.float32)
    for i in range(0, len(rows), _CHUNK):
        places[i : i + _CHUNK] = _reduced(dataset.images[rows[i : i + _CHUNK]])[0] @ axes
        report("looking for duplicates", min(i + _CHUNK, len(rows)), len(rows))
    pairs = [rows[pair] for pair in _near(places)]
    edges = np.concatenate([pair[_same(dataset.images, pair)] for pair in pairs] or [np.empty((0, 2), np.int64)])
    return first_of_each(of, edges)


def first_of_each(of: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """`of` with what the pairs [n, 2] say: each picture repeats the first that is like it and repeats none itself."""
    for later, earlier in sorted({(int(j), int(i)) for i, j in np.sort(pairs, axis=1)}):
        if of[earlier] < 0 and of[later] < 0:
            of[later] = earlier
    return of


def leave_out(dataset: Dataset, of: np.ndarray, method: str, report: prepare.Progress = prepare.silent) -> Dataset:
    """The set without the pictures that repeat another (`of` as `duplicates` gives it), as an entry of the cache."""
    keep = np.flatnonzero(of < 0)
    if len(keep) == len(dataset):
        return replace(dataset, facts=dataset.facts | {"duplicates": 0})
    names = dataset.names_below()
    called = naming.seal(names or ())[:8]
    final = cache.home() / "prepared" / f"{dataset.name}-{dataset.fingerprint[:16]}-{called}-{method}"
    labels, classes = None, dataset.classes
    if dataset.labels is not None:
        labels, classes = prepare.without_lost(dataset.labels, keep, classes)

    def write(part) -> None:
        with table.Writer(part, logs=(SKIPPED, NAMES)) as writer:
            start = writer.rows
            if not start:
                for line in dataset.skipped_below():
                    writer.line(SKIPPED, line)
                for i in np.flatnonzero(of >= 0).tolist():
                    name, other = (names[i], names[of[i]]) if names else (f"picture {i}", f"picture {of[i]}")
                    writer.line(SKIPPED, [name, f"a duplicate of {other}", False])
            for i in range(start, len(keep), _CHUNK):
                rows = keep[i : i + _CHUNK]
                columns: dict[str, Any] = {"images": dataset.images[rows], "origin": rows}
                columns |= {f"factor-{name}": values[rows] for name, values in dataset.factors.items()}
                if labels is not None:
                    columns["labels"] = labels[i : i + len(rows)]
                writer.append(columns | {"digests": digests(columns["images"])})
                for row in rows.tolist() if names else ():
                    writer.line(NAMES, names[row])  # pyrefly: ignore
                writer.commit()
                report("leaving out duplicates", i + len(rows), len(keep))
            writer.finish()
        prepare.write_index(part, len(keep), classes, dataset.facts | {"duplicates": len(dataset) - len(keep)})

    return prepare.entry(final, write, dataset.name, dataset.root, report)


def exact(dataset: Dataset) -> np.ndarray:
    """int64 [N]: for each picture the first of the same pixels, or -1."""
    known = None if dataset.folder is None or dataset.start else np.load(dataset.folder / "digests.npy", mmap_mode="r")
    if known is None or len(known) != len(dataset):
        known = np.concatenate([digests(dataset.images[i : i + _CHUNK]) for i in range(0, len(dataset), _CHUNK)])
    whole = np.ascontiguousarray(known).view(f"V{known.shape[1]}").reshape(-1)
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    of = first[which].astype(np.int64)
    of[of == np.arange(len(of))] = -1
    return of


def _reduced(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each picture as a vector of length 1 and mean 0 (of 0 where it is all one shade), its mean and its contrast."""
    _, height, width, _ = images.shape
    small = np.einsum("ih,nhwc,jw->nijc", _area(height), images.astype(np.float32), _area(width), optimize=True)
    flat = small.reshape(len(images), -1)
    mean = flat.mean(axis=1, keepdims=True)
    flat = flat - mean
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    contrast = length / np.sqrt(flat.shape[1])
    return flat / np.maximum(length, 1e-3), mean[:, 0], contrast[:, 0]


def _area(size: int) -> np.ndarray:
    """[side, size]: rows that average over the side-th parts of a line, also where a pixel is divided between two."""
    side = min(_SIDE, size)
    edges = np.arange(side + 1) * size / side
    pixel = np.arange(size)
    shares = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (np.clip(shares, 0, None) * side / size).astype(np.float32)


def _main_axes(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """[features, axes]: the main axes of a sample of the reduced pictures."""
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), 4096), dtype=np.int64)]
    vectors = _reduced(images[np.unique(sample)])[0]
    return np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)[2][:_AXES].T


def _near(places: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs [n, 2] that may be alike, from each grid: those in a cell whose places are near enough."""
    rng = np.random.default_rng(0)
    reach = np.sqrt(2 * (1 - _ALIKE))
    for _ in range(_GRIDS):
        cells = np.floor((places + rng.uniform(0, _CELL, places.shape[1])) / _CELL).astype(np.int64)
        cell = (cells * rng.integers(1, 2**62, places.shape[1])).sum(axis=1)  # equal cells have equal sums
        order = np.lexsort((places[:, 0], cell))
        for step in range(1, _NEIGHBOURS + 1):
            one, other = order[:-step], order[step:]
            close = np.flatnonzero((cell[one] == cell[other]) & (places[other, 0] - places[one, 0] <= reach))
            one, other = one[close], other[close]
            near = np.linalg.norm(places[one] - places[other], axis=1) <= reach
            yield np.stack([one[near], other[near]], axis=1)


def _same(images: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """bool [n]: which pairs are one picture."""
    same = np.empty(len(pairs), bool)
    for i in range(0, len(pairs), _CHUNK):
        (a, mean_a, contrast_a), (b, mean_b, contrast_b) = (_reduced(images[side]) for side in pairs[i : i + _CHUNK].T)
        alike = (a * b).sum(axis=1) >= _ALIKE
        light = np.abs(mean_a - mean_b) <= _LIGHT
        rich = np.maximum(contrast_a, contrast_b) <= _CONTRAST * np.minimum(contrast_a, contrast_b)
        same[i : i + _CHUNK] = alike & light & rich
    return same
