"""The appendix: are generated digits as good as real ones to learn from? (Radford et al., appendix, table 3.)

"We propose to apply standard classification metrics to a conditional version of our model, evaluating the conditional
distributions learned. We trained a DCGAN on MNIST (splitting off a 10K validation set) ... and evaluated both using a
nearest neighbor classifier comparing real data to a generated set of conditional samples": test error with the
nearest of real digits 3.1 %, of 50,000 generated ones 2.98 %, of 10 million 1.48 %.

So: train on the training digits alone, choose everything on those held out (`mnist:train[50000:]`), and ask for
`--test mnist:test` once: only there do the paper's figures stand as goals. The nearest is found exactly: pixels less
128 are whole numbers whose products sum below 2^24 in parts of 1,000 pixels, which float32 holds without rounding,
whatever the order; the parts are added as int32, and as int64 where lengths and products may come to 2^31.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dcgan import data, images, latents, plots
from dcgan.console import Console
from dcgan.data.spec import BUILT_IN, Spec
from dcgan.errors import UserError
from dcgan.experiments import pictures, result
from dcgan.metrics.result import Figure
from dcgan.metrics.subject import parsed
from dcgan.plots import Row
from dcgan.sample import Model

COUNT = 50_000
PAPER = {50_000: (2.98, "2.98 %; real digits 3.1 %"), 10_000_000: (1.48, "1.48 %; real digits 3.1 %")}
# of each digit in mnist:test, as in no other set of ours (mnist:train[50000:], as many, begins 991, 1064, 990)
TEST = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
PIXELS = 1000  # 1,000 products of numbers from -128 to 127 sum to less than 2^24
PRODUCT = 2**14  # the largest of them, -128 * -128: all of a colour picture of 256 px sum to 3.2e9
ROWS = 8192  # generated pictures that are held at a time
SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name, source = "one-nn", "appendix, table 3"
    paper = (
        "MNIST, 1-nearest-neighbour test error: 3.1 % with real digits, 2.98 % with 50,000 generated, 1.48 % with 10M"
    )
    wrong: (
        np.ndarray
    )  # uint8 [SHOWN, H, W, C]: real pictures of each class that are read wrong, where there are such ...
    nearest: np.ndarray  # ... and the generated ones that mislead
    drawn: np.ndarray  # uint8 [classes, SHOWN, H, W, C]


class Nearest:
    """The nearest of many pictures that come in parts, to each of a few: exact, the first of equals."""

    def __init__(self, few: np.ndarray, device: str = "cpu"):
        self.few = _whole(few, device)
        self.away = torch.full((len(few),), torch.iinfo(torch.int64).max, device=device)
        self.label = torch.full((len(few),), -1, device=device)
        self.which = torch.full((len(few),), -1, device=device)
        self.seen = 0

    def add(self, many: np.ndarray, labels: np.ndarray) -> None:
        """Pictures uint8 [N, H, W, C] of these classes."""
        x = _whole(many, str(self.few.device))
        y = torch.as_tensor(np.asarray(labels), device=x.device)
        whole = torch.int32 if 3 * x.shape[1] * PRODUCT < 2**31 else torch.int64
        length = x.double().square().sum(1).to(whole)
        for part in torch.arange(len(self.few), device=x.device).split(max(1, 2**24 // max(1, len(x)))):
            q = self.few[part]
            products = torch.zeros(len(part), len(x), dtype=whole, device=x.device)
            for at in range(0, x.shape[1], PIXELS):
                products += (q[:, at : at + PIXELS] @ x[:, at : at + PIXELS].T).to(whole)
            away, which = torch.sub(length, products, alpha=2).min(1)  # the few's own lengths change no order
            nearer = away < self.away[part]
            self.away[part] = torch.where(nearer, away, self.away[part])
            self.label[part] = torch.where(nearer, y[which], self.label[part])
            self.which[part] = torch.where(nearer, which + self.seen, self.which[part])
        self.seen += len(x)


def _whole(shown: np.ndarray, device: str) -> Tensor:
    """uint8 [N, ...] -> float32 [N, pixels] of whole numbers from -128 to 127."""
    return torch.from_numpy(np.require(shown, requirements=["C", "W"])).to(device).flatten(1).float() - 128


def generated(model: Model, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Seeds from 0 on, classes in turn: what `dcgan sample` draws of them, but for the size of the batches."""
    c = model.config
    for start in range(0, count, ROWS):
        seeds = np.arange(start, min(start + ROWS, count))
        labels = seeds % c.classes
        z = torch.from_numpy(latents.draw(seeds, c.z_dim, c.z)).to(model.device)
        y = torch.from_numpy(labels).to(model.device)
        with torch.inference_mode():
            parts = [model.G(*part) for part in zip(z.split(1024), y.split(1024), strict=True)]
        yield np.concatenate([images.to_uint8(part, c.output) for part in parts]), labels


def check_test(model: Model, test: Spec | None) -> None:
    """Whether what is named to judge by is what the run learned from; of built-in pictures others are drawn."""
    if test is not None and str(test) == model.config.data and parsed(str(test))[0] not in BUILT_IN:
        raise _learned(str(test))


def _learned(name: str) -> UserError:
    return UserError(
        f"--test {name}: these are the pictures that the run learned from, and their copies would be the best "
        "generator; name some that it never saw"
    )


def _goal(judge: data.Dataset, count: int) -> tuple[float | None, str | None]:
    """The paper's figure, where it is of as many generated digits, on the whole of mnist:test."""
    whole = judge.name == "mnist" and np.array_equal(np.bincount(judge.labels), TEST)  # type: ignore[arg-type]
    return PAPER.get(count, (None, None)) if whole else (None, None)


def compute(
    model: Model,
    judge: data.Dataset,
    *,
    count: int = COUNT,
    real: data.Dataset | None = None,
    console: Console | None = None,
) -> Result:
    """The error of the nearest of `count` generated pictures on the real ones of `judge`, and of the nearest of `real`
    ones, those that the run was trained on."""
    console = console or Console(quiet=True)
    c = model.config
    if not c.conditional:
        raise UserError(
            f"{result.subject(model)}: it was not trained with classes, so its pictures have none; train one with "
            "--conditional (--preset mnist is)"
        )
    classes = pictures.labelled(judge)
    if classes != c.classes:
        raise UserError(f"{judge.name}: it has {classes} classes, and the run {c.classes}; name pictures with the same")
    if judge.fingerprint == c.fingerprint:
        raise _learned(judge.name)
    if count < classes:
        raise UserError(f"--count {count}: there are {classes} classes; ask for as many pictures or more")
    assert judge.labels is not None
    truth = torch.as_tensor(np.asarray(judge.labels))
    found = Nearest(judge.images, model.device)
    with console.progress("generating, comparing", count) as bar:
        for drawn, labels in generated(model, count):
            found.add(drawn, labels)
            bar.update(found.seen)
    error = _error(found, truth)
    control = None
    if real is not None:
        assert real.labels is not None
        beside = Nearest(judge.images, model.device)
        with console.progress("the same with real ones", len(real)) as bar:
            for start in range(0, len(real), ROWS):
                part = slice(start, start + ROWS)
                beside.add(real.images[part], real.labels[part])
                bar.update(beside.seen)
        control = _error(beside, truth)
    goal, paper = _goal(judge, count)
    protocol = {
        "judge": f"{len(judge):,} of {judge.name}",
        "generated": count,
        "distance": "Euclidean, of pixels, exact",
        **({} if real is None else {"real": f"{len(real):,} of {real.name}"}),
    }
    percent = Figure(
        "error, %", 100 * error, protocol, f"0-{count - 1}", goal=goal, paper=paper,
        ok=None if goal is None else 100 * error <= goal, floor=None if control is None else 100 * control,
    )  # fmt: skip
    wrong = _wrong(found, truth)
    with_real = "" if control is None else f"; of the nearest of {len(real or ()):,} real ones {control:.2%}"
    return Result(
        subject=f"{result.subject(model)}, on {judge.name}",
        found=f"error of the nearest of {count:,} generated pictures {error:.2%}{with_real}",
        figures=[percent],
        wrong=judge.images[wrong],
        nearest=model.sample([int(found.which[i]) for i in wrong]),
        drawn=np.stack([model.sample(range(k, k + SHOWN * classes, classes)) for k in range(classes)]),
    )


def _error(found: Nearest, truth: Tensor) -> float:
    return float((found.label.cpu() != truth).float().mean())


def _wrong(found: Nearest, truth: Tensor) -> np.ndarray:
    """The first few that are read wrong, of all classes in turn; where none is, the first of all."""
    rows = np.flatnonzero((found.label.cpu() != truth).numpy())
    rows = rows if len(rows) else np.arange(len(truth))
    nth = np.array([int((truth[rows[:i]] == truth[row]).sum()) for i, row in enumerate(rows[:1000])])
    return rows[: len(nth)][np.argsort(nth, kind="stable")][:SHOWN]


def figure(found: Result) -> bytes:
    """A row of each class; real pictures that are read wrong, and below them what misled."""
    rows = [Row(f"class {k}", one) for k, one in enumerate(found.drawn)]
    rows += [Row("read wrong", found.wrong), Row("its nearest", found.nearest)]
    return plots.sheet("Generated, by class; and where they mislead", rows, [found.found + "."])
