"""What `dcgan sample` does: from the words of the command to points, and from points to files.

A grid on one sheet, one picture alone, or one file an image in a folder; each PNG carries its recipe (run, step,
points) in its metadata.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dcgan import images, latents, sample
from dcgan.console import Console
from dcgan.errors import UserError, suggest
from dcgan.files import write_new
from dcgan.latents import Point, Term
from dcgan.sample import Model

SHEET = 10_000  # pictures that go on one sheet; beyond, a folder is wanted


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
    model = sample.load(run)
    points = choose(model, asked, console)
    single_file = out is None or out.suffix.lower() == ".png"
    if asked.columns is not None and asked.columns < 1:
        raise UserError(f"--columns {asked.columns}: it must be a whole number of 1 or more")
    if single_file and len(points) > SHEET:
        raise UserError(
            f"--count {len(points)}: a sheet holds up to {SHEET:,} pictures; give a folder with --out, "
            "for one file an image"
        )
    if out is None:
        if model.folder is None:
            raise UserError(f"--out: {run} stands outside a run's folder; say where the pictures should go")
        out = model.folder.path / "drawn" / f"{_name(points, asked)}-step-{model.header.step:06d}.png"
    words = [str(point) for point in points]
    if single_file:
        recipe = _recipe(model, run, words)
        pictures = model.sample(points)
        sheet = pictures[0] if len(pictures) == 1 else images.grid(pictures, asked.columns)
        write_new(out, images.png(sheet, recipe), overwrite)
    else:
        with console.progress("drawing", len(points)) as bar:
            done = 0
            for pictures in model.stream(points):
                for picture in pictures:
                    name = f"{points[done].seed:06d}" if _is_seed(points[done]) else f"point-{done:06d}"
                    write_new(out / f"{name}.png", images.png(picture, _recipe(model, run, [words[done]])), overwrite)
                    done += 1
                bar.update(done)
    return Drawn(str(out), 1 if single_file else len(points), len(points), model.header.step, words)


def choose(model: Model, asked: Asked, console: Console) -> list[Point]:
    """The points that the words ask for, in order; `--best` lets D choose among seeds."""
    given = [
        name for name, value in (("--seeds", asked.seeds), ("--count", asked.count), ("--point", asked.points)) if value
    ]
    if len(given) > 1:
        raise UserError(f"{given[1]}: {given[0]} is given too, and one of them says what to draw; keep one")
    for name, value in (("--count", asked.count), ("--best", asked.best), ("--of", asked.of)):
        if value is not None and value < 1:
            raise UserError(f"{name} {value}: it must be a whole number of 1 or more")
    label = _label(model, asked.class_)
    if asked.points:
        if asked.best or asked.of:
            raise UserError("--best: it chooses among seeds, and --point names points; leave one out")
        points = [latents.parse(words) for words in asked.points]
        return [p if label is None else Point(p.terms, p.noise, label) for p in points]
    if asked.of and not asked.best:
        raise UserError("--of: it says among how many --best chooses; add --best N")
    count = asked.count or (asked.of or 10 * asked.best if asked.best else 64)
    seeds = latents.parse_seeds(asked.seeds) if asked.seeds else list(range(count))
    if asked.best:
        if asked.best > len(seeds):
            raise UserError(f"--best {asked.best}: there are only {len(seeds)} to choose from; ask for more with --of")
        with console.progress("choosing", len(seeds)) as bar:
            seeds = sample.best(model, seeds, asked.best, label, bar.update)
    return [Point((Term(1.0, (seed,)),), (), label) for seed in seeds]


def _label(model: Model, class_: str | None) -> int | None:
    if class_ is None:
        return None
    names: Sequence[str] = model.header.classes or ()
    if not model.config.conditional:
        raise UserError(f"--class {class_}: this run was not trained with classes; train one with --conditional")
    if class_ in names:
        return names.index(class_)
    if class_.isdecimal() and int(class_) < model.config.classes:
        return int(class_)
    raise UserError(f"--class {class_}: this run has no such class{suggest(class_, names)}")


def _is_seed(point: Point) -> bool:
    return len(point.terms) == 1 and point == Point((Term(1.0, (point.seed,)),), (), point.label)


def _name(points: list[Point], asked: Asked) -> str:
    """A file's name that says what is in it."""
    if asked.points:
        return "points-" + "_".join(str(p).replace(" ", "").replace("*", "x") for p in points)[:80]
    if asked.best:
        return f"best-{asked.best}-of-{asked.of or asked.count or 10 * asked.best}" if not asked.seeds else "best"
    seeds = [p.seed for p in points]
    label = "" if points[0].label is None else f"-class-{points[0].label}"
    whole = seeds == list(range(seeds[0], seeds[0] + len(seeds)))
    words = f"{seeds[0]}-{seeds[-1]}" if whole and len(seeds) > 1 else ",".join(map(str, seeds))[:80]
    return f"seeds-{words}{label}"


def _recipe(model: Model, run: Path, words: list[str]) -> dict[str, str]:
    name = model.folder.path.name if model.folder else run.name
    return {"dcgan:run": name, "dcgan:step": str(model.header.step), "dcgan:points": "\n".join(words)}
