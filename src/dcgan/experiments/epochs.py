"""After one pass and after five (Radford et al., section 4.1, figures 2 and 3): what is drawn, how good, how copied.

After one pass the authors' generator draws bedrooms already, and after five it still seems to underfit. In theory one
pass would do to memorise pictures; they hold that to be unlikely, with minibatch SGD and a small learning rate. So the
run is begun again from its own config and seed, which gives the same bits, and stopped after one pass and after five.
Each is scored (KID by lite0, against the training pictures) and asked whether it copies (metrics/memorisation.py).

Checkpoints of both are kept in RUN/experiments/passes: asked again, nothing is trained again.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dcgan import checkpoint, data, files, planning, plots, run, sample
from dcgan.config import Config
from dcgan.console import Console
from dcgan.data.spec import Spec
from dcgan.errors import UserError
from dcgan.experiments import result
from dcgan.folder import Folder
from dcgan.metrics import copies, evaluate, subject
from dcgan.metrics.result import Figure
from dcgan.planning import Plan
from dcgan.plots import Row
from dcgan.sample import Model

PASSES = (1, 5)
COUNT = 1000  # samples that are scored
SHOWN = 40
COLUMNS = 10


@dataclass(frozen=True)
class Pass:
    passes: int
    step: int
    pictures: np.ndarray  # uint8 [SHOWN, H, W, C]
    figures: list[Figure]


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "epochs"
    source = "section 4.1, figures 2 and 3"
    paper = (
        "bedrooms already after one pass, in which a small learning rate makes it unlikely, though possible in theory, "
        "that pictures are memorised; after five they still seem underfitted"
    )
    passes: list[Pass]
    real: np.ndarray  # training pictures, to compare with


def compute(
    model: Model,
    passes: Sequence[int] = PASSES,
    *,
    count: int = COUNT,
    held_out: Spec | None = None,
    console: Console | None = None,
) -> Result:
    """`held_out`: pictures like those it learns from, without which copies cannot be told."""
    console = console or Console(quiet=True)
    if not passes or list(passes) != sorted(set(passes)) or passes[0] < 1:
        raise UserError(f"--passes {','.join(map(str, passes))}: write whole numbers that rise, like 1,5")
    folder, config = _begun_here(model)
    dataset = planning.open_pictures(None, config, console)
    if dataset.fingerprint != config.fingerprint:
        raise UserError(
            f"epochs: {config.data} holds other pictures now than {folder.path} was trained on; bring those back"
        )
    metrics = ("kid", "memory") if held_out or subject.others(config.data) else ("kid",)
    found = []
    for number in passes:
        step = max(1, round(number * len(dataset) / (config.k * config.m)))
        again = config.replace(steps=step, minutes=None, evaluate_every=0, device="auto")
        drawn = sample.load(_trained(Plan(again, dataset, Folder(folder.path / "experiments" / "passes")), console))
        judged = evaluate.evaluate(
            drawn, metrics=metrics, count=min(count, len(dataset)), held_out=held_out, console=console
        )
        figures = [replace(one, name=f"{one.name}, {_passes(number)}") for one in judged.figures.values()]
        found.append(Pass(number, step, drawn.sample(range(SHOWN)), figures))
    first, last = (one.figures[0] for one in (found[0], found[-1]))
    if len(found) > 1:  # more passes draw better
        found[-1].figures[0] = last = replace(last, goal=first.value, side="<", ok=last.value < first.value)
    scores = ", ".join(f"{one.figures[0].value:.4f} after {_passes(one.passes)}" for one in found)
    shares = [figure for one in found for figure in one.figures if figure.name.startswith("copied")]
    copied = copies.verdict(shares)
    if not shares:
        copied = "whether it copies, pictures that it has not seen would tell (--held-out DATA)"
    return Result(
        subject=result.subject(model),
        found=f"KID {scores}; {copied}",
        figures=[figure for one in found for figure in one.figures],
        passes=found,
        real=data.Stream(dataset, 0).batch(0, min(COLUMNS, len(dataset)))[0],
    )


def figure(found: Result) -> bytes:
    rows = []
    for one in found.passes:
        parts = np.array_split(one.pictures, SHOWN // COLUMNS)
        rows += [Row(f"after {_passes(one.passes)}" if i == 0 else "", part) for i, part in enumerate(parts)]
    rows.append(Row("training pictures", found.real))
    return plots.sheet("The same seeds after so many passes over the pictures", rows, [found.found + "."])


def _passes(number: int) -> str:
    return "one pass" if number == 1 else f"{number} passes"


def _begun_here(model: Model) -> tuple[Folder, Config]:
    """The run's folder and its config, from which alone it can be begun again."""
    if model.folder is None:
        raise UserError("epochs: this model stands outside a run's folder, which says how it was trained; name a run")
    start = next(model.folder.lines(), {})
    origin = model.header.origin or start.get("from")
    if origin:
        raise UserError(f"epochs: {model.folder.path} began with weights from {origin}; name a run that began anew")
    own = [
        name for name in ("network", "loss", "optimizer", "data") if str(getattr(model.config, name)).startswith("own:")
    ]
    if own:
        raise UserError(f"epochs: {model.folder.path} was begun in Python with {own[0]} of its own; it ends there")
    return model.folder, model.config


def _trained(plan: Plan, console: Console) -> Path:
    """The checkpoint after so many steps; what was trained for it goes on from the checkpoint before."""
    kept = plan.folder.path / f"after-{plan.config.steps}.safetensors"
    if not kept.is_file():
        last = plan.folder.header()
        if last and (last.step > (plan.config.steps or 0) or last.config.changed(plan.config)):
            shutil.rmtree(plan.folder.path)  # it went further than that already, or the run has been made anew
        if run.train(plan, console):
            raise KeyboardInterrupt
        files.write_whole(kept, plan.folder.last.read_bytes())
    elif checkpoint.read_header(kept).config.changed(plan.config):
        shutil.rmtree(plan.folder.path)
        return _trained(plan, console)
    return kept
