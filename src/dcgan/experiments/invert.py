"""Picture -> z: the latent whose picture is most like one's own, which can then be walked and combined.

    dcgan invert runs/faces-64 me.jpg          keeps it in the run as #me; dcgan sample RUN --point '0.5*#me + 0.5*17'
    dcgan invert runs/digits three.png         of a conditional run: says '#three @3', since #three alone has no class
    dcgan invert runs/faces-64 --remove me     takes the name out again

Radford et al. left this out ("we do not have an inference model", as section 6 has only z's that were drawn); the
way is Creswell & Bharath's (2016) and Lipton & Tripathi's (2017): descend the squared difference of the pixels by z.
It begins at the nearest of many samples, several of them, since where one descent ends depends on where it began.

You should see the picture as the run would have drawn it, at most half as far away as the nearest sample; what the run
never saw stays away. The error is the root of the mean squared difference, in grey levels of 255. (To be nearer than
the nearest sample is no goal: the descent begins there and keeps its best.)
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dcgan import data, images, latents, plots
from dcgan.console import Console
from dcgan.data.spec import Spec
from dcgan.errors import UserError
from dcgan.experiments import result
from dcgan.latents import Point, Term
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.sample import CHUNK, Model

SAMPLES = 1024  # among which the nearest are looked for
STARTS = 8  # of the nearest, from which it descends
STEPS = 300
RATE = 0.05  # Adam's, on numbers of spread about 1
GOAL = 0.5  # of the nearest sample's error; an untrained generator comes to 0.8 of it on a face
SAME = 0.5  # grey levels: pictures are whole numbers of them, so what is so near is the same picture
BEYOND = 2.0  # a normal z of d numbers has length sqrt(d) +- 0.7; it may become so much longer


@dataclass(frozen=True)
class Inverted:
    z: np.ndarray  # float32 [z_dim]
    label: int | None  # of a conditional run: the class it was drawn as
    seed: int  # the nearest sample's
    picture: np.ndarray  # uint8 [H, W, C]: what was asked for, as the run sees it ...
    nearest: np.ndarray  # ... the nearest sample ...
    drawn: np.ndarray  # ... and what z draws
    error: float  # of `drawn`, in grey levels
    error_nearest: float


def invert(
    model: Model,
    picture: np.ndarray,
    *,
    label: int | None = None,
    steps: int = STEPS,
    samples: int = SAMPLES,
    progress: Callable[[int], None] = lambda done: None,
) -> Inverted:
    """The z of a uint8 picture [H, W, C] of the run's own size; `label`: only as this class."""
    c = model.config
    wanted = (*(c.size or ()), c.channels)
    if picture.dtype != np.uint8 or picture.shape != wanted:
        raise UserError(
            f"picture of type {picture.dtype} and shape {list(picture.shape)}: this run needs uint8 "
            f"[{', '.join(map(str, wanted))}]"
        )
    x = images.to_float(picture[None], c.output, model.device)
    seeds, labels = _nearest(model, x, label, samples)
    z = torch.from_numpy(latents.draw(seeds, c.z_dim, c.z)).to(model.device).requires_grad_()
    y = None if labels is None else torch.tensor(labels, device=model.device)
    optimizer = torch.optim.Adam([z], RATE)
    best = torch.full((len(z),), torch.inf, device=model.device)
    found = z.detach().clone()
    for step in range(steps + 1):
        away = (model.G(z, y) - x).square().flatten(1).mean(1)  # [starts]
        with torch.no_grad():
            nearer = away < best
            best = torch.where(nearer, away, best)
            found = torch.where(nearer[:, None], z, found)
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 - step / (steps + 1))
        optimizer.zero_grad()
        away.sum().backward()
        optimizer.step()
        with torch.no_grad():
            z.copy_(inside(z, c.z))
        progress(step)
    chosen = int(best.argmin())
    z_best = found[chosen].cpu().numpy()
    own = None if labels is None else labels[chosen : chosen + 1]
    drawn = model.generate(z_best[None], own)[0]
    nearest = model.generate(latents.draw(seeds[:1], c.z_dim, c.z), None if labels is None else labels[:1])[0]
    return Inverted(
        z_best,
        None if own is None else own[0],
        seeds[0],
        picture,
        nearest,
        drawn,
        difference(drawn, picture),
        difference(nearest, picture),
    )


def inside(z: Tensor, distribution: str) -> Tensor:
    """The nearest z that could have been drawn: in the cube, or no longer than a normal one is."""
    if distribution == "uniform":
        return z.clamp(-1, 1)
    longest = z.shape[1] ** 0.5 + BEYOND
    return z * (longest / z.norm(dim=1, keepdim=True)).clamp(max=1)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """The root of the mean squared difference, in grey levels."""
    return float(np.sqrt(np.square(a.astype(np.float64) - b).mean()))


def _nearest(model: Model, x: Tensor, label: int | None, samples: int) -> tuple[list[int], list[int] | None]:
    """The seeds of the nearest samples, and in a conditional run their classes."""
    c = model.config
    away = []
    for start in range(0, samples, CHUNK):
        seeds = range(start, min(start + CHUNK, samples))
        labels = [seed % c.classes if label is None else label for seed in seeds] if c.conditional else None
        drawn = model.floats(latents.draw(seeds, c.z_dim, c.z), labels)
        away.append((drawn - x).square().flatten(1).mean(1).cpu())
    seeds = torch.cat(away).argsort(stable=True)[:STARTS].tolist()
    return seeds, [seed % c.classes if label is None else label for seed in seeds] if c.conditional else None


def read(model: Model, image: Spec) -> np.ndarray:
    """One picture, made to fit as the run's own were: uint8 [H, W, C]."""
    c = model.config
    found = data.open(
        image, size=c.size, channels=c.channels, fit=c.fit, background=c.background, max_bad=0, stream=True
    )
    if len(found) != 1:
        raise UserError(f"{image}: it holds {len(found):,} pictures, and one is inverted at a time; name one of them")
    return np.asarray(found.images[0:1])[0]


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name, source = "invert", "beyond the paper; used with sections 6.1 and 6.3.2"
    paper = "it walks from and combines drawn z's alone: it has no way from a picture to its z"
    inverted: Inverted
    point: str | None  # its #name in the run, where it is kept
    words: str  # what draws it: that, with the class of a conditional run, which the saved latent does not hold

    def as_json(self) -> dict[str, Any]:
        return super().as_json() | ({} if self.point is None else {"point": self.words})


def compute(
    model: Model,
    picture: np.ndarray,
    said: str,
    point: str | None = None,
    *,
    label: int | None = None,
    steps: int | None = None,
    console: Console | None = None,
) -> Result:
    """`invert`, with its report; `said`: what the picture is called, `point`: what it will be."""
    steps = STEPS if steps is None else steps
    if steps < 1:
        raise UserError(f"--steps {steps}: it must be a whole number of 1 or more")
    console = console or Console(quiet=True)
    with console.progress("descending", steps) as bar:
        one = invert(model, picture, label=label, steps=steps, progress=bar.update)
    protocol = {
        "measure": "root of the mean squared difference of pixels, of 255 grey levels",
        "steps": steps,
        "nearest sample": one.error_nearest,
    }
    searched = f"the {STARTS} nearest of seeds 0-{SAMPLES - 1}"
    bound = max(GOAL * one.error_nearest, SAME)
    words = said if point is None else str(Point((Term(1.0, point),), (), one.label))
    # a point that names neither a class nor a seed is drawn as class 0
    how = f"; write '{words}' to draw it, since #{point} alone is drawn as class 0" if point and one.label else ""
    return Result(
        subject=f"{said}, in {result.subject(model)}",
        found=f"it is {f'{words}, ' if point else ''}{one.error:.1f} grey levels away; the nearest of {SAMPLES:,} "
        f"samples, seed {one.seed}, is {one.error_nearest:.1f} away{how}",
        figures=[Figure("error", one.error, protocol, searched, goal=bound, ok=one.error <= bound)],
        inverted=one,
        point=point,
        words=words,
    )


def check_name(model: Model, image: Path, name: str | None, overwrite: bool) -> str:
    """The `#name` it will be kept as (of the file's, unless told), asked before anything is computed."""
    if model.folder is None:
        raise UserError("RUN: a point is kept in a run's folder, and this file stands in none; give the run's folder")
    point = re.sub(r"[^\w.-]+", "-", image.stem).strip("-.") if name is None else name
    model.folder.check_point(point, overwrite)
    return point


def keep(model: Model, found: Result) -> None:
    assert model.folder is not None
    assert found.point is not None
    model.folder.save_point(found.point, found.inverted.z)


def figure(found: Result) -> bytes:
    """The picture as the run sees it, the nearest sample, and what z draws."""
    one = found.inverted
    shown = np.stack([one.picture, one.nearest, one.drawn])
    captions = ("asked for", f"{one.error_nearest:.1f} away", f"{one.error:.1f} away")
    return plots.sheet(f"{found.words}: a picture, the nearest sample, its inversion", [Row("", shown, captions)],
                       [found.found + "."])  # fmt: skip
