"""Walking in the latent space (Radford et al., section 6.1, figure 4): nine random latents and what lies between them.

"If walking in this latent space results in semantic changes ..., we can reason that the model has learned relevant and
interesting representations"; sharp transitions would be signs of memorisation. So the smoothness is measured: the path
is closed to a loop, each segment walked in equal steps (a line; an arc of the sphere where z is normal), and the
distance between neighbours taken in lite0's features, which know nothing of this generator. For one that draws, the
largest step stays near the mean; and walked once more in finer steps, none of these is a large part of the way from one
point to the next: what changes quickly is passed through, a jump remains. Beside it goes a memoriser, which shows the
nearest of a thousand remembered latents' pictures: it stands still, then jumps. (One that draws another picture at each
step has steps of one length, but each as long as the whole way.) And beside it fades one picture into the next, pixel
by pixel: no path is smoother, so its steps are the floor.

Where the memoriser reaches a goal too, the goal can tell nothing of the run, and counts neither for nor against it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dcgan import images, latents, plots
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.experiments import result
from dcgan.metrics import features
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.sample import Model

POINTS = tuple(str(seed) for seed in range(9))
STEPS = 24  # from one point to the next
# A memoriser that jumps once on each way, equally far: its largest step is `steps` times the mean, and 4 would be GOAL.
LEAST = 5
REMEMBERED = 1000  # latents of the memoriser
GOAL = 4.0  # largest step over the mean one: a memoriser's grows with STEPS, a drawing generator's does not
CLOSER, FINER = 10, 8  # so many of the largest steps are walked once more, in so many each
PART = 0.5  # largest of those over the way from one point to the next: a jump is about 1
UNTOLD = "a memoriser on this path reaches the goal too, so nothing can be told by it"
COLUMNS = 8  # pictures of a segment that the strip shows


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "walk"
    source = "section 6.1, figure 4"
    paper = "walks through 9 random z change smoothly, every picture on the way a plausible bedroom; no sharp jumps"
    points: tuple[str, ...]
    frames: np.ndarray  # uint8 [points * STEPS, H, W, C], a loop
    memorised: np.ndarray  # the same of the memoriser


def compute(
    model: Model,
    points: Sequence[str] = (),
    steps: int = STEPS,
    *,
    extractor: Callable[[np.ndarray], np.ndarray] | None = None,
    console: Console | None = None,
) -> Result:
    """A loop through the points, 9 of the first seeds unless told; `extractor` in place of lite0."""
    console = console or Console(quiet=True)
    points = tuple(points) or POINTS
    if len(points) < 2:
        raise UserError(f"--point {points[0]}: a walk needs two points or more; give --point again for each")
    if not LEAST <= steps <= 1000:
        raise UserError(
            f"--steps {steps}: from one point to the next it must be {LEAST} to 1,000 steps; with fewer, jumps cannot "
            "be told from steps"
        )
    z, labels = model.latents(points)
    label = None if labels is None else _class(points, labels)
    if label is not None:
        points = tuple(str(replace(latents.parse(point), label=label)) for point in points)
    extractor = extractor or features.load("lite0")
    ends = zip(z, np.roll(z, -1, 0), strict=True)
    path = np.concatenate([latents.walk(a, b, steps, model.config.z) for a, b in ends])
    with console.progress("drawing", len(path)) as bar:
        frames = _generate(model, path, label)
        bar.update(len(path))
    remembered = np.concatenate([z, latents.draw(range(REMEMBERED), model.config.z_dim, model.config.z)])
    memorised = _generate(model, remembered[_nearest(path, remembered)], label)
    faded = _faded(frames[::steps], steps)

    def finer(at: int) -> np.ndarray:
        there = path[(at + 1) % len(path)]
        return np.concatenate([latents.walk(path[at], there, FINER, model.config.z), there[None]])

    told = []
    ways: list[tuple[np.ndarray, Callable[[int], np.ndarray]]] = [
        (frames, lambda at: _generate(model, finer(at), label)),
        (memorised, lambda at: _generate(model, remembered[_nearest(finer(at), remembered)], label)),
        (faded, lambda at: _faded(faded[[at, (at + 1) % len(faded)]], FINER)[: FINER + 1]),
    ]
    with console.progress("measuring steps", len(ways)) as bar:
        for i, (shown, closer) in enumerate(ways):
            told.append(_smoothness(shown, closer, steps, extractor))
            bar.update(i + 1)
    (ours, part), (theirs, jump), (even_faded, part_faded) = told
    protocol = {
        "faded": [even_faded, part_faded],
        "points": list(points),
        "steps": steps,
        "finer": [CLOSER, FINER],
        "features": getattr(extractor, "name", "own"),
        "path": "arcs" if model.config.z == "normal" else "lines",
    }
    seeds = ", ".join(points)
    figures = [
        _figure("largest step / mean", ours, GOAL, theirs, protocol, seeds),
        _figure("largest jump / way", part, PART, jump, protocol, seeds),
    ]
    found = (
        f"{len(path)} steps round {len(points)} latents: the largest is {ours:.1f} times the mean, and in steps "
        f"1/{FINER} as long at most {part:.2f} of the way from point to point; of a memoriser on the same path "
        f"{theirs:.1f} times and {jump:.2f}, of pictures faded into each other {even_faded:.1f} and {part_faded:.2f}"
    )
    for one in figures:
        found += "" if one.ok is not None else f"; {one.name}: {UNTOLD}"
    return Result(
        subject=result.subject(model), found=found, figures=figures, points=points, frames=frames, memorised=memorised
    )


def figure(found: Result) -> bytes:
    """A row from each point towards the next, as in figure 4, and one of the memoriser's below."""
    steps = len(found.frames) // len(found.points)
    columns = np.unique(np.linspace(0, steps, min(COLUMNS, steps), endpoint=False).astype(int))
    rows = [Row(f"from {point}", found.frames[i * steps + columns], ()) for i, point in enumerate(found.points)]
    rows.append(Row("memoriser", found.memorised[columns]))
    return plots.sheet("A walk through latents, and back to the first", rows, [found.found + "."])


def animation(found: Result) -> bytes:
    """The whole loop, for a WebP: each frame twice as large where pictures are small."""
    times = max(1, 128 // found.frames.shape[1])
    large = found.frames.repeat(times, 1).repeat(times, 2)
    return images.animation(list(large), milliseconds=60, hold=60)


def _figure(name: str, value: float, goal: float, control: float, protocol: dict[str, Any], seeds: str) -> Figure:
    """Held to its goal, where a memoriser misses that."""
    if control > goal:
        return Figure(name, value, protocol, seeds, goal=goal, ok=value <= goal, control=control)
    return Figure(name, value, protocol | {"not judged": UNTOLD}, seeds, goal=goal, control=control)


def _class(points: Sequence[str], labels: np.ndarray) -> int:
    """A walk stays in one class: the one that is named, or the first point's. Between two there is no way."""
    named = [point.label for point in map(latents.parse, points) if point.label is not None]
    if len(set(named)) > 1:
        raise UserError(
            f"--point: classes {named[0]} and {next(one for one in named if one != named[0])} are named, and there is "
            "no way from one to the other; give all points one class"
        )
    return int(named[0] if named else labels[0])


def _generate(model: Model, z: np.ndarray, label: int | None) -> np.ndarray:
    return model.generate(z, None if label is None else np.full(len(z), label))


def _faded(shown: np.ndarray, steps: int) -> np.ndarray:
    """Each picture faded into the next, the last into the first: [N * steps, H, W, C]."""
    here = shown.astype(np.float32)[:, None]
    share = (np.arange(steps, dtype=np.float32) / steps)[:, None, None, None]
    faded = (here + share * (np.roll(here, -1, 0) - here)).round().astype(np.uint8)
    return faded.reshape(-1, *shown.shape[1:])


def _nearest(path: np.ndarray, remembered: np.ndarray) -> np.ndarray:
    apart = (remembered**2).sum(1) - 2 * path @ remembered.T
    return apart.argmin(1)


def _smoothness(
    shown: np.ndarray, closer: Callable[[int], np.ndarray], steps: int, extractor: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float]:
    """The largest step over the mean one; and the largest of those that `closer` walks the largest ones in, over the
    mean way from each point to the next."""
    rows = extractor(shown)
    sizes = np.linalg.norm(np.roll(rows, -1, 0) - rows, axis=1)
    ways = np.linalg.norm(np.roll(rows[::steps], -1, 0) - rows[::steps], axis=1)
    largest = np.argsort(-sizes, kind="stable")[:CLOSER]
    finer = extractor(np.concatenate([closer(int(at)) for at in largest])).reshape(len(largest), FINER + 1, -1)
    jumps = np.linalg.norm(np.diff(finer, axis=1), axis=2)
    return float(sizes.max() / max(sizes.mean(), 1e-12)), float(jumps.max() / max(ways.mean(), 1e-12))
