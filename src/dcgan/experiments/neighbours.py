"""Nearest training pictures (the question of Radford et al., section 4.1 and 5): does the generator copy?

The paper rules it out by one pass over the data and by removing duplicates. Here each sample's nearest training picture
is sought, by pixels and by lite0's features, and compared with pictures that were held out (metrics/memorisation.py).
Where no such pictures are known (a folder of one's own, all of it trained on), copies to the letter are sought alone.
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
from dcgan.metrics.memorisation import LEAST, memorisation, nearest, verbatim
from dcgan.metrics.result import Figure, Neighbours
from dcgan.metrics.sets import of_dataset
from dcgan.sample import Model

COUNT = 2000
PLANTED = 0.2  # of the memoriser's samples
GREY = 3  # levels by which a planted copy differs, at most
FEWEST = 20


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
    if count < FEWEST:
        raise UserError(f"--count {count}: nothing can be told from so few; ask for {FEWEST} or more")
    judged = subject.find(model, against, count, False, 0, model.device, console)
    if against is not None:
        judged = replace(judged, training=judged.reference)
    if (few := len(copies.training(judged))) < FEWEST:
        raise UserError(f"{judged.spec}: it has {few} pictures, and nothing can be told from fewer than {FEWEST}")
    unseen = subject.held_out(judged, held_out, console)
    with console.data_progress() as report:
        extractor = features.load("lite0", model.device, report)
    told = metrics.Result(judged.name)
    copies.copies(told, judged, extractor, unseen, console)
    apart = told.neighbours["pixels"].held_out
    figures = [*told.figures.values(), _planted(judged, unseen, apart, console)]
    ours, planted = figures[0], figures[-1]
    if unseen is None:
        told_of = f"{ours.value:.1%} of samples copy to the letter, by pixels"
    else:
        bound = f"where chance gives up to {ours.goal:.1%}" if ours.goal else "where chance gives more than all"
        told_of = f"{copies.verdict(figures[:-1])}: {ours.value:.1%} by pixels, {bound}"
    found = f"{told_of}; a memoriser that copies one in five is " + ("caught" if planted.ok else "not caught")
    return Result(subject=result.subject(model), found=found, figures=figures, neighbours=told.neighbours)


def figure(found: Result) -> bytes:
    return plots.neighbours(found.neighbours)


def _planted(judged: subject.Subject, unseen: Dataset | None, apart: np.ndarray, console: Console) -> Figure:
    """What the measure says of the same samples with copies among them; `apart`: distances between real pictures."""
    training = copies.training(judged)
    seen, _ = copies.spread(training.images)
    most = copies.room(training)  # as many as are compared of the run itself
    samples = judged.samples.first(min(copies.ASKED, most)).flat()
    g = np.random.default_rng(0)
    rows = g.permutation(len(samples))[: round(PLANTED * len(samples))]
    copied = seen[np.sort(g.integers(len(seen), size=len(rows)))].reshape(len(rows), seen[0].size).astype(np.int16)
    samples[rows] = (copied + g.integers(-GREY, GREY + 1, copied.shape)).clip(0, 255)
    name, protocol = "copied (pixels), a planted memoriser", {"planted": PLANTED, "grey_levels_off": GREY}
    with console.progress("a memoriser, by pixels", None):
        if unseen is None:
            value = verbatim(nearest([samples], seen.reshape(len(seen), -1))[0], apart)
            return Figure(name, value, protocol | {"caught_above": LEAST}, judged.samples.seeds, ok=value > LEAST)
        others = of_dataset(unseen).first(copies.HELD_OUT).flat()
        found = memorisation([samples], seen, [others[:most]])
    protocol |= {"verbatim": found.verbatim, "caught_above": found.goal}
    return Figure(name, found.copied, protocol, judged.samples.seeds, ok=found.ok is False, error=found.error)
