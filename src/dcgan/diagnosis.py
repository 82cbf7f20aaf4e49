"""What goes wrong as a GAN trains, each kind named, and said once in plain words with what to do about it.

`dcgan train` looks at two kinds of lines of its log: reports (losses, D's opinions, the length of G's gradient) and
checks, made of the samples that it draws anyway. What is found is a function of the Config and those lines: so it is
the same after a resume, `dcgan info` repeats it, and `dcgan doctor` explains a finished run. No torch in here.

    no-number       losses or weights are no numbers any more
    D-won           D tells all pictures apart: its loss is near 0, and what G learns from it goes away
    G-collapsed     G draws the same few pictures whatever z is
    oscillation     D and G take turns in winning, and neither gets on
    dead-units      units of a layer give the same number for every picture
    checkerboard    samples carry a pattern of every second pixel that the data do not have
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dcgan.config import Config

if TYPE_CHECKING:
    from torch import Tensor

Line = Mapping[str, Any]

EARLY = (500, 1 / 4, 30)  # steps in which all may happen; of a run that is shorter this share, and so many at least
LATE = (3000, 1 / 2, 100)  # the same: after which a G draws different pictures, and no pattern of its own
WINDOW = 20  # reports that D has to have won by
WON, OUTRIGHT = 0.05, 0.003  # D's loss: at D(x) = 0.975 and D(G(z)) = 0.025; at 0.9985 and 0.0015
GONE, VANISHED = 0.1, 0.01  # of the largest gradient that G had for so long; the second whatever D's loss is
LONG = 100  # reports in which swings are counted
SWINGS, AHEAD, BEHIND = 6, 0.5, 0.0  # so many passages between a lead of D above the one and below the other
CHECKS = 3  # in a row: one alone may be chance
COLLAPSED, DIVERSE = 0.5, 0.6  # of the data's diversity: fallen below the one after having been above the other
NEVER = 0.35  # of the same: below it late, having never been above
DEAD = 0.5  # share of a layer's units
CHECKERED = 8.0  # times the data's energy at every second pixel
FAINT = 2e-3  # share of all energy below which that pattern is not seen
SIDE = 16  # pixels: diversity is that of small pictures, in which noise does not count
GROUPS = 4  # of real pictures, each as many as the samples


COLLAPSE, NO_NUMBER = "G-collapsed", "no-number"


class Finding(NamedTuple):
    name: str
    step: int
    words: str


# What is measured, at each sheet of samples


class Data:
    """What the training pictures are like: drawn with replacement, so that a small set counts as what it is."""

    def __init__(self, pictures: Any, count: int):
        """`pictures`: uint8 [N, H, W, C], an array or what is read as one."""
        chosen = np.random.default_rng(0).integers(len(pictures), size=(GROUPS, count))
        groups = [pictures[np.sort(numbers)] for numbers in chosen]
        self.diversity = float(np.mean([diversity(group) for group in groups]))
        self.checkerboard = float(np.mean([checkerboard(group) for group in groups]))

    def check(self, samples: np.ndarray) -> dict[str, float | None]:
        """Samples' diversity and checkerboard energy (that share of all), as multiples of the data's."""
        relative = diversity(samples) / self.diversity if self.diversity else None
        energy = checkerboard(samples)
        return {
            "diversity": None if relative is None else round(relative, 4),
            "checkerboard": round(energy, 6),
            "checkerboard_of_data": round(self.checkerboard, 6),
        }


def diversity(pictures: np.ndarray) -> float:
    """Mean distance of a picture to the one most like it, of uint8 [N, H, W, C] made small: 0 where all have twins."""
    n, height, width, channels = pictures.shape
    part = max(1, min(height, width) // SIDE)
    high, wide = height // part, width // part
    cut = pictures[:, : high * part, : wide * part].reshape(n, high, part, wide, part, channels)
    x = cut.mean((2, 4), dtype=np.float64).reshape(n, -1)
    squares = (x**2).sum(1)
    apart = squares[:, None] + squares - 2 * x @ x.T
    np.fill_diagonal(apart, np.inf)
    return float(np.sqrt(apart.min(1).clip(0) / x.shape[1]).mean())


def checkerboard(pictures: np.ndarray) -> float:
    """Share of the pictures' energy, the mean left out, in what alternates from pixel to pixel in a direction."""
    height, width = pictures.shape[1:3]
    power = (np.abs(np.fft.fft2(pictures.mean(3, dtype=np.float32), axes=(1, 2))) ** 2).mean(0)
    power[0, 0] = 0
    alternating = power[height // 2].sum() + power[:, width // 2].sum() - power[height // 2, width // 2]
    return float(alternating / power.sum()) if power.sum() else 0.0


def dead(maps: "Sequence[Tensor]") -> float:
    """The largest share, of any layer, of units that give one number whatever the picture: maps [N, units, ...]."""
    shares = [0.0]
    for layer in maps:
        moves = (layer.amax(0) - layer.amin(0)).reshape(layer.shape[1], -1).amax(1)
        shares.append(float((moves == 0).float().mean()))
    return round(max(shares), 4)


# What it says


def find(config: Config, reports: Sequence[Line], checks: Sequence[Line]) -> list[Finding]:
    """All that is the matter now, by the lines up to now."""
    reports, checks = _after(config, reports), _regular(config, checks)
    found = []
    for rule in (_D_won, _oscillation):
        if reports and (words := rule(config, reports)):
            found.append(Finding(_name(rule), reports[-1]["step"], words))
    for rule in (_G_collapsed, _dead_units, _checkerboard):
        if checks and (words := rule(config, checks)):
            found.append(Finding(_name(rule), checks[-1]["step"], words))
    return found


def _after(config: Config, lines: Sequence[Line]) -> list[Line]:
    """Without those of the beginning, when D soon tells all apart and G draws one mush."""
    first = _limit(config, *EARLY)
    return [line for line in lines if line["step"] >= first]


def _regular(config: Config, checks: Sequence[Line]) -> list[Line]:
    """Without those that were only made because somebody stopped the run: three stops are not three checks in a row."""
    return [check for check in _after(config, checks) if not check["step"] % config.sample_every]


def _limit(config: Config, steps: int, share: float, least: int) -> float:
    return min(steps, max(least, share * config.steps)) if config.steps else steps


def _name(rule: Callable) -> str:
    return rule.__name__.removeprefix("_").replace("_", "-")


def sound(config: Config, checks: Sequence[Line]) -> bool:
    """Whether the last sheet shows no collapse, nor the beginning of one. Other findings last in runs that go on well;
    numbers that are none never come to a checkpoint."""
    kept = _diversities(_regular(config, checks))
    return not kept or kept[-1] >= DIVERSE or (max(kept) < DIVERSE and kept[-1] >= NEVER)


def lead(report: Line) -> float:
    """How far D is ahead, from 1 (it tells all apart) over 0 (it tells none) to -1 (G fools it).

    From its margin, D's mean logit of real pictures above that of generated ones, where only differences count: there
    D's opinions of either kind are arbitrary.
    """
    if "D_margin" in report:
        return math.tanh(report["D_margin"] / 2)
    return report["D_x"] - report["D_Gz"]


def no_number(config: Config, step: int, seen: Line) -> Finding | None:
    """Of the numbers of a step, its losses and the lengths of gradients and weights among them."""
    if all(map(math.isfinite, seen.values())):
        return None
    words = (
        "the losses are no numbers any more: the networks have diverged; go on from the last sound checkpoint with "
        f"smaller steps (the same command and --recover), or {ANEW} {_half_rates(config)}"
    )
    return Finding(NO_NUMBER, step, words)


ANEW = "train anew, in another --out, with"  # what a run was begun with, it goes on with


def _half_rates(config: Config) -> str:
    """By name and number: --lr alone sets D's too, which may be the smaller one."""
    of_D = f" --lr-d {config.lr_D / 2:.2g}" if config.network != "vae" and config.lr_D else ""
    return f"half the rates (--lr {config.lr / 2:.2g}{of_D})"


def _either(ways: Sequence[str]) -> str:
    return f"{', '.join(ways[:-1])} or {ways[-1]}"


def _augmented(config: Config) -> bool:
    """Whether D's pictures are altered at random, or cannot be."""
    return config.augment or config.network == "vae"


def _D_won(config: Config, reports: Sequence[Line]) -> str:
    last = reports[-WINDOW:]
    if len(last) < WINDOW or np.median([lead(report) for report in last]) < 0.9:
        return ""
    # By the non-saturating loss G learns on, the more the less it fools D: on faces for 50,000 steps at 0.01 to 0.05.
    lengths = [report["grad_G"] for report in reports if report.get("grad_G") is not None]
    usual = [np.median(lengths[i : i + WINDOW]) for i in range(0, len(lengths) - WINDOW + 1, WINDOW)]
    left = np.median(lengths[-WINDOW:]) / max(usual) if usual and max(usual) else 1.0
    loss = np.median([report["loss_D"] for report in last])
    ours = not config.loss.startswith("own:")  # of another loss 0 may be no end
    if left >= VANISHED and not (ours and (loss <= OUTRIGHT or (loss <= WON and left < GONE))):
        return ""
    words = f"D has won: it tells all pictures apart, its loss is {loss:.2g}"
    if left < GONE:
        words += f", and G's gradient is {100 * left:.2g} % of what it was"
    ways = [f"a lower rate of D (--lr-d {config.lr_D / 2:.2g})" if config.lr_D else "a lower rate of D (--lr-d)"]
    ways += ["fewer maps in it (--width-d)"]
    ways += [] if _augmented(config) else ["the pictures it sees altered at random (--augment)"]
    return f"{words}; it seldom comes back from there: {ANEW} {_either(ways)}"


def _oscillation(config: Config, reports: Sequence[Line]) -> str:
    sides = [1 if lead(r) > AHEAD else -1 for r in reports[-LONG:] if lead(r) > AHEAD or lead(r) < BEHIND]
    swings = sum(a != b for a, b in itertools.pairwise(sides))
    if swings < SWINGS:
        return ""
    ways = [_half_rates(config)]
    ways += ["a lower --beta1"] if config.optimizer == "adam" and config.beta1 else []
    ways += [f"larger batches (--m {2 * config.m})"]
    return (
        f"the players swing: the lead changed {swings} times within {LONG} reports, from D to G and back, and what one "
        f"learns the other makes useless; {ANEW} {_either(ways)}"
    )


def _diversities(checks: Sequence[Line]) -> list[float]:
    return [check["diversity"] for check in checks if check.get("diversity") is not None]


def _G_collapsed(config: Config, checks: Sequence[Line]) -> str:
    kept = _diversities(checks)
    last = kept[-CHECKS:]
    once = max(kept, default=0.0) >= DIVERSE
    late = checks[-1]["step"] >= _limit(config, *LATE)
    if len(last) < CHECKS or max(last) >= (COLLAPSED if once else NEVER) or not (once or late):
        return ""
    fell = f"it was {max(kept):.2g} at its best" if once else "it never was much more"
    more = "" if config.recover else " and --recover, which goes back to a sound checkpoint by itself"
    few = "" if _augmented(config) else "; a small set of pictures wants --augment"
    return (
        f"G has collapsed: it draws the same few pictures whatever z is (their diversity is {last[-1]:.2g} of the "
        f"data's, and {fell}); {ANEW} {_half_rates(config)}{more}{few}"
    )


def _dead_units(config: Config, checks: Sequence[Line]) -> str:
    last = checks[-CHECKS:]
    if len(last) < CHECKS:
        return ""
    for player in "GD":
        if min(check.get(f"dead_{player}") or 0.0 for check in last) >= DEAD:
            ways = [_half_rates(config)]
            if config.network != "mlp":  # that one has rectifiers, and no norm, of its own
                rectifier, norm = getattr(config, f"activation_{player}"), getattr(config, f"norm_{player}")
                ways += [] if rectifier == "leaky" else [f"--activation-{player.lower()} leaky"]
                ways += [f"--norm-{player.lower()} batch"] if norm == "none" else []
            return (
                f"{100 * last[-1][f'dead_{player}']:.0f} % of a layer's units in {player} are dead: they give the same "
                f"number for every picture, and learn nothing; {ANEW} {' or '.join(ways)}"
            )
    return ""


def checkered(of_data: float) -> float:
    """The share of energy from which a checkerboard is one."""
    return max(CHECKERED * of_data, FAINT)


def _checkerboard(config: Config, checks: Sequence[Line]) -> str:
    last = checks[-CHECKS:]
    if len(last) < CHECKS or checks[-1]["step"] < _limit(config, *LATE):
        return ""
    if any(check["checkerboard"] < checkered(check["checkerboard_of_data"]) for check in last):
        return ""
    way = f"{ANEW} --up nearest, which has no such pattern of its own, or train longer"
    return (
        f"the samples carry a checkerboard: {100 * last[-1]['checkerboard']:.2g} % of their energy alternates from "
        f"pixel to pixel, of the data's {100 * last[-1]['checkerboard_of_data']:.2g} %; "
        + (way if config.up == "transposed" else f"train longer, or {ANEW} {_half_rates(config)}")
    )
