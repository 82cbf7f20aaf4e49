"""What `dcgan sample` does: from the words of the command to points, and from points to files.

A grid on one sheet, one picture alone, or one file an image in a folder; each PNG carries its recipe (run, step,
points) in its metadata.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from dcgan import files, images, latents, sample
from dcgan.console import Console
from dcgan.data.spec import names_a_set
from dcgan.errors import UserError, printable, suggest
from dcgan.latents import Point, Term
from dcgan.sample import Model

SHEET = 10_000  # pictures that go on one sheet; beyond, a folder is wanted
DEFAULT = 64  # pictures, where nothing says how many
LONGEST = 60  # characters of a file's name that tell its seeds or points


@dataclass(frozen=True)
class Asked:
    """The words of the command."""

    seeds: str | None = None
    count: int | None = None
    points: tuple[str, ...] = ()
    best: int | None = None
    of: int | None = None
    class_: str | None = None
    columns: int | None = None
    last: bool = False
    off: str | None = None


@dataclass(frozen=True)
class Drawn:
    path: str
    files: int
    images: int
    step: int
    points: list[str]

    def as_json(self) -> dict:
        return asdict(self)

    def in_words(self) -> str:
        many = f"{self.images} pictures" if self.images > 1 else "one picture"
        return f"{self.path}: {many} of step {self.step:,}"


def draw(run: Path, asked: Asked, out: Path | None, overwrite: bool, console: Console) -> Drawn:
    model = sample.load(run, last=asked.last)
    if asked.off is not None:
        model.switch_off(asked.off)
    sheet = _is_sheet(out)
    if out is None and model.folder is None:
        raise UserError(f"--out: {run} stands outside a run's folder; say where the pictures should go")
    if asked.columns is not None and asked.columns < 1:
        raise UserError(f"--columns {asked.columns}: it must be a whole number of 1 or more")
    if asked.columns and not sheet:
        raise UserError(f"--columns {asked.columns}: only a sheet has columns; give --out a name that ends in .png")
    points = choose(model, asked, console, SHEET if sheet else None)
    words = [str(point) for point in points]
    if sheet:
        if out is None:
            assert model.folder is not None
            out = model.folder.path / "drawn" / f"{_name(asked, points[0].label)}-step-{model.header.step:06d}.png"
        pictures = model.sample(points)
        image = pictures[0] if len(pictures) == 1 else images.grid(pictures, asked.columns)
        files.write_new(out, images.png(image, _recipe(model, run, words, asked.off)), overwrite)
        return Drawn(str(out), 1, len(points), model.header.step, words)
    assert out is not None
    if _among(out, model.config.data):
        raise UserError(f"--out {out}: the run learns from the pictures in this folder; choose another")
    wanted = {out / f"{_file(point, number)}.png": point for number, point in enumerate(points)}
    _write_each(model, run, wanted, asked.off, overwrite, console)
    return Drawn(str(out), len(wanted), len(points), model.header.step, words)


def _among(out: Path, data: str) -> bool:
    """Whether the pictures would join those that a run learns from; a sub-folder would be a class."""
    return not names_a_set(data) and Path(data).is_dir() and out.resolve().is_relative_to(Path(data).resolve())


def _is_sheet(out: Path | None) -> bool:
    if out is None or out.suffix.lower() == ".png":
        return True
    if out.suffix.lower() in (".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".pdf", ".svg"):
        raise UserError(f"--out {out}: a sheet is written as PNG; name it {out.with_suffix('.png').name}, or a folder")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: it is a file; name a .png for a sheet, or a folder for one file an image")
    return False


def _write_each(
    model: Model, run: Path, wanted: dict[Path, Point], off: str | None, overwrite: bool, console: Console
) -> None:
    """One file an image, all or none: what stands there is found first; what a full disk ends is taken back."""

    def drawn(paths: Sequence[Path]) -> Iterator[tuple[Path, np.ndarray]]:
        pictures = (picture for chunk in model.stream([wanted[path] for path in paths]) for picture in chunk)
        return zip(paths, pictures, strict=True)

    about = _recipe(model, run, [], off)

    def packed(path: Path, picture: np.ndarray) -> bytes:
        return images.png(picture, about | {"dcgan:points": str(wanted[path])})

    there = [] if overwrite else [path for path in wanted if path.exists()]
    for path, picture in drawn(there):
        files.check_new(path, packed(path, picture))
    kept = set(there)
    new = [path for path in wanted if path not in kept]
    with console.progress("drawing", len(new)) as bar, files.all_or_none(new):
        for done, (path, picture) in enumerate(drawn(new)):  # threads beside it would wait for Python's lock
            files.write_whole(path, packed(path, picture), sync=False)
            bar.update(done + 1)


def choose(model: Model, asked: Asked, console: Console, most: int | None = None) -> list[Point]:
    """The points that the words ask for, in order; `--best` lets D choose among seeds."""
    given = [
        name
        for name, value in (("--seeds", asked.seeds), ("--count", asked.count), ("--point", asked.points))
        if value not in (None, ())
    ]
    if len(given) > 1:
        raise UserError(f"{given[1]}: {given[0]} is given too, and one of them says what to draw; keep one")
    for name, value in (("--count", asked.count), ("--best", asked.best), ("--of", asked.of)):
        if value is not None and not 1 <= value <= latents.MOST_SEEDS:
            raise UserError(f"{name} {value}: it must be a whole number from 1 to {latents.MOST_SEEDS:,}")
    if asked.of and not asked.best:
        raise UserError(f"--of {asked.of}: it says among how many --best chooses; add --best N")
    if asked.of and given:
        raise UserError(f"--of {asked.of}: {given[0]} is given too, and says among which to choose; keep one")
    if asked.best and asked.points:
        raise UserError(f"--best {asked.best}: it chooses among seeds, and --point names points; leave one out")
    label = class_number(model, asked.class_)
    if asked.points:
        points = [latents.parse(words) for words in asked.points]
        return [replace(point, label=label) if point.label is None else point for point in points]
    seeds = latents.parse_seeds(_seeds(asked))
    if asked.best and asked.best > len(seeds):
        raise UserError(f"--best {asked.best}: there are only {len(seeds)} to choose from; ask for more with --of")
    if most is not None and (asked.best or len(seeds)) > most:
        raise UserError(
            f"--out: a sheet holds up to {most:,} pictures, and these are {asked.best or len(seeds):,}; "
            "name a folder, for one file an image"
        )
    if asked.best:
        with console.progress("choosing", len(seeds)) as bar:
            seeds = sample.best(model, seeds, asked.best, label, bar.update)
    return [Point((Term(1.0, (seed,)),), (), label) for seed in seeds]


def _seeds(asked: Asked) -> str:
    """The seeds to draw or to choose from, in words."""
    count = asked.count or asked.of or (10 * asked.best if asked.best else DEFAULT)
    return ("0" if count == 1 else f"0-{count - 1}") if asked.seeds is None else asked.seeds


def class_number(model: Model, class_: str | None) -> int | None:
    if class_ is None:
        return None
    names: Sequence[str] = model.header.classes or ()
    if not model.config.conditional:
        raise UserError(f"--class {class_}: this run was not trained with classes; train one with --conditional")
    if class_ in names:
        return names.index(class_)
    if class_.isdecimal() and int(class_) < model.config.classes:
        return int(class_)
    known = suggest(class_, names) if names else f"; they go from 0 to {model.config.classes - 1}"
    raise UserError(f"--class {class_}: this run has no such class{known}")


def _file(point: Point, number: int) -> str:
    """The name of one picture's file: its seed (and class), or its number among the points."""
    if point != Point((Term(1.0, (point.seed,)),), (), point.label):
        return f"point-{number:06d}"
    return f"{point.seed:06d}" + ("" if point.label is None else f"-class-{point.label}")


def _name(asked: Asked, label: int | None) -> str:
    """A sheet's name that says what is on it, and is another where that is."""
    if asked.points:
        words = "points-" + "_".join(words.replace(" ", "").replace("*", "x") for words in asked.points)
    else:
        words = (f"best-{asked.best}-of-" if asked.best else "seeds-") + _seeds(asked).replace(" ", "")
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]}-{zlib.crc32(words.encode()):08x}"
    words += "" if asked.class_ is None else f"-class-{label}"
    words += "" if asked.off is None else f"-off-{zlib.crc32(asked.off.encode()):08x}"
    return words + ("" if asked.columns is None else f"-columns-{asked.columns}")


def _recipe(model: Model, run: Path, words: list[str], off: str | None) -> dict[str, str]:
    name = printable(model.folder.name if model.folder else run.name)
    recipe = {"dcgan:run": name, "dcgan:step": str(model.header.step), "dcgan:points": "\n".join(words)}
    return recipe if off is None else recipe | {"dcgan:off": off}
