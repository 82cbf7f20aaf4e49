"""Nearest training pictures (the question of Radford et al., section 4.1 and 5): does the generator copy?

The paper rules it out by one pass over the data and by removing duplicates. Here each sample's nearest training picture
is sought, by pixels and by lite0's features, and compared with pictures that were held out (metrics/memorisation.py).
Beside the run stands a memoriser, planted: the same samples, but one in five is a training picture, its grey levels
moved by up to three. It must be caught, or the measure says nothing.
"""

from dataclasses import dataclass, replace

import numpy as np

from dcgan import plots
from dcgan.console import Console
from dcgan.data import Dataset
from dcgan.data.spec import Spec
from dcgan.errors import UserError
from dcgan.experiments import result
from dcgan.metrics import copies, features, subject
from dcgan.metrics import result as metrics
from dcgan.metrics.memorisation import memorisation
from dcgan.metrics.result import Figure, Neighbours
from dcgan.metrics.sets import of_dataset
from dcgan.sample import Model

COUNT = 2000
PLANTED = 0.2  # of the memoriser's samples
GREY = 3  # levels by which a planted copy differs, at most
LEAST = 20


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "neighbours"
    source = "section 4.1, figures 2 and 3"
    paper = "no evidence of memorisation: one pass at a low rate, near-duplicates removed beforehand"
    neighbours: dict[str, Neighbours]


def compute(
    model: Model,
    against: Spec | None = None,
    *,
    held_out: Spec | None = None,
    count: int = COUNT,
    console: Console | None = None,
) -> Result:
    """`against`: pictures that it may have copied, those it was trained on by default."""
    console = console or Console(quiet=True)
    if count < LEAST:
        raise UserError(f"--count {count}: nothing can be told from so few; ask for {LEAST} or more")
    judged = subject.find(model, against, count, False, 0, model.device, console)
    if against is not None:
        judged = replace(judged, training=judged.reference)
    if (few := len(copies.training(judged))) < LEAST:
        raise UserError(f"{judged.spec}: it has {few} pictures, and nothing can be told from fewer than {LEAST}")
    unseen = subject.held_out(judged, held_out, console)
    with console.data_progress() as report:
        extractor = features.load("lite0", model.device, report)
    told = metrics.Result(judged.name)
    copies.copies(told, judged, extractor, unseen, console)
    figures = [*told.figures.values(), _planted(judged, unseen, console)]
    ours, planted = figures[0], figures[-1]
    found = (
        f"{copies.verdict(figures[:-1])}: {ours.value:.1%} by pixels, where chance "
        f"gives up to {ours.goal:.1%}; a memoriser that copies one in five is "
        + ("caught" if planted.ok else "not caught")
    )
    return Result(subject=result.subject(model), found=found, figures=figures, neighbours=told.neighbours)


def figure(found: Result) -> bytes:
    return plots.neighbours(found.neighbours)


def _planted(judged: subject.Subject, unseen: Dataset, console: Console) -> Figure:
    """What the measure says of the same samples with copies among them."""
    seen, _ = copies.spread(copies.training(judged).images)
    others = of_dataset(unseen).first(copies.HELD_OUT).flat()
    most = max(100, copies.PIXELS // seen[0].size)  # as many numbers as are compared of the run itself
    samples = judged.samples.first(min(copies.ASKED, most)).flat()
    g = np.random.default_rng(0)
    rows = g.permutation(len(samples))[: round(PLANTED * len(samples))]
    copied = seen[np.sort(g.integers(len(seen), size=len(rows)))].reshape(len(rows), seen[0].size).astype(np.int16)
    samples[rows] = (copied + g.integers(-GREY, GREY + 1, copied.shape)).clip(0, 255)
    with console.progress("a memoriser, by pixels", None):
        found = memorisation([samples], seen, [others[:most]])
    protocol = {"planted": PLANTED, "grey_levels_off": GREY, "verbatim": found.verbatim, "caught_above": found.goal}
    return Figure(
        "copied (pixels), a planted memoriser",
        found.copied,
        protocol,
        judged.samples.seeds,
        ok=found.ok is False,
        error=found.error,
    )
