"""The DCGAN guidelines, each broken in turn (Radford et al., section 3): what each is worth, at equal time.

"Architecture guidelines for stable Deep Convolutional GANs: replace any pooling layers with strided convolutions
(discriminator) and fractional-strided convolutions (generator); use batchnorm in both ...; remove fully connected
hidden layers for deeper architectures; use ReLU activation in generator for all layers except for the output, which
uses Tanh; use LeakyReLU activation in the discriminator for all layers." And: "directly applying batchnorm to all
layers however, resulted in sample oscillation and model instability", which is why G's output and D's first layer have
none. The paper shows no table of this; here is one.

    dcgan guidelines cifar10 --minutes 5 --seeds 2

Every rule is a setting of Config, so a broken one is a dict of differences. What was trained and judged already is kept
beside the result and not made again. You should see the full set first, or the exception named.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcgan import files, planning, plots, run, sample, session
from dcgan.config import show_size
from dcgan.console import Console
from dcgan.diagnosis import NO_NUMBER
from dcgan.errors import UserError, suggest
from dcgan.experiments import result
from dcgan.metrics import collapse
from dcgan.metrics.evaluate import FEW
from dcgan.metrics.judge import judge
from dcgan.metrics.result import Figure
from dcgan.planning import Plan
from dcgan.plots import Row

KEPT = "the guidelines"
BROKEN: dict[str, dict[str, Any]] = {
    "max-pooling in D": {"down": "max-pool"},
    "upsampling in G": {"up": "nearest"},
    "both: no strides": {"down": "max-pool", "up": "nearest"},
    "no batch norm in G": {"norm_G": "none"},
    "no batch norm in D": {"norm_D": "none"},
    "no batch norm": {"norm_G": "none", "norm_D": "none"},
    "batch norm on G's output": {"norm_G_out": True},
    "batch norm on D's first layer": {"norm_D_in": True},
    "dense hidden layers": {"dense": 512},
    "sigmoid for tanh": {"output": "sigmoid"},
    "LeakyReLU in G": {"activation_G": "leaky"},
    "ReLU in D": {"activation_D": "relu"},
    "rectifiers exchanged": {"activation_G": "leaky", "activation_D": "relu"},
}
RULES = {KEPT: {}, **BROKEN}
SIZE, MINUTES, SEEDS, COUNT = 32, 5.0, 2, 3000
DIVERGED: dict[str, Any] = {
    "fid": math.inf,
    "kid": math.inf,
    "recall": 0.0,
    "diversity": 0.0,
    "by": "",
    "findings": [NO_NUMBER],
}
SHOWN = 8  # samples in the strip, of each run
TIE = 1.05  # times the full set's score: nearer than this is no exception


@dataclass(frozen=True)
class Judged:
    """One run; of one that diverged there is no score, and it counts as collapsed."""

    rule: str
    seed: int
    steps: int
    fid: float
    kid: float
    recall: float
    diversity: float
    by: str  # whose features tell recall
    findings: tuple[str, ...]  # by the diagnosis
    pictures: np.ndarray  # uint8 [SHOWN, H, W, C]

    @property
    def diverged(self) -> bool:
        return not math.isfinite(self.fid)

    @property
    def collapsed(self) -> bool:
        return self.diverged or collapse.collapsed(self.recall, self.diversity, self.by)

    @property
    def words(self) -> str:
        if self.diverged:
            return f"diverged at step {self.steps:,}"
        return f"FID {self.fid:.1f}, recall {self.recall:.2f}" + (", collapsed" if self.collapsed else "")

    def as_json(self) -> dict[str, Any]:
        held = {name: value for name, value in vars(self).items() if name != "pictures"}
        held |= {name: None for name in ("fid", "kid") if self.diverged}
        return held | {"findings": list(self.findings), "collapsed": self.collapsed, "settings": RULES[self.rule]}


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "guidelines"
    source = "section 3, the architecture guidelines"
    paper = "it gives them as what made training stable after much trying, and shows no run without them"
    runs: list[Judged]

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | {"runs": [one.as_json() for one in self.runs]}


def compute(
    data: str,
    where: Path,
    *,
    length: Mapping[str, Any] | None = None,
    seeds: int = SEEDS,
    only: Sequence[str] = (),
    count: int = COUNT,
    settings: Mapping[str, Any] | None = None,
    console: Console | None = None,
) -> Result:
    """Runs below `where`, a folder for each; `length`: steps or minutes; `settings`: more of Config for all of them."""
    console = console or Console(quiet=True)
    for rule in only:
        if rule not in RULES:
            raise UserError(f"--only {rule}: there is no such rule{suggest(rule, RULES)}")
    if seeds < 1:
        raise UserError(f"--seeds {seeds}: it must be a whole number of 1 or more")
    if count < FEW:
        raise UserError(f"--count {count}: nothing can be told from so few; ask for {FEW} or more")
    rules = [rule for rule in RULES if rule == KEPT or not only or rule in only]
    common = dict(length or {"minutes": MINUTES}) | dict(settings or {})
    plans = [
        (rule, seed, planned(data, where, rule, seed, common, console)) for rule in rules for seed in range(seeds)
    ]  # all are checked before the first is trained
    runs = [judged(rule, seed, plan, count, console) for rule, seed, plan in plans]
    config, dataset = plans[0][2].config, plans[0][2].dataset
    long = f"{config.steps:,} steps" if config.steps else f"{config.minutes:g} minutes"
    subject = f"{dataset.name}, {show_size(dataset.size)} px, {long}, seeds 0-{seeds - 1}, preset {config.preset}"
    protocol = {"measure": "FID (lite0), mean over seeds", "samples": count, "length": long, "preset": config.preset}
    return Result(
        subject=subject, found=verdict(runs), figures=list(_figures(runs, protocol, f"0-{seeds - 1}")), runs=runs
    )


def planned(data: str, where: Path, rule: str, seed: int, settings: Mapping[str, Any], console: Console) -> Plan:
    """Of one run; `settings` as in compute, with its length."""
    slug = "".join(letter if letter.isalnum() else "-" for letter in rule.lower()).replace("--", "-")
    settings = {"size": SIZE, **settings, **RULES[rule], "seed": seed}
    preset = settings.pop("preset", None)
    return planning.plan(data, out=where / f"{slug}-{seed}", preset=preset, settings=settings, console=console)


def judged(rule: str, seed: int, plan: Plan, count: int, console: Console) -> Judged:
    """Train it and judge it, or read what was found when that was done."""
    kept = plan.folder.path / "judged.json"
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {}
    if not (plan.reached() or found.get("fid") == math.inf):  # one that diverged would only do so again
        console.say(f"{rule}, seed {seed}")
        try:
            if run.train(plan, console):
                raise KeyboardInterrupt
        except session.Diverged as ended:
            console.say(str(ended))
            found = DIVERGED | {"count": count, "steps": plan.folder.findings()[-1]["step"]}
            files.write_whole(kept, json.dumps(found).encode())
    if found.get("fid") != math.inf:
        header = plan.folder.header()
        assert header is not None
        if (found.get("count"), found.get("steps"), "by" in found) != (count, header.step, True):
            told = judge(plan.folder.path, min(count, len(plan.dataset)), console=console)
            found = {"count": count} | {name: told[name] for name in (*DIVERGED, "steps")}
            files.write_whole(kept, json.dumps(found).encode())
        pictures = sample.load(plan.folder.path, last=True).sample(range(SHOWN))
    else:
        pictures = np.zeros((SHOWN, *plan.dataset.images.shape[1:]), np.uint8)
    del found["count"]
    found["findings"] = tuple(found["findings"])
    return Judged(rule, seed, **found, pictures=pictures)


def means(runs: Sequence[Judged]) -> dict[str, float]:
    """Each rule's mean score, the best first; infinite where a seed diverged."""
    scores: dict[str, list[float]] = {}
    for one in runs:
        scores.setdefault(one.rule, []).append(one.fid)
    return dict(sorted(((rule, sum(s) / len(s)) for rule, s in scores.items()), key=lambda item: item[1]))


def verdict(runs: Sequence[Judged]) -> str:
    scores = means(runs)
    better = [f"{rule} ({value:.1f})" for rule, value in scores.items() if value * TIE < scores[KEPT]]
    fell = [rule for rule in scores if any(one.collapsed for one in runs if one.rule == rule)]
    worst, value = list(scores.items())[-1]
    words = f"the full set {_scores(scores[KEPT])}, and "
    words += (
        f"better are {', '.join(better)}"
        if better
        else f"none of {len(scores) - 1} broken ones is better by {TIE - 1:.0%}"
    )
    if len(scores) > 1:
        words += f"; the worst is {worst}, which {_scores(value)}"
    return words + (f"; collapsed: {', '.join(fell)}" if fell else "; none collapsed")


def _scores(value: float) -> str:
    return f"scores {value:.1f}" if math.isfinite(value) else "diverged"


def _figures(runs: Sequence[Judged], protocol: dict[str, Any], seeds: str) -> Iterator[Figure]:
    scores = means(runs)
    others = [value for rule, value in scores.items() if rule != KEPT and math.isfinite(value)]
    goal = TIE * min(others) if others else None
    for rule, value in scores.items():
        if not math.isfinite(value):
            continue
        each = [one.fid for one in runs if one.rule == rule]
        error = float(np.std(each, ddof=1) / len(each) ** 0.5) if len(each) > 1 else None
        held_to = goal if rule == KEPT else None
        ok = None if held_to is None else value <= held_to
        about = protocol | {"settings": RULES[rule]}
        yield Figure(rule, value, about, seeds, goal=held_to, ok=ok, error=error)


def figure(found: Result) -> bytes:
    """A strip for each rule, the best first: its score, and whether it collapsed; a row a seed."""
    rows = []
    for rule, value in means(found.runs).items():
        for i, one in enumerate(one for one in found.runs if one.rule == rule):
            about = f"{rule}, {value:.1f}" if math.isfinite(value) else rule
            rows.append(Row(f"{about}\n{one.words}" if i == 0 else one.words, one.pictures))
    return plots.sheet(f"The guidelines, each broken in turn: {found.subject}", rows, [found.found + "."])
