"""All experiments on the built-in pictures, one after the other, and one page of them: the paper beside ours.

The runs they need are trained first, each in its folder; every experiment leaves its picture and its JSON. What is
there already is not made again, so what was stopped goes on where it was. An experiment that cannot be made (too few
exemplars, a package that is missing) is told on the page, and the others go on.

    faces-32/  rooms-32/  numbers-32/                 the runs ...
    digits-32/  autoencoder-32/                       ... with classes, and of the lectures' other model
    walk.png  walk.json  ...                          an experiment each
    paper.html                                        the page, with all pictures inside
"""

import base64
import functools
import hashlib
import html
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dcgan
from dcgan import files, planning, run, sample
from dcgan.config import check_size, show_size
from dcgan.console import Console, clock
from dcgan.errors import UserError
from dcgan.experiments import (
    autoencoder,
    classify,
    combine,
    dedup,
    epochs,
    filters,
    forget,
    invert,
    neighbours,
    one_nn,
    pictures,
    result,
    turn,
    walk,
)
from dcgan.metrics import subject, truth
from dcgan.metrics.reader import Reader
from dcgan.metrics.subject import parsed
from dcgan.sample import Model

SIZE = 32


@dataclass(frozen=True)
class Effort:
    """How much is spent: in full about half an hour of two cores at 32 px, quickly five minutes."""

    pictures: int  # that a run learns from
    steps: int  # of a run's training
    taught: int  # pictures that a reader learns from
    lessons: int  # steps of the reader
    samples: int  # that are scored, or compared with training pictures
    tried: int  # that a vector or a dropped map is tried on
    pool: int  # among which exemplars are sought
    sums: int  # of each attribute, and so many times
    centres: int  # of the k-means features that D's are held against ...
    supervised: int  # ... and minibatches of the networks with labels
    generated: int  # digits for the nearest neighbours
    hashing: int  # steps of the de-duplication network


FULL = Effort(10_000, 7500, truth.TAUGHT, 1200, 1000, 1000, 2000, 100, classify.CENTRES, 1000, 50_000, 1500)
QUICK = Effort(2000, 850, 4000, 400, 200, 200, 4000, 20, 100, 150, 2000, 100)
SETTINGS: dict[str, dict[str, Any]] = {  # of each run: how else than by default; `share`: of the steps
    "faces": {},
    "rooms": {},
    "numbers": {"share": 0.5},  # D tells all of them apart long before
    # As the authors' MNIST has one. At 500 steps, 16 px, 88 % were read wrong without (rate 1e-3), 65 % with (2e-3).
    "digits": {"conditional": True, "dense": 128, "share": 0.7},  # a step with hidden layers takes longer
    "autoencoder": {"preset": "vae"},
}
PICTURES = {"digits": "numbers", "autoencoder": "faces"}


@dataclass
class Work:
    """What an experiment is made with: runs, readers and datasets, each once."""

    place: Path
    size: int
    effort: Effort
    console: Console
    only: Model | None = None  # a run of the user's, in place of ours
    _models: dict[str, Model] = field(default_factory=dict)
    _readers: dict[str, Reader] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[int, int]:
        return (self.only.config.size if self.only else None) or (self.size, self.size)

    def model(self, name: str) -> Model:
        if self.only is not None:
            return self.only
        if name not in self._models:
            # a quick page's runs are of other pictures, and stay beside a whole one's
            out = self.place / (f"{name}-{self.size}" + ("-quick" if self.effort == QUICK else ""))
            about: dict[str, Any] = {"size": (self.size, self.size)} | SETTINGS[name]
            preset = about.pop("preset", None)
            about["steps"] = round(about.pop("share", 1) * self.effort.steps)
            source = f"{PICTURES.get(name, name)}:{self.effort.pictures}"
            plan = planning.plan(source, out=out, preset=preset, settings=about, console=self.console)
            if not plan.reached() and run.train(plan, self.console):
                raise KeyboardInterrupt
            self._models[name] = sample.load(out)
        return self._models[name]

    def reader(self, name: str) -> Reader:
        if name not in self._readers:
            how = {} if self.effort.lessons == FULL.lessons else {"steps": self.effort.lessons}
            self._readers[name] = truth.of_factors(name, self.console, self.effort.taught, self.sides, **how)
        return self._readers[name]


Drawn = Mapping[str, bytes]
Make = Callable[[Work], tuple[result.Result, Drawn]]


@dataclass(frozen=True)
class Entry:
    name: str
    on: str  # the run it is made on
    fits: Callable[[Model], bool]  # whether it can be made on this run of the user's
    make: Make


def any_run(model: Model) -> bool:
    return True


def with_classes(model: Model) -> bool:
    return model.config.conditional


def of(name: str, classes: bool = True) -> Callable[[Model], bool]:
    """Runs that learned from these built-in pictures; some experiments are of those without classes alone."""
    return lambda model: parsed(model.config.data)[0] == name and (classes or not model.config.conditional)


def none(model: Model) -> bool:
    return False


def entries() -> Iterator[Entry]:
    """In the paper's order."""

    def entry(
        module: Any, on: str, compute: Callable[[Work, Model], Any], fits: Callable[[Model], bool] = any_run
    ) -> Entry:
        def make(work: Work) -> tuple[result.Result, Drawn]:
            found = compute(work, work.model(on))
            drawn = {".png": module.figure(found)}
            return found, drawn | ({".webp": module.animation(found)} if hasattr(module, "animation") else {})

        return Entry(module.Result.name, on, fits, make)

    def seen(work: Work, model: Model) -> Any:
        return pictures.of_run(model, None, work.console)

    def unseen(work: Work, model: Model) -> Any:
        return pictures.unseen(model, model.config.data, None, "--test", work.console)

    def one_picture(work: Work, model: Model) -> tuple[Any, str]:
        if subject.others(model.config.data) is None:
            return seen(work, model).images[0], "a picture that it learned from"
        return unseen(work, model).images[0], "a picture that it never saw"

    yield entry(epochs, "faces", lambda w, m: epochs.compute(m, count=w.effort.samples, console=w.console))
    yield entry(neighbours, "faces", lambda w, m: neighbours.compute(m, count=w.effort.samples, console=w.console))
    yield entry(dedup, "faces", lambda w, m: dedup.compute(seen(w, m), steps=w.effort.hashing, console=w.console))
    yield entry(
        classify,
        "numbers",
        lambda w, m: classify.compute(
            m,
            seen(w, m),
            unseen(w, m),
            centres=w.effort.centres,
            steps=w.effort.supervised,
            console=w.console,
        ),
        of("numbers", classes=False),
    )
    yield entry(walk, "rooms", lambda w, m: walk.compute(m, console=w.console))
    yield entry(filters, "rooms", lambda w, m: filters.compute(m, seen(w, m), console=w.console))
    yield entry(
        forget,
        "rooms",
        lambda w, m: forget.compute(m, tried=w.effort.tried, seer=w.reader("rooms"), console=w.console),
        of("rooms"),
    )
    yield entry(
        combine,
        "faces",
        lambda w, m: combine.compute(
            m, pool=w.effort.pool, sums=w.effort.sums, seer=w.reader("faces"), console=w.console
        ),
        of("faces", classes=False),
    )
    yield entry(
        turn,
        "faces",
        lambda w, m: turn.compute(
            m, tried=min(turn.TRIED, w.effort.tried), pool=w.effort.pool, seer=w.reader("faces"), console=w.console
        ),
        of("faces"),
    )
    yield entry(
        one_nn,
        "digits",
        lambda w, m: one_nn.compute(m, unseen(w, m), count=w.effort.generated, console=w.console),
        with_classes,
    )
    yield entry(invert, "faces", lambda w, m: invert.compute(m, *one_picture(w, m), console=w.console))
    yield entry(
        autoencoder,
        "faces",
        lambda w, m: autoencoder.compute(
            m, w.model("autoencoder"), count=w.effort.samples, reader=w.reader("faces"), console=w.console
        ),
        none,  # it would be another run, not the user's
    )


@dataclass(frozen=True)
class Page:
    path: Path
    results: list[dict[str, Any]]  # each experiment's JSON, or its name and the reason why there is none
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {"page": str(self.path), "seconds": round(self.seconds, 1), "experiments": self.results}

    def in_words(self) -> str:
        lines = [f"{self.path}: {len(self.results)} experiments, {clock(self.seconds)}"]
        for one in self.results:
            if "reason" in one:
                lines.append(f"  {one['experiment']:<12} not made: {one['reason']}")
                continue
            told = [figure for figure in one["figures"] if figure["ok"] is not None]
            good = sum(figure["ok"] for figure in told)
            lines.append(f"  {one['experiment']:<12} {good} of {len(told)} goals reached")
        return "\n".join(lines)


def make(
    where: Path, *, own: Path | None = None, size: int = SIZE, quick: bool = False, console: Console | None = None
) -> Page:
    """`own`: a run of the user's, on which all is made that can be."""
    console = console or Console(quiet=True)
    check_size((size, size), "dcgan")
    page_file = where / "paper.html"
    if page_file.exists() and TITLE not in page_file.read_text("utf-8", "replace"):
        raise UserError(f"--out {where}: paper.html is there already, and is none of ours; choose another folder")
    for one in entries():
        result.check_ours(where, one.name)
    effort = QUICK if quick else FULL
    model = sample.load(own) if own is not None else None
    work = Work(where, size, effort, console, model)
    asked = [one for one in entries() if model is None or one.fits(model)]
    began = time.monotonic()
    done: list[dict[str, Any]] = []
    for number, one in enumerate(asked):
        console.say(f"{number + 1} of {len(asked)}: {one.name}")
        done.append(_made(one, work))
        page = Page(page_file, done, time.monotonic() - began)
        files.write_whole(page.path, _html(page, where, show_size(work.sides), quick).encode())
    return page


def _made(one: Entry, work: Work) -> dict[str, Any]:
    """The experiment's JSON, from where it was left or made now."""
    path = work.place / f"{one.name}.png"
    about = path.with_suffix(".json")
    try:
        key = _key(work.model(one.on), work.effort)
        if about.is_file() and path.is_file():
            held = json.loads(about.read_text(encoding="utf-8"))
            if held.get("key") == key:
                return held
        found, drawn = one.make(work)
        result.keep(found, drawn, None, path, overwrite=True)
        held = found.as_json() | {"key": key}
        files.write_whole(about, (json.dumps(held, indent=2) + "\n").encode())
        return held
    except UserError as error:
        return {"experiment": one.name, "reason": str(error)}


def _key(model: Model, effort: Effort) -> str:
    """What a result depends on: the checkpoint's training, the effort, and the code that measures."""
    about = f"{model.config.to_json()} {model.header.step} {effort} {_code()}"
    return hashlib.sha256(about.encode()).hexdigest()[:16]


@functools.cache
def _code() -> str:
    return files.seal(Path(dcgan.__file__).parent.rglob("*.py"))


TITLE = "DCGAN, figure by figure"
COLUMNS = ("figure", "here", "goal", "", "control", "real pictures", "the paper")
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2328; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin: 3rem 0 0 } .source, .about { color: #656d76 } img { max-width: 100%; display: block; margin: 1rem 0 }
dl { display: grid; grid-template-columns: 6rem 1fr; gap: .3rem 1rem } dt { font-weight: 600 } dd { margin: 0 }
table { border-collapse: collapse } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top }
tr { border-bottom: 1px solid #d8dee4 } .ok { color: #00704f } .missed { color: #b34700 }
"""


def _html(page: Page, where: Path, size: str, quick: bool) -> str:
    """Everything inside: no script, no file beside it, nothing fetched."""
    told = [figure for one in page.results for figure in one.get("figures", ()) if figure["ok"] is not None]
    about = (
        f"{len(page.results)} experiments at {size} px{', quickly' if quick else ''}; "
        f"{sum(figure['ok'] for figure in told)} of {len(told)} goals reached"
    )
    parts = [_section(one, where) for one in page.results]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{TITLE}</title><style>{STYLE}</style><h1>{TITLE}</h1>"
        "<p>Radford, Metz &amp; Chintala, <i>Unsupervised Representation Learning with Deep Convolutional Generative "
        f'Adversarial Networks</i> (arXiv 1511.06434), and what came of it here.</p><p class="about">{about}</p>'
        + "".join(parts)
        + "</html>\n"
    )


def _section(one: Mapping[str, Any], where: Path) -> str:
    name = html.escape(one["experiment"])
    if "reason" in one:
        return f'<h2>{name}</h2><p class="missed">not made: {html.escape(one["reason"])}</p>'
    rows = []
    for figure in one["figures"]:
        verdict = {None: None, True: "ok", False: "missed"}[figure["ok"]]
        beside = (figure["protocol"].get("control"), figure["protocol"].get("floor"), figure["paper"])
        rows.append((figure["name"], figure["value"], result.goal(figure["goal"], figure["side"]), verdict, *beside))
    shown = [i for i in range(len(COLUMNS)) if any(row[i] is not None for row in rows)]
    head = "".join(f"<th>{COLUMNS[i]}</th>" for i in shown)
    body = "".join("<tr>" + "".join(_cell(row[i]) for i in shown) + "</tr>" for row in rows)
    table = f"<table><tr>{head}</tr>{body}</table>" if rows else ""
    drawn = [where / f"{one['experiment']}{suffix}" for suffix in (".png", ".webp")]
    return (
        f'<h2>{name}</h2><div class="source">{html.escape(one["source"])}; {html.escape(one["subject"])}</div>'
        f"<dl><dt>The paper</dt><dd>{html.escape(one['paper'])}</dd>"
        f"<dt>Here</dt><dd>{html.escape(one['found'])}</dd></dl>"
        + "".join(_inside(path, name) for path in drawn if path.is_file())
        + table
    )


def _cell(value: str | float | None) -> str:
    words = "" if value is None else html.escape(result.number(value))
    return f'<td class="{words}">{words}</td>' if words in ("ok", "missed") else f"<td>{words}</td>"


def _inside(path: Path, name: str) -> str:
    content = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{name}" src="data:image/{path.suffix[1:]};base64,{content}">'
