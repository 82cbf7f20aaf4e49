"""Forgetting to draw windows (Radford et al., section 6.3.1, figure 6): the maps that draw an object are switched off.

On 150 samples it is told where the object is: the authors drew 52 boxes by hand. Here a reader of rooms says what was
drawn and from where it is seen, and the room's own geometry where that must then be; or a file of boxes says it, of
any run's samples. A logistic regression on the next-to-last hidden maps of G, each place a row, tells places inside
from places outside; maps with positive weight draw the object, and are dropped from the heaviest on, as many as are
needed. Other samples are then drawn with and without them, and read; beside it as many random maps are dropped.

A file of boxes is JSON, for each seed its boxes as parts of the side: {"17": [[left, top, width, height]], "18": []}.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dcgan import images, plots
from dcgan.console import Console
from dcgan.data import pictures
from dcgan.data.pictures import FACTORS, Category, Continuous
from dcgan.errors import UserError
from dcgan.experiments import exemplars, result
from dcgan.metrics.reader import SURE, Reader
from dcgan.metrics.result import Figure
from dcgan.networks import Generator
from dcgan.plots import Row
from dcgan.sample import Model, in_chunks

LABELLED = 150  # samples that are told where the object is, as in the paper
CHOSEN = 500  # the next ones, by which it is decided how many maps are needed
TRIED, FIRST_TRIED = 1000, 10_000  # samples that it is tried on, and the first one's seed
GOAL, NEAR = 0.15, 0.10  # share of the objects that may remain; how far others' shares may move
AIM = 0.10  # of the objects, while maps are chosen: other samples will have some more
CONTROLS = 5  # draws of as many random maps
PENALTY = 1e-3  # of the regression's squared weights
OBJECTS = {"rooms": ("window", "bed", "door", "lamp")}
FINE = 64  # pixels of the pictures that places are taken from
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "forget"
    source = "section 6.3.1, figure 6"
    paper = (
        "with the 200 maps of positive weight dropped, windows are mostly gone from the bedrooms, or are doors and "
        "mirrors, and the scene stays as it was"
    )
    what: str
    maps: list[int]  # dropped, the heaviest first
    before: np.ndarray  # uint8 [SHOWN, H, W, C]
    after: np.ndarray
    control: np.ndarray  # as many random maps dropped

    def as_json(self) -> dict:
        return super().as_json() | {"maps": self.maps}


def compute(
    model: Model,
    what: str = "window",
    *,
    boxes: Path | None = None,
    labelled: int = LABELLED,
    tried: int = TRIED,
    seer: Reader | None = None,
    console: Console | None = None,
) -> Result:
    """`boxes`: a file that says where the object is; a reader of rooms says it otherwise."""
    console = console or Console(quiet=True)
    if not isinstance(model.G, Generator):
        raise UserError("forget: the 2014 networks have no maps to drop; use a convolutional run")
    if boxes is not None:
        return _by_hand(model, what, boxes)
    name = exemplars.built_in(model, "forget")
    if what not in OBJECTS.get(name, ()):
        raise UserError(
            f"--what {what}: only of a window, bed, door or lamp in rooms is it known where it stands; mark it on "
            "samples in a file, and name that with --boxes"
        )
    seer = seer or exemplars.reader(model, "forget", console)
    shown = exemplars.look(model, seer, labelled + CHOSEN, console)
    told = np.flatnonzero(shown.read.confidences[what][:labelled] > SURE)
    places = [place(name, {f: held[row] for f, held in shown.read.values.items()}, what) for row in told]
    weights = regressed(model, shown.z[told], places)
    order = np.argsort(-weights, kind="stable")[: int((weights > 0).sum())]
    with console.progress("dropping maps", len(order)) as bar:
        maps = _needed(model, seer, shown.z[labelled:], order, what, bar.update)
    z, _ = model.latents(range(FIRST_TRIED, FIRST_TRIED + tried))
    whole, without = (_shares(seer, dropped(model, z, one)) for one in (maps[:0], maps))
    g = np.random.default_rng(0)
    random = [g.permutation(len(weights))[: len(maps)] for _ in range(CONTROLS)]
    controls = [_shares(seer, dropped(model, z, one)) for one in random]
    chance = {one: float(np.mean([shares[one] for shares in controls])) for one in whole}
    protocol = {"labelled": len(told), "maps": len(maps), "of": len(weights), "samples": tried}
    figures = _figures(what, whole, without, chance, protocol)
    found = (
        f"{len(maps)} of {len(weights)} maps dropped: a {what} is read in {without[what]:.0%} of rooms, not "
        f"{whole[what]:.0%}; without as many random maps in {chance[what]:.0%}"
    )
    shows = z[seer.read(model.generate(z)).values[what] == 1][:SHOWN]
    return _drawn(model, what, maps, shows, random[0], figures, found)


def figure(found: Result) -> bytes:
    rows = [
        Row("drawn by all maps", found.before),
        Row(f"those of the {found.what} dropped", found.after),
        Row("as many random maps dropped", found.control),
    ]
    return plots.sheet(f"Forgetting to draw a {found.what}", rows, [found.found + "."])


def place(name: str, factors: Mapping[str, float], what: str) -> np.ndarray:
    """Where the object stands in a picture of these factors, bool [FINE, FINE]; nowhere, where it is absent.

    What differs between the picture with it and the picture without it, at night, so that no light falls elsewhere.
    """
    kinds = FACTORS[name]
    full = {f: _filled(kind, factors.get(f)) for f, kind in kinds.items()} | {"light": -1.0, "lamp_on": "off"}
    if not factors[what] > 0:
        return np.zeros((FINE, FINE), bool)
    there, away = (pictures.render(name, full | {what: value}, FINE).astype(int) for value in (what, "none"))
    return np.abs(there - away).max(-1) > 8


def _filled(kind: pictures.Factor, value: float | None) -> float:
    """What was not read, since it is hidden, is as it may be."""
    if isinstance(kind, Continuous):
        return 0.0 if value is None or np.isnan(value) else float(np.clip(value, kind.low, kind.high))
    return max(0, int(value)) if isinstance(kind, Category) and value is not None else 0


def layer_of(G: Generator) -> int:
    """The next to last of the hidden maps (the projection's are the first): 16x16 at 64 px."""
    return max(0, len(G.hidden) - 1)


def hidden(model: Model, z: np.ndarray) -> Tensor:
    """That layer's maps, [N, maps, h, w]."""
    G = model.G
    assert isinstance(G, Generator)
    _, labels = _classes(model, len(z))
    return in_chunks(lambda x, y: G.maps(x, y)[layer_of(G)], torch.from_numpy(z), labels, model.device).cpu()


def regressed(model: Model, z: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    """A weight for each map, in units of its own deviation: positive where it is active inside the object."""
    rows = hidden(model, z)
    height, width = rows.shape[2:]
    inside = torch.stack([torch.from_numpy(one).float() for one in places])[:, None]
    inside = torch.nn.functional.adaptive_avg_pool2d(inside, (height, width))[:, 0] > 0.5
    if not inside.any() or inside.all():
        raise UserError(
            "forget: of all the places in these samples none is inside the object, or none outside; mark some of both"
        )
    x = rows.permute(0, 2, 3, 1).flatten(0, 2).double()
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-8)
    y = inside.flatten().double()
    balance = torch.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean()))  # each side counts half
    w, b = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True), torch.zeros(1, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([w, b], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w + b, y, balance) + PENALTY * w.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return w.detach().numpy()


def dropped(model: Model, z: np.ndarray, maps: Sequence[int] | np.ndarray) -> np.ndarray:
    """The pictures of these latents with some maps of that layer at zero: uint8 [N, H, W, C]."""
    G = model.G
    assert isinstance(G, Generator)
    layer = layer_of(G)
    widths = [m.shape[1] for m in G.maps(*_classes(model, 1))[: layer + 1]]
    gates = [torch.ones(width, device=model.device) for width in widths]
    gates[layer][torch.as_tensor(np.asarray(maps, np.int64))] = 0
    _, labels = _classes(model, len(z))
    x = in_chunks(lambda x, y: G.maps(x, y, gates)[-1], torch.from_numpy(z), labels, model.device)
    return images.to_uint8(x, model.config.output)


def _classes(model: Model, count: int) -> tuple[Tensor, Tensor | None]:
    """Latents of seeds 0 on, and the labels that they have in a conditional run."""
    z, labels = model.latents(np.arange(count))
    return torch.from_numpy(z).to(model.device), None if labels is None else torch.from_numpy(labels).to(model.device)


def _needed(
    model: Model, seer: Reader, z: np.ndarray, order: np.ndarray, what: str, progress: Callable[[int], None]
) -> np.ndarray:
    """The fewest of the maps, from the first on, without which the object is all but gone."""
    whole = _shares(seer, dropped(model, z, order[:0]))[what]
    few, many = 0, len(order)
    while many - few > 1:  # by halving: the share falls as maps go
        middle = (few + many) // 2
        gone = _shares(seer, dropped(model, z, order[:middle]))[what] <= AIM * whole
        few, many = (few, middle) if gone else (middle, many)
        progress(len(order) - (many - few))
    return order[:many]


def _shares(seer: Reader, shown: np.ndarray) -> dict[str, float]:
    """Of the pictures, how many show each object, are bright, are readable."""
    read = seer.read(shown)
    shares = {one: float((read.values[one] == 1).mean()) for one in OBJECTS["rooms"]}
    return shares | {"light": float((read.values["light"] > 0).mean()), "readable": read.readable()}


def _figures(
    what: str,
    whole: Mapping[str, float],
    without: Mapping[str, float],
    chance: Mapping[str, float],
    protocol: Mapping[str, Any],
) -> list[Figure]:
    seeds = f"{FIRST_TRIED}-{FIRST_TRIED + protocol['samples'] - 1}"
    left, by_chance = (shares[what] / max(whole[what], 1e-9) for shares in (without, chance))
    about = dict(protocol) | {"before": dict(whole), "after": dict(without), "random": dict(chance)}
    figures = [Figure(f"{what} left", left, about, seeds, goal=GOAL, ok=left <= GOAL < by_chance, control=by_chance)]
    for other in ("bed", "door", "window", "light"):
        if other != what:
            moved, chanced = (abs(shares[other] - whole[other]) for shares in (without, chance))
            figures.append(
                Figure(f"{other}: moved by", moved, about, seeds, goal=NEAR, ok=moved <= NEAR, control=chanced)
            )
    return figures


def _drawn(
    model: Model,
    what: str,
    maps: np.ndarray,
    z: np.ndarray,
    random: np.ndarray,
    figures: list[Figure],
    found: str,
) -> Result:
    before, after, control = (dropped(model, z, one) for one in (maps[:0], maps, random))
    return Result(
        subject=result.subject(model),
        found=found,
        figures=figures,
        what=what,
        maps=[int(one) for one in maps],
        before=before,
        after=after,
        control=control,
    )


def _by_hand(model: Model, what: str, path: Path) -> Result:
    """All maps of positive weight, as in the paper; nobody reads what comes of it but the eye."""
    boxes = read_boxes(path)
    z, _ = model.latents(list(boxes))
    weights = regressed(model, z, list(boxes.values()))
    maps = np.argsort(-weights, kind="stable")[: int((weights > 0).sum())]
    random = np.random.default_rng(0).permutation(len(weights))[: len(maps)]
    found = f"{len(maps)} of {len(weights)} maps dropped, by boxes on {len(boxes)} samples"
    return _drawn(model, what, maps, z[[one.any() for one in boxes.values()]][:SHOWN], random, [], found)


def read_boxes(path: Path) -> dict[int, np.ndarray]:
    """Each seed's places inside of its boxes, bool [FINE, FINE]."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--boxes {path}: it cannot be read ({error.strerror}); check the name") from None
    except ValueError:
        held = None
    wrong = UserError(
        f'--boxes {path}: it holds no boxes; write JSON, for each seed its boxes as parts of the side, none for "not '
        'there": {"17": [[left, top, width, height]], "18": []}'
    )
    if not isinstance(held, dict) or not held:
        raise wrong
    found = {}
    for seed, boxes in held.items():
        places = np.zeros((FINE, FINE), bool)
        try:
            for left, top, width, height in boxes:
                edges = FINE * np.array([top, top + height, left, left + width], float)
                if not (edges.min() >= 0 and edges.max() <= FINE and width > 0 and height > 0):
                    raise wrong
                a, b, c, d = edges.round().astype(int)
                places[a : max(b, a + 1), c : max(d, c + 1)] = True
            found[int(seed)] = places
        except (TypeError, ValueError):
            raise wrong from None
    return found
