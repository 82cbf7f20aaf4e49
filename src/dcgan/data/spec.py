"""What people write for DATA -> the prepared set: a built-in name, a published set's name, a path, or an array.

faces   rooms:5000   mnist   mnist:test   mnist:train[:50000]   holiday/   ./faces   digits.npy   hf:ann/holiday
"""

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ImageColor

from dcgan import hub
from dcgan.config import PICTURES, Config
from dcgan.errors import UserError, suggest

from . import published, readers
from .dataset import Dataset
from .decode import FITS
from .prepare import How, Progress, Wanted, prepare, too_many
from .prepare import stream as streamed
from .source import Skipped, Source

BUILT_IN = ("faces", "rooms", "numbers")
NAMES = (*BUILT_IN, *published.SETS)
_SPEC = re.compile(r"(?P<name>[a-z][a-z0-9-]*)(:(?P<part>[a-z0-9-]+))?(\[(?P<start>\d*):(?P<stop>\d*)\])?")

Spec = str | os.PathLike | np.ndarray | Dataset


def open_data(
    spec: Spec = "faces",
    *,
    size: tuple[int, int] | int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    background: str | tuple[int, int, int] = "white",
    fast: bool = False,
    max_bad: float = 0.1,
    dedup: bool = False,
    dedup_by: str = "pixels",
    stream: bool = False,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """The prepared set; from the cache where it has been prepared before. With `stream`, pictures are decoded when they
    are looked at instead. `seed` is of the built-in pictures."""
    if isinstance(spec, Dataset):
        return spec
    size = (size, size) if isinstance(size, int) else size
    if size is not None and min(size) < 1:
        raise UserError(f"--size {size[0]}x{size[1]}: a picture has at least one pixel")
    if channels not in (None, 1, 3, 4):
        raise UserError(f"--channels {channels}: pictures have 1 (grey), 3 (colour) or 4 (colour and alpha)")
    if fit not in FITS:
        raise UserError(f"--fit {fit}: unknown{suggest(fit, FITS)}")
    if not 0 <= max_bad <= 1:
        raise UserError(f"--max-bad {max_bad:g}: a fraction from 0 to 1 of the pictures")
    wanted = Wanted(size, channels, fit, _colour(background), fast)
    how = How(max_bad, workers, progress) if progress else How(max_bad, workers)
    source, (start, stop) = find(spec, max(size) if size else None, seed, how.report)
    dataset = (streamed if stream else prepare)(source, wanted, how).part(start, stop)
    if dedup and dataset.streamed:
        raise UserError(
            "--dedup: to compare all pictures they have to be prepared, and these are streamed; leave one out"
        )
    return _deduplicated(dataset, dedup_by, how.report) if dedup else dataset


def like(config: Config, source: Spec, **others: Any) -> Dataset:
    """Pictures made to fit as a run's are."""
    return open_data(source, **{name: getattr(config, name) for name in PICTURES} | others)


def _deduplicated(dataset: Dataset, by: str, report: Progress) -> Dataset:
    """Without duplicates."""
    from . import dedup

    if by == "pixels":
        return dedup.leave_out(dataset, dedup.duplicates(dataset, report), "perceptual", report)
    if by == "bits":
        from . import hashing  # which learns, and so needs torch

        return dedup.leave_out(dataset, hashing.found(dataset, report), "bits", report)
    raise UserError(f"--dedup-by {by}: no such method{suggest(by, ['pixels', 'bits'])}")


def names_a_set(spec: str) -> bool:
    """Whether these words mean built-in or published pictures, whatever folder is called so."""
    match = _SPEC.fullmatch(spec)
    return bool(match and match["name"] in NAMES)


def find(
    spec: str | os.PathLike | np.ndarray, size: int | None, seed: int, report: Progress
) -> tuple[Source, tuple[int | None, int | None]]:
    """The source that is meant, and the range of it."""
    if isinstance(spec, np.ndarray):
        return readers.named("arrays").of_array(spec), (None, None)
    match = _SPEC.fullmatch(spec) if isinstance(spec, str) else None
    if match and match["name"] in NAMES:
        limits = (int(match["start"]) if match["start"] else None, int(match["stop"]) if match["stop"] else None)
        return _named(match["name"], match["part"], size, seed, report), limits
    if hub.is_hub(spec):
        return replace(readers.read(hub.pictures(spec)), name=hub.name(spec)), (None, None)
    path = Path(spec).expanduser()
    if os.path.lexists(path):
        if not path.exists():
            raise UserError(f"{spec}: a link to nothing")
        return readers.read(path), (None, None)
    if isinstance(spec, str) and readers.named("paths").is_pattern(spec):
        return readers.named("paths").read_pattern(os.path.expanduser(spec)), (None, None)
    known = suggest(match["name"], NAMES) if match else "; check the name"
    raise UserError(f"{spec}: there is no such file or folder{known}")


def _named(name: str, part: str | None, size: int | None, seed: int, report: Progress) -> Source:
    if name not in BUILT_IN:
        return published.find(name, part, report)
    from .pictures import NAMES as SIZES

    drawn = readers.named("drawn")
    if part is not None and not (part.isdigit() and 0 < int(part) <= drawn.MOST):
        raise UserError(
            f"{name}:{part}: after the colon stands how many to draw, 1 to {drawn.MOST}, as in {name}:20000"
        )
    return drawn.read(name, int(part or drawn.COUNT), size or SIZES[name], seed)


def _colour(background: str | tuple[int, int, int]) -> tuple[int, int, int]:
    if not isinstance(background, str):
        return background
    try:
        return ImageColor.getrgb(background)[:3]
    except ValueError:
        raise UserError(
            f"--background {background}: no such colour; write a name as in HTML (white) or #rrggbb"
        ) from None


@dataclass(frozen=True)
class Report:
    """What would be trained on."""

    dataset: Dataset
    sizes: Mapping[str, int]  # "341x256" -> how many were stored so
    kinds: Mapping[str, int]  # "JPEG RGB" -> how many
    classes: Mapping[str, int]  # name -> how many
    skipped: list[Skipped]

    @property
    def images(self) -> int:
        return len(self.dataset)

    @property
    def bad(self) -> int:
        """How many cannot be read."""
        return sum(one.bad for one in self.skipped)

    def refused(self, max_bad: float) -> bool:
        """Whether training would not take them."""
        return too_many(self.bad, self.images, max_bad)


def scan(spec: Spec = "faces", **options: Any) -> Report:
    """Prepare as `open` does, whatever part of it is bad, and say what was seen."""
    dataset = open_data(spec, max_bad=options.pop("max_bad", 1.0), **options)
    numbers = Counter() if dataset.labels is None else Counter(dataset.labels.tolist())
    classes = {name: numbers[i] for i, name in enumerate(dataset.classes or ())}
    return Report(
        dataset, _most(dataset.facts.get("sizes", {})), _most(dataset.facts.get("kinds", {})), classes, dataset.skipped
    )


def _most(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(Counter(counts).most_common())
