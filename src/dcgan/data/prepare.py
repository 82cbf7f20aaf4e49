"""Decode once: a Source becomes a Dataset in the cache, and is found there ever after.

    <cache>/prepared/<name>-<key>/         images.npy, labels, factors, skipped.jsonl, index.json
    <cache>/prepared/<name>-<key>.part/    the same while it grows (table.py); killed, the next start goes on from it

The key is of the source's identity and the options. The folder gets its name by one rename when all is in it and on
disk, so that what has the name is whole. Blocks are decoded by child processes and written in order by this one: the
result is the same bytes for any number of workers and any interruptions.
"""

import errno
import hashlib
import json
import os
import shutil
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import UserError
from dcgan.files import write_whole

from . import cache, children, decode, table
from .dataset import Dataset, read_skipped
from .decode import Options
from .source import Block, Source

Progress = Callable[[str, int, int], None]  # what is done ("preparing faces"), how much of it, of how much
Result = dict[str, Any]  # decode.block's

FORMAT = 1  # part of the key: raise it when the same source and options would give other pixels
_FEW = 256  # pictures that are often done before children have started
_SOON = 0.5  # s
_BLOCK_BYTES = 4 << 20  # of prepared pixels in a block, so that memory does not grow with the size of a picture
_COMMIT_EVERY = 1.0  # s; what a kill costs at most
_SIZES_KEPT = 1000  # different sizes counted one by one


class Colourful(Exception):
    """The sample was all grey, but a picture further on is not."""


def prepare(source: Source, options: Options, max_bad: float = 0.1, workers: int | None = None,
            progress: Progress | None = None) -> Dataset:  # fmt: skip
    wanted = [FORMAT, source.identity, asdict(options)]
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
    final = cache.home() / "prepared" / f"{source.name}-{key}"
    found = load(final, source)
    if found is None:
        report = progress or (lambda what, done, total: None)
        waiting = f"waiting for another process that prepares {source.name}"
        with cache.turn(final.with_name(final.name + ".lock"), lambda: report(waiting, 0, source.count)):
            found = load(final, source)
            if found is None:
                _fill(source, options, final, max_bad, workers, report)
                found = load(final, source)
                assert found is not None
    check_bad(source.name, found.facts["bad"], len(found), final, source.root, max_bad)
    return found


def load(folder: Path, source: Source) -> Dataset | None:
    """What lies prepared there, if it does, and whole."""
    try:
        index = json.loads((folder / "index.json").read_text("utf-8"))
        columns = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in index["columns"]}
    except (OSError, ValueError):
        return None
    if any(len(column) != index["count"] for column in columns.values()):
        return None
    factors = {name[len("factor-") :]: np.array(values) for name, values in columns.items() if name.startswith("factor-")}
    labels = np.array(columns["labels"]) if "labels" in columns else None
    classes = tuple(index["classes"]) if index["classes"] is not None else None
    return Dataset(source.name, columns["images"], index["fingerprint"], labels, classes, factors,
                   index["facts"], folder, source.root)  # fmt: skip


def check_bad(name: str, bad: int, good: int, folder: Path, root: str, max_bad: float) -> None:
    if not bad or (good and bad <= max_bad * (good + bad)):
        return
    shown = [f"{one.path}: {one.reason}" for one in islice((one for one in read_skipped(folder, root) if one.bad), 3)]
    if not good:
        raise UserError(f"{name}: none of its {bad} pictures can be read ({'; '.join(shown)})")
    raise UserError(f"{name}: {bad} of {good + bad} pictures cannot be read, more than --max-bad {max_bad:g} allows "
                    f"({'; '.join(shown)}); `dcgan data` lists them all")  # fmt: skip


def _fill(source: Source, options: Options, final: Path, max_bad: float, workers: int | None, report: Progress) -> None:
    part = final.with_name(final.name + ".part")
    if final.exists():  # it has the name but cannot be loaded: something was removed from it or changed in it
        shutil.rmtree(final)
    writer = None
    try:
        while True:
            writer = table.Writer(part, log="skipped.jsonl")
            try:
                _write(source, options, writer, max_bad, workers, report)
                break
            except Colourful:
                writer.close()
                shutil.rmtree(part)
                options = replace(options, channels=3)
        _finish(source, writer)
        os.rename(part, final)
        cache.sync_folder(final.parent)
    except OSError as error:
        if writer is not None:
            writer.close()
        shutil.rmtree(part, ignore_errors=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{cache.home()}: the disk is full; free some space, or set DCGAN_CACHE to a larger one") from None
        raise UserError(f"{cache.home()}: the cache cannot be written ({error.strerror or error}); "
                        "set DCGAN_CACHE to a folder of your own") from None  # fmt: skip
    finally:
        if writer is not None:
            writer.close()


def _write(source: Source, options: Options, writer: table.Writer, max_bad: float, workers: int | None,
           report: Progress) -> None:  # fmt: skip
    notes = writer.notes
    known_bad = sum(one.bad for one in source.skipped)
    total = source.count + known_bad
    if not notes:
        channels = options.channels or source.channels or _natural_channels(source)
        notes |= {"next": 0, "channels": channels, "bad": known_bad, "kinds": {}, "sizes": {}}
        _check_space(source.count * options.height * options.width * channels)
        for one in source.skipped:
            writer.line([one.path, one.reason, one.bad])
    must_be_grey = options.channels is None and source.channels is None and notes["channels"] == 1
    options = replace(options, channels=notes["channels"])
    kinds, sizes = Counter(notes["kinds"]), Counter(notes["sizes"])
    last = time.monotonic()
    for first, length, result in _results(source, options, notes["next"], workers):
        if must_be_grey and result["natural"] > 1:
            raise Colourful
        kept = result["kept"]
        columns = {"images": result["images"], "origin": kept + first, "digests": result["digests"]}
        columns |= {f"factor-{name}": values[kept] for name, values in result["factors"].items()}
        if len(kept):
            writer.append(columns)
        for name, why in result["skipped"]:
            writer.line([name, why, True])
        kinds.update(result["kinds"])
        for size, number in result["sizes"].items():
            sizes[size if size in sizes or len(sizes) < _SIZES_KEPT else "other"] += number
        notes |= {"next": first + length, "kinds": kinds, "sizes": sizes, "bad": notes["bad"] + len(result["skipped"])}
        report(f"preparing {source.name}", notes["next"], source.count)
        if notes["bad"] > max_bad * total:  # it can only get worse
            break
        if time.monotonic() - last > _COMMIT_EVERY:
            writer.commit()
            last = time.monotonic()
    writer.commit()
    if notes["bad"] > max_bad * total or not writer.rows:
        check_bad(source.name, notes["bad"], total - notes["bad"] if writer.rows else 0, writer.folder, source.root, max_bad)
        raise UserError(f"{source.root or source.name}: it holds no pictures")


def _results(source: Source, options: Options, start: int, workers: int | None) -> Iterator[tuple[int, int, Result]]:
    """(number of the first, how many, what became of them) for the pictures from `start` on, in order."""
    if workers == 0 or (source.light and (options.height, options.width) == source.size) or source.count <= _FEW:
        begun = time.monotonic()
        for block in source.read(start, 1024 if source.light else 8):
            yield start, len(block), decode.decoded(block, options)
            start += len(block)
            if workers != 0 and not source.light and time.monotonic() - begun > _SOON:
                break
        else:
            return
    count = max(1, min(128, _BLOCK_BYTES // (options.height * options.width * (options.channels or 3))))
    sent: deque[Block] = deque()

    def tasks() -> Iterator[tuple[Any, ...]]:
        for block in source.read(start, count):
            sent.append(block)
            yield block.message(), asdict(options)

    for result in children.ordered("decode:block", tasks(), workers or children.cores()):
        block = sent.popleft()
        for length, part in [(len(block), result)] if isinstance(result, dict) else _one_by_one(block, options):
            yield start, length, part
            start += length


def _one_by_one(block: Block, options: Options) -> Iterator[tuple[int, Result]]:
    """A child died over this block: find over which picture, and go on without it."""
    child = children.Child()
    try:
        for i in range(len(block)):
            one = block.only(i)
            try:
                yield 1, child.call("decode:block", one.message(), asdict(options))
            except children.Died as death:
                child = children.Child()
                yield 1, decode.lost(one, options, f"its decoder {death}")
    finally:
        child.close()


def _natural_channels(source: Source) -> int:
    """1, 3 or 4: what a sample of the pictures is; the first in colour settles it."""
    seen = set()
    for block in source.sample(32) if source.sample else islice(source.read(0, 8), 4):
        for i in range(len(block)):
            seen.add(decode.natural_channels(block, i))
            if 3 in seen:
                return 3
    seen.discard(None)
    return seen.pop() if len(seen) == 1 else 3


def _check_space(needed: int) -> None:
    free = shutil.disk_usage(cache.home()).free
    if needed > free:
        raise UserError(f"{cache.home()}: preparing needs {needed / 1e9:.3g} GB and {free / 1e9:.3g} are free; free some "
                        "space, set DCGAN_CACHE to a larger disk, or choose a smaller --size")  # fmt: skip


def _finish(source: Source, writer: table.Writer) -> None:
    """What goes beside the pictures, and the index that says that all is there."""
    rows, notes, folder = writer.rows, writer.notes, writer.folder
    writer.finish()
    origin = np.load(folder / "origin.npy")
    known = {f"factor-{name}": values for name, values in source.factors.items()}
    if source.labels is not None:
        known["labels"] = source.labels
    for name, values in known.items():
        np.save(folder / f"{name}.npy", values[origin])
    columns = sorted(path.stem for path in folder.glob("*.npy"))
    seal = hashlib.sha256(json.dumps([np.load(folder / "images.npy", mmap_mode="r").shape, source.classes]).encode())
    seal.update(np.load(folder / "digests.npy").tobytes())
    if source.labels is not None:
        seal.update(source.labels[origin].astype("<i8").tobytes())
    facts = {"bad": notes["bad"], "kinds": notes["kinds"], "sizes": notes["sizes"]}
    index = {"format": FORMAT, "count": rows, "columns": columns, "classes": source.classes,
             "fingerprint": seal.hexdigest(), "facts": facts}  # fmt: skip
    write_whole(folder / "index.json", json.dumps(index, indent=1, sort_keys=True).encode())
    for path in folder.iterdir():
        with open(path, "rb+") as file:
            os.fsync(file.fileno())
