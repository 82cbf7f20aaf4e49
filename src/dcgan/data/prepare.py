"""Decode once: a Source becomes a Dataset in the cache, and is found there ever after.

    <cache>/prepared/<name>-<key>/         images.npy, labels.npy, ..., skipped.jsonl, names.jsonl, index.json
    <cache>/prepared/<name>-<key>.same     other options that come to the same: the name of the entry
    <cache>/prepared/<name>-<key>.part/    the same while it grows (table.py); killed, the next start goes on from it

The key is of the source's identity and the options. The folder gets its name by one rename when all is in it and on
disk, so that what has the name is whole. Blocks are decoded by child processes and written in order by this one: the
result is the same bytes for any number of workers and any interruptions.
"""

import hashlib
import json
import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import UserError
from dcgan.files import write_whole

from . import cache, children, decode, table
from .children import Pool
from .dataset import NAMES, SKIPPED, Dataset, skipped_lines
from .decode import Options
from .fingerprint import seal
from .readers.naming import parsing
from .source import Block, Pictures, Source
from .streamed import Streamed

Progress = Callable[[str, int, int], None]  # what is done ("preparing faces"), how much of it, of how much
Result = dict[str, Any]  # decode.block's
Classes = tuple[str, ...] | None

SAME = ".same"  # <key>.same holds the name of the entry that is what this key would be
FORMAT = 1  # part of the key: raise it when the same source and options would give other pixels
DEFAULT_SIZE = (64, 64)  # where neither the source nor the user has one
INDEX = "index.json"
_FEW = 16  # pictures that are not worth another child
_BLOCK_BYTES = 4 << 20  # of prepared pixels in a block, so that memory does not grow with the size of a picture
_COMMIT_EVERY = 1.0  # s; what a kill costs at most
_SIZES_KEPT = 1000  # different sizes counted one by one


def silent(what: str, done: int, total: int) -> None:
    """No progress bar."""


@dataclass(frozen=True)
class Wanted:
    """What the user asked for; None is decided by the pictures."""

    size: tuple[int, int] | None = None
    channels: int | None = None
    fit: str = "crop"
    background: tuple[int, int, int] = (255, 255, 255)
    fast: bool = False

    def options(self, size: tuple[int, int], channels: int) -> Options:
        return Options(*size, channels, self.fit, self.background, self.fast)


@dataclass(frozen=True)
class How:
    """What has no influence on the result."""

    max_bad: float = 0.1
    workers: int | None = None  # processes; None: one a core; 0: none, all in this one (for tests)
    report: Progress = silent

    def pool(self, count: int) -> Pool:
        """Children for so many pictures."""
        return Pool(min(children.cores() if self.workers is None else self.workers, -(-count // _FEW)))


class _Colourful(Exception):
    """The sample was all grey, but a picture further on is not."""


def prepare(source: Source, wanted: Wanted, how: How) -> Dataset:
    if (ready := _as_it_lies(source, wanted)) is not None:
        return ready
    final = _place(source, wanted)
    if (same := final.with_name(final.name + SAME)).is_file():
        final = final.with_name(same.read_text("utf-8"))
    if not final.exists() and _exceeds(source, wanted, final.with_name(final.name + ".part")):
        what = f"{source.name} is larger than the free disk: it is decoded while it is read"
        how.report(what, 0, source.pictures.count)
        return stream(source, wanted, how)

    def write(part: Path) -> None:
        _write(source, wanted, part, how)
        _name_same(source, wanted, part, final)

    found = entry(final, write, source.name, source.root, how.report)
    check_bad(source, found.facts["bad"], len(found), final, how.max_bad)
    return found


def _place(source: Source, wanted: Wanted) -> Path:
    about = json.dumps([FORMAT, source.identity, asdict(wanted)], sort_keys=True)
    return cache.home() / "prepared" / f"{source.name}-{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def _name_same(source: Source, wanted: Wanted, part: Path, final: Path) -> None:
    """What the pictures decided may be asked for in so many words (a run that goes on does): that is prepared too."""
    shape = np.load(part / "images.npy", mmap_mode="r").shape
    for size in {wanted.size, shape[1:3]}:
        for channels in {wanted.channels, shape[3]}:
            place = _place(source, replace(wanted, size=size, channels=channels))
            if place != final and not place.exists():
                write_whole(place.with_name(place.name + SAME), final.name.encode())


def _bytes(pictures: Pictures, wanted: Wanted, channels: int) -> int:
    height, width = wanted.size or pictures.size or DEFAULT_SIZE
    return pictures.count * height * width * channels


def _exceeds(source: Source, wanted: Wanted, part: Path) -> bool:
    """Whether the prepared pictures would not fit, and can be had without."""
    pictures = source.pictures
    if pictures.pick is None or pictures.light or source.only_prepared:
        return False
    place = next(place for place in (part, *part.absolute().parents) if place.exists())
    held = sum(path.stat().st_size for path in part.glob("*"))
    return _bytes(pictures, wanted, wanted.channels or pictures.channels or 3) > shutil.disk_usage(place).free + held


def stream(source: Source, wanted: Wanted, how: How) -> Dataset:
    """Nothing prepared: each picture is decoded when it is looked at. (Where a sample of them is grey, all are made so:
    only who prepares them all finds the one that is not.)"""
    if source.array is not None or source.only_prepared:
        return prepare(source, wanted, how)
    pictures = source.pictures
    if pictures.pick is None:
        raise UserError(
            f"{source.root or source.name}: pictures of this kind are read only one after another, and cannot be "
            "streamed; unpack them to a folder, or pack them as plain .tar shards"
        )
    pool = how.pool(pictures.count)
    channels = wanted.channels or pictures.channels or _natural_channels(pictures, pool)
    options = wanted.options(wanted.size or pictures.size or DEFAULT_SIZE, channels)
    about = json.dumps([FORMAT, source.identity, asdict(options)], sort_keys=True)
    images = Streamed(source.name, pictures, options, how.max_bad, pool)
    facts = {"bad": sum(one.bad for one in pictures.skipped), "kinds": {}, "sizes": {}}
    return Dataset(
        source.name,
        images,  # type: ignore[arg-type] -- an array as far as it is used
        "streamed " + hashlib.sha256(about.encode()).hexdigest(),
        pictures.labels,
        pictures.classes,
        pictures.factors,
        facts,
        root=source.root,
    )


def _as_it_lies(source: Source, wanted: Wanted) -> Dataset | None:
    """An array that is as it should be needs no copy in the cache."""
    array = source.array
    if array is None or array.dtype != np.uint8 or wanted.size not in (None, array.shape[1:3]):
        return None
    if wanted.channels not in (None, array.shape[3]):
        return None
    size = f"{array.shape[2]}x{array.shape[1]}"
    kind = {1: "array L", 3: "array RGB", 4: "array RGBA"}[array.shape[3]]
    facts = {"bad": 0, "kinds": {kind: len(array)}, "sizes": {size: len(array)}}
    return Dataset(source.name, array, seal(array), facts=facts)


def entry(final: Path, write: Callable[[Path], None], name: str, root: str, report: Progress) -> Dataset:
    """What lies in the cache under this name; before it does, `write` fills a folder that then gets the name."""
    found = load(final, name, root)
    if found is None:
        waiting = f"waiting for another process that prepares {name}"
        with cache.turn(final.with_name(final.name + ".lock"), lambda: report(waiting, 0, 1)):
            found = load(final, name, root)
            if found is None:
                _fill(final, write)
                found = load(final, name, root)
                assert found is not None
    return found


def load(folder: Path, name: str, root: str) -> Dataset | None:
    """What lies prepared there, if it does, and whole."""
    try:
        index = json.loads((folder / INDEX).read_text("utf-8"))
        columns = {one: np.load(folder / f"{one}.npy", mmap_mode="r", allow_pickle=False) for one in index["columns"]}
    except (OSError, ValueError):
        return None
    if any(len(column) != index["count"] for column in columns.values()):
        return None
    factors = {
        one.removeprefix("factor-"): np.array(values) for one, values in columns.items() if one.startswith("factor-")
    }
    labels = np.array(columns["labels"]) if "labels" in columns else None
    classes = None if index["classes"] is None else tuple(index["classes"])
    images, facts = columns["images"], index["facts"]
    return Dataset(name, images, index["fingerprint"], labels, classes, factors, facts, folder, root)


def _fill(final: Path, write: Callable[[Path], None]) -> None:
    part = final.with_name(final.name + ".part")
    if final.exists():  # it has the name but cannot be loaded: something in it was removed or changed
        shutil.rmtree(final)
    try:
        with cache.writing(part):
            if not (part / INDEX).exists() or (part / table.PROGRESS).exists():  # else all was done but the rename
                write(part)
                for path in part.iterdir():
                    with open(path, "rb+") as file:
                        os.fsync(file.fileno())
                (part / table.PROGRESS).unlink()
            os.rename(part, final)
            cache.sync_folder(final.parent)
    except UserError as error:
        if isinstance(error.__context__, OSError):  # a disk that is full does not stay so for our sake
            shutil.rmtree(part, ignore_errors=True)
        raise


def too_many(bad: int, good: int, max_bad: float) -> bool:
    return bad > 0 and (good == 0 or bad > max_bad * (good + bad))


def check_bad(source: Source, bad: int, good: int, folder: Path, max_bad: float) -> None:
    if not too_many(bad, good, max_bad):
        return
    shown = islice((line for line in skipped_lines(folder) if line[2]), 3)
    some = "; ".join(f"{name}: {reason}" for name, reason, _ in shown)
    if not good:
        raise UserError(
            f"{source.name}: none of its {bad} pictures can be read ({some}); name others, or fetch these again"
        )
    raise UserError(
        f"{source.name}: {bad} of {good + bad} pictures cannot be read, more than --max-bad {max_bad:g} allows "
        f"({some}); `dcgan data` lists them all"
    )


def _write(source: Source, wanted: Wanted, part: Path, how: How) -> None:
    pictures = source.pictures
    while True:
        with table.Writer(part, logs=(SKIPPED, NAMES)) as writer, how.pool(pictures.count) as pool:
            try:
                _append(source, pictures, wanted, writer, how, pool)
                _finish(pictures, writer)
                return
            except _Colourful:
                wanted = replace(wanted, channels=3)
        shutil.rmtree(part)


def _append(source: Source, pictures: Pictures, wanted: Wanted, writer: table.Writer, how: How, pool: Pool) -> None:
    notes = writer.notes
    known_bad = sum(one.bad for one in pictures.skipped)
    total = pictures.count + known_bad
    if not notes:
        channels = wanted.channels or pictures.channels or _natural_channels(pictures, pool)
        notes |= {"next": 0, "channels": channels, "bad": known_bad, "kinds": {}, "sizes": {}}
        cache.check_space(_bytes(pictures, wanted, channels), f"preparing {source.name}")
        for one in pictures.skipped:
            writer.line(SKIPPED, [one.path, one.reason, one.bad])
    must_be_grey = wanted.channels is None and pictures.channels is None and notes["channels"] == 1
    options = wanted.options(wanted.size or pictures.size or DEFAULT_SIZE, notes["channels"])
    kinds, sizes = Counter(notes["kinds"]), Counter(notes["sizes"])
    last = time.monotonic()
    for block, result in _results(source, pictures, options, notes["next"], pool):
        if must_be_grey and result["natural"] > 1:
            raise _Colourful
        kept = result["kept"]
        if len(kept):
            columns = {"images": result["images"], "origin": kept + notes["next"], "digests": result["digests"]}
            writer.append(columns | {f"factor-{name}": values[kept] for name, values in result["factors"].items()})
            if block.has_names:
                for i in kept.tolist():
                    writer.line(NAMES, block.names[i])
        for name, why in result["skipped"]:
            writer.line(SKIPPED, [name, why, True])
        kinds.update(result["kinds"])
        for shape, number in result["sizes"].items():
            sizes[shape if shape in sizes or len(sizes) < _SIZES_KEPT else "other"] += number
        notes |= {"next": notes["next"] + len(block), "bad": notes["bad"] + len(result["skipped"])}
        how.report(f"preparing {source.name}", notes["next"], pictures.count)
        if notes["bad"] > how.max_bad * total:  # it can only get worse
            break
        if time.monotonic() - last > _COMMIT_EVERY:
            notes |= {"kinds": kinds, "sizes": sizes}
            writer.commit()
            last = time.monotonic()
    notes |= {"kinds": kinds, "sizes": sizes}
    writer.commit()
    if notes["bad"] > how.max_bad * total or not writer.rows:
        check_bad(source, notes["bad"], total - notes["bad"] if writer.rows else 0, writer.folder, how.max_bad)
        raise UserError(f"{source.root or source.name}: it holds no pictures")


def _results(
    source: Source, pictures: Pictures, options: Options, start: int, pool: Pool
) -> Iterator[tuple[Block, Result]]:
    """Each block from picture `start` on, in order, and what became of it."""
    if pictures.light and pictures.size == (options.height, options.width):
        with parsing(source.root or source.name, "a set of pictures"):
            for block in pictures.blocks(start, 1024):
                yield block, decode.decoded(block, options)
        return
    count = max(1, min(128, _BLOCK_BYTES // (options.height * options.width * options.channels)))
    sent: deque[Block] = deque()

    def tasks() -> Iterator[tuple[Any, ...]]:
        with parsing(source.root or source.name, "a set of pictures"):
            for block in pictures.blocks(start, count):
                sent.append(block)
                yield block.message(), asdict(options)

    for result in pool.ordered("decode:block", tasks()):
        block = sent.popleft()
        if isinstance(result, children.Died):
            yield from _one_by_one(block, options, pool)
        else:
            yield block, result


def _one_by_one(block: Block, options: Options, pool: Pool) -> Iterator[tuple[Block, Result]]:
    """A child died over this block: find over which picture, and go on without it."""
    for i in range(len(block)):
        one = block.only(i)
        result = pool.submit("decode:block", one.message(), asdict(options)).result()
        died = isinstance(result, children.Died)
        yield one, decode.lost(one, options, f"its decoder {result}") if died else result


def _natural_channels(pictures: Pictures, pool: Pool) -> int:
    """1, 3 or 4: what a sample of the pictures is; the first in colour settles it."""
    seen = set()
    for block in pictures.sample(32):
        answer = pool.submit("decode:natural_channels", block.message()).result()
        seen |= {3} if isinstance(answer, children.Died) else set(answer)
        if 3 in seen:
            return 3
    seen.discard(None)
    return seen.pop() if len(seen) == 1 else 3


def _finish(pictures: Pictures, writer: table.Writer) -> None:
    """What goes beside the pictures, and the index."""
    rows, notes, folder = writer.rows, writer.notes, writer.folder
    writer.finish()
    origin = np.load(folder / "origin.npy")
    for name, values in pictures.factors.items():
        np.save(folder / f"factor-{name}.npy", values[origin])
    classes = pictures.classes
    if pictures.labels is not None:
        labels, classes = without_lost(pictures.labels, origin, classes)
        np.save(folder / "labels.npy", labels)
    facts = {"bad": notes["bad"], "kinds": notes["kinds"], "sizes": notes["sizes"]}
    write_index(folder, rows, classes, facts)


def without_lost(labels: np.ndarray, origin: np.ndarray, classes: Classes) -> tuple[np.ndarray, Classes]:
    """The labels of the pictures that are used, and the classes without those of which nothing could be read."""
    kept = labels[origin]
    if classes is None:
        return kept, None
    lost = np.bincount(labels, minlength=len(classes)) > 0
    lost &= np.bincount(kept, minlength=len(classes)) == 0
    place = np.cumsum(~lost) - 1
    return place[kept], tuple(name for name, gone in zip(classes, lost.tolist(), strict=True) if not gone)


def write_index(folder: Path, count: int, classes: tuple[str, ...] | None, facts: dict[str, Any]) -> None:
    """The index, from the columns that lie in the folder: with it, the entry is complete."""
    columns = sorted(path.stem for path in folder.glob("*.npy"))
    images = np.load(folder / "images.npy", mmap_mode="r")
    labels = np.load(folder / "labels.npy") if "labels" in columns else None
    fingerprint = seal(images, labels, classes, np.load(folder / "digests.npy"))
    index = {"count": count, "columns": columns, "classes": classes, "fingerprint": fingerprint, "facts": facts}
    write_whole(folder / INDEX, json.dumps(index, indent=1, sort_keys=True).encode())
