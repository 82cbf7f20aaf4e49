"""Millions of rows in numbered files, by as many processes as there are: pictures by seed, or D's features of pictures.

A shard is a .npy of consecutive rows, named by its first one: `000010000.npy`. Process r of n makes every n-th. Each
appears whole, and what is there is not made again: work of any length is stopped, and gone on with by the same command,
in however many processes. `shards.json` says of what the rows are, and keeps others out.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcgan import distributed, files, sample
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.sample import Model

BYTES, ROWS = 128 << 20, 1 << 16  # at most in a shard
ABOUT = "shards.json"
Rows = Callable[[int, int], np.ndarray]  # from the first row, to before the last


@dataclasses.dataclass(frozen=True)
class Written:
    path: str
    rows: int
    shards: int
    rows_a_shard: int

    def in_words(self) -> str:
        return f"{self.path}: {self.rows:,} rows in {self.shards:,} files of {self.rows_a_shard:,}"


def pictures(run: Path, count: int, out: Path, last: bool, console: Console) -> Written:
    """uint8 [N, H, W, C] of seeds 0 to count - 1; a conditional run draws its classes in turn, seed mod classes."""
    if count < 1:
        raise UserError(f"--count {count}: it must be 1 or more")
    model = sample.load(run, last=last)
    c = model.config
    height, width = c.size or (0, 0)
    return _write(
        "--shards",
        out,
        {"rows": "pictures of seeds", **_model(model), "shape": [height, width, c.channels]},
        count,
        height * width * (c.channels or 0),
        lambda first, end: model.sample(range(first, end)),
        console,
    )


def features(run: Path, source: str, out: Path, last: bool, console: Console) -> Written:
    """float32 [N, features] of a data set's pictures, in their order, prepared as for the run."""
    from dcgan import data

    model = sample.load(run, last=last)
    with console.data_progress() as progress:
        dataset = data.like(model.config, source, progress=progress)
    if model.config.conditional and dataset.labels is None:
        raise UserError(f"{source}: it has no classes, and this run's discriminator wants to be told them")
    if not len(dataset):
        raise UserError(f"{source}: there is no picture in it")

    def rows(first: int, end: int) -> np.ndarray:
        labels = dataset.labels[first:end] if model.config.conditional and dataset.labels is not None else None
        return model.features(np.asarray(dataset.images[first:end]), labels)

    width = rows(0, 1).shape[1]
    about = {"rows": "features of pictures", **_model(model), "data": dataset.fingerprint, "shape": [width]}
    return _write("--out", out, about, len(dataset), 4 * width, rows, console)


def read(folder: Path | str) -> np.ndarray:
    """All rows in order, for as many as memory holds."""
    return np.concatenate([np.load(path) for path in sorted(Path(folder).glob("[0-9]*.npy"))])


def _model(model: Model) -> dict[str, Any]:
    """What decides a row's bits: the weights, whatever their file is called."""
    weights = hashlib.sha256()
    for network in (model.G, model.D):
        for tensor in network.state_dict().values() if network else ():
            weights.update(tensor.cpu().contiguous().numpy().tobytes())
    return {"step": model.header.step, "weights": weights.hexdigest()}


@torch.inference_mode()
def _write(flag: str, out: Path, about: dict[str, Any], count: int, row: int, rows: Rows, console: Console) -> Written:
    per = max(1, min(BYTES // row, ROWS) // sample.CHUNK) * sample.CHUNK
    with contextlib.nullcontext() if distributed.rank() else _claimed(f"{flag} {out}", out, about, count):
        distributed.meet()  # no one writes before that is clear
        firsts = range(0, count, per)
        ours = [first for number, first in enumerate(firsts) if number % distributed.size() == distributed.rank()]
        with console.progress("writing", len(firsts), "files") as bar:
            for done, first in enumerate(ours, 1):
                path, end = out / f"{first:09d}.npy", min(first + per, count)
                # the last shard of a smaller count is made again, larger: its first rows are the same
                if not path.is_file() or _rows_in(path) < end - first:
                    held = io.BytesIO()
                    np.save(held, rows(first, end))
                    files.write_whole(path, held.getvalue())
                bar.update(min(done * distributed.size(), len(firsts)))
        distributed.meet()  # all are there before any one says so
    return Written(str(out), count, len(firsts), per)


@contextlib.contextmanager
def _claimed(where: str, out: Path, about: dict[str, Any], count: int) -> Generator[None]:
    """A folder of ours, or a new one, held against other commands, without what a killed process left there."""
    note, lock = out / ABOUT, out / ".lock"
    text = json.dumps(about, indent=2).encode()
    if note.is_file():
        if note.read_bytes() != text:
            raise UserError(f"{where}: other rows lie there ({ABOUT} tells of what); choose another folder")
    elif out.exists():
        ours = out.is_dir() and all(entry == lock or entry.match(files.PART) for entry in out.iterdir())
        if not ours:
            raise UserError(f"{where}: something else is there, and nothing is overwritten; choose another folder")
    with files.lock(lock, f"{where}: another command is writing there; wait for it, or choose another folder"):
        files.remove_parts(out)
        if not note.is_file():
            files.write_whole(note, text)
        if (held := sum(map(_rows_in, out.glob("[0-9]*.npy")))) > count:
            raise UserError(
                f"{where}: {held:,} rows of the same lie there, and {count:,} are asked for; ask for as many, or "
                "choose another folder"
            )
        yield


def _rows_in(path: Path) -> int:
    try:
        return len(np.load(path, mmap_mode="r"))
    except (ValueError, EOFError, OSError, TypeError):
        raise UserError(f"{path}: no rows can be read from it; delete it, and run the same command again") from None
