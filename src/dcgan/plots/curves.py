"""The curves of a training: what a person looks at first to see whether the game is being played.

Both losses with their values at equilibrium, D's mean opinion of real and of generated pictures, and the speed. In a
healthy run D(x) stays above D(G(z)) and neither is stuck at 0 or 1. `dcgan train` leaves it as losses.png.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dcgan.plots.style import D_COLOUR, G_COLOUR, INK, MINUS, QUIET, REAL, SEPARATOR, png, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMOOTH_FROM = 30  # reports; with fewer, the points themselves are the curve
BANDS_FROM = 1500  # reports; with more, raw values would be a solid block: the median and spread of bins instead
BINS = 400
SPREAD = (0.1, 0.5, 0.9)  # quantiles of a bin: its band's lower edge, its line, its band's upper edge
EQUILIBRIUM = {  # losses of D and of G where D = 1/2 (Goodfellow et al., 2014, theorem 1)
    "non-saturating": (("log 4", math.log(4)), ("log 2", math.log(2))),
    "relativistic": (("log 2", math.log(2)), ("log 2", math.log(2))),
    "minimax": (("log 4", math.log(4)), (f"{MINUS}log 2", -math.log(2))),
}


def losses(lines: Sequence[dict], title: str, loss: str = "non-saturating") -> bytes:
    """From the lines of log.jsonl; `loss` says which equilibrium to mark (one of the user's own has none); "elbo" is an
    autoencoder's, whose terms they are."""
    with style():
        return png(_figure(lines, title, loss))


def _figure(lines: Sequence[dict], title: str, loss: str) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    lines = [line for line in lines if "event" not in line]
    steps = _column(lines, "step")
    loss_D, loss_G, D_x, D_Gz, speed = (
        _column(lines, name) for name in ("loss_D", "loss_G", "D_x", "D_Gz", "images_per_s")
    )

    figure = Figure(figsize=(9, 7))
    top, middle, bottom = figure.subplots(3, 1, sharex=True, height_ratios=[5, 4, 2])
    figure.subplots_adjust(left=0.075, right=0.93, top=0.87, bottom=0.07, hspace=0.3)
    figure.text(0.075, 0.957, title, size=13, weight="bold")
    figure.text(0.075, 0.93, _summary(lines, speed), color=QUIET)

    of_D, of_G = ("KL", f"{MINUS}log p(x|z)") if loss == "elbo" else ("of D", "of G")
    played = _curves(top, "losses", steps, {of_D: (loss_D, D_COLOUR), of_G: (loss_G, G_COLOUR)})
    opinions = {"D(x), of real pictures": (D_x, REAL), "D(G(z)), of generated ones": (D_Gz, G_COLOUR)}
    _curves(middle, "D's opinion", steps, opinions)
    ran = _curves(bottom, "images a second", steps, {"": (speed, QUIET)})

    equal = EQUILIBRIUM.get(loss, ())
    hidden = _frame(top, played, [loss_D, loss_G], [0.0, 1.0, *(value for _, value in equal)])
    _frame(bottom, ran, [speed], [0.0, 1.0])
    middle.set(ylim=(-0.03, 1.03), yticks=[0, 0.25, 0.5, 0.75, 1])
    _levels(top, [(*level, colour) for level, colour in zip(equal, (D_COLOUR, G_COLOUR), strict=False)])
    _levels(middle, [("1/2", 0.5, QUIET)])
    middle.set_visible(loss != "elbo")  # an autoencoder has no D, and no opinion

    lost = np.isnan(np.stack([loss_D, loss_G, D_x, D_Gz])).max(0)
    missing = ""
    if lost.any():
        first = steps[lost.argmax()]
        missing = f"no number in {lost.sum():,} of {len(lost):,} reports, the first at step {first:,.0f}"
        for axes in (top, middle):
            axes.axvline(first, color=INK, linewidth=0.8, linestyle=":")
    notes = SEPARATOR.join(note for note in (missing, hidden) if note)
    top.text(0.08, 1.03, notes, transform=top.transAxes, size=8, color=QUIET)

    last = np.nanmax(steps, initial=1.0)
    bottom.set(xlim=(-0.01 * last, 1.01 * last), xlabel="step")
    bottom.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 2.5, 5, 10]))
    bottom.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    bottom.yaxis.set_major_locator(MaxNLocator(3))
    for axes in (top, bottom):
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _number(value)))
    return figure


def _column(lines: Sequence[dict], name: str) -> np.ndarray:
    """A value from each line; NaN where it is missing, null or not finite."""
    held = (line.get(name) for line in lines)
    values = np.array([math.nan if value is None else value for value in held], np.float64)
    return np.where(np.isfinite(values), values, math.nan)


def _summary(lines: Sequence[dict], speed: np.ndarray) -> str:
    if not lines:
        return "nothing was reported yet"
    last = lines[-1]
    words = [
        f"{last[name]:,} {word}"
        for name, word in (("step", "steps"), ("images", "images"))
        if last.get(name) is not None
    ]
    if last.get("seconds") is not None:
        words.append(_time(last["seconds"]))
    if np.isfinite(speed).any():
        words.append(f"{np.nanmedian(speed):,.0f} images/s")
    return SEPARATOR.join(words)


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _number(value: float, digits: int = 6) -> str:
    """Short at any size: a loss may be 0.002, or 1e30 in a run that blew up."""
    words = f"{value:,.{digits}g}" if abs(value) < 1e6 else f"{value:.3g}".replace("e+", "e")
    return words.replace("-", MINUS)


class Curve(NamedTuple):
    """A noisy series as it is drawn: its course, and either every value or the band they lie in."""

    steps: np.ndarray
    course: np.ndarray
    raw: np.ndarray | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None


def thinned(steps: np.ndarray, values: np.ndarray) -> Curve:
    """Few values as they are, more with a moving average, very many as the median and spread of equal bins."""
    if len(values) < SMOOTH_FROM:
        return Curve(steps, values, values)
    if len(values) < BANDS_FROM:
        return Curve(steps, _moving_average(values, len(values) // SMOOTH_FROM * 2 + 1), values)
    low, course, high = np.array([_quantiles(held) for held in np.array_split(values, BINS)]).T
    return Curve(np.array([held.mean() for held in np.array_split(steps, BINS)]), course, None, low, high)


def _moving_average(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of the three quartiles of what is known within a centred window, shorter at both ends.

    Nearly as smooth as a mean, but a spike leaves no step as wide as the window; a gap stays a gap.
    """
    around = np.pad(values, window // 2, constant_values=math.nan)
    windows = np.lib.stride_tricks.sliding_window_view(around, window)
    known = np.isfinite(values)
    course = np.full(len(values), math.nan)
    if known.any():
        course[known] = np.nanquantile(windows[known], (0.25, 0.5, 0.75), axis=1).mean(0)
    return course


def _quantiles(values: np.ndarray) -> np.ndarray:
    known = values[np.isfinite(values)]
    return np.quantile(known, SPREAD) if len(known) else np.full(len(SPREAD), math.nan)


def _curves(axes: "Axes", title: str, steps: np.ndarray, curves: dict[str, tuple[np.ndarray, str]]) -> list[Curve]:
    axes.set_title(title)
    drawn = []
    for name, (values, colour) in curves.items():
        curve = thinned(steps, values)
        marker = "o" if curve.raw is curve.course else ""
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.steps, curve.low, curve.high, color=colour, alpha=0.2, linewidth=0)
        elif not marker:
            axes.plot(curve.steps, curve.raw, color=colour, alpha=0.3, linewidth=0.7)  # pyrefly: ignore
        axes.plot(curve.steps, curve.course, color=colour, label=name, marker=marker, markersize=4)
        drawn.append(curve)
    if len(curves) > 1:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=len(curves), borderaxespad=0.1)
    return drawn


def _frame(axes: "Axes", curves: list[Curve], columns: list[np.ndarray], inside: list[float]) -> str:
    """Set the height so that rare spikes do not flatten all the rest, and say what is then left out."""
    values = np.concatenate(columns)
    values = values[np.isfinite(values)]
    shown = np.concatenate([inside, *(curve.course for curve in curves)])
    low, high = np.nanmin(shown), np.nanmax(shown)
    if len(values):
        least, few, many, most = np.quantile(values, [0, 0.02, 0.98, 1])
        low = min(low, least if few - least <= many - few else few)
        high = max(high, most if most - many <= many - few else many)
    margin = 0.05 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    outside = values[(values < low - margin) | (values > high + margin)]
    if not len(outside):
        return ""
    return f"{len(outside):,} of {len(values):,} values outside, up to {_number(outside[np.abs(outside).argmax()], 4)}"


def _levels(axes: "Axes", levels: list[tuple[str, float, str]]) -> None:
    """Thin lines at known values, named in the right margin from the top down, each name a line below the last."""
    low, high = axes.get_ylim()
    line = 11 / (axes.get_window_extent().height * 72 / axes.figure.dpi)  # a line of words, as a share of the height
    below = math.inf
    for words, value, colour in sorted(levels, key=lambda level: -level[1]):
        axes.axhline(value, color=colour, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1.5)
        below = min((value - low) / (high - low), below - line)
        axes.text(1.012, below, words, transform=axes.transAxes, color=colour, size=8.5, va="center")
