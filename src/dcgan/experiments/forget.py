"""Forgetting to draw windows (Radford et al., section 6.3.1, figure 6): what draws an object is found, and left out.

On 150 samples it is told where the object is: the authors drew 52 boxes by hand. Here a reader of rooms says what was
drawn and from where it is seen, and the room's own geometry where that must then be; or a file of boxes says it, of
any run's samples. A logistic regression on the next-to-last hidden maps of G, each place a row, tells places inside
from places outside.

The paper then drops all maps of positive weight, everywhere. In networks as small as ours a map draws many things at
once, and what remains is mud; so that is measured beside, with the fewest maps that do, the heaviest first, against as
many random ones. What is done is narrower: wherever the regression sees the object, the maps are moved by the
difference of their means, from inside the object to the same places without it. Other samples are drawn with that and
without, and read; as a control, moved as far with the maps in random order.

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
from dcgan.metrics.reader import SURE, Reader, Reading
from dcgan.metrics.result import Figure
from dcgan.networks import Generator
from dcgan.plots import Row
from dcgan.sample import Model, in_chunks

LABELLED = 150  # samples that are told where the object is, as in the paper
TRIED, FIRST_TRIED = 1000, 10_000  # samples that it is tried on, and the first one's seed
GOAL, NEAR = 0.15, 0.10  # share of the objects that may remain; how far others' shares may move
CONTROLS = 3  # random orders of the maps, by which they are moved, or as many dropped
INSIDE, OUTSIDE = 0.5, 0.02  # of a place's area that is the object's, above and below which it counts as such
MAY_BE = 0.03  # of the samples have the object at a place where it may be
PENALTY = 1e-3  # of the regression's squared weights
OBJECTS = {"rooms": ("window", "bed", "door", "lamp")}
FINE = 64  # pixels of the pictures that places are taken from
SHOWN = 8


Edit = Callable[[Tensor], Tensor]  # of the layer's maps [N, maps, h, w]


@dataclass(frozen=True)
class Asked:
    """Latents, and the classes that are drawn of them in a conditional run."""

    z: np.ndarray  # [N, z_dim]
    labels: np.ndarray | None  # [N]

    @classmethod
    def of(cls, model: Model, seeds: Sequence[int] | range) -> "Asked":
        return cls(*model.latents(seeds))

    def __getitem__(self, rows: Any) -> "Asked":
        return Asked(self.z[rows], None if self.labels is None else self.labels[rows])

    def tensors(self) -> tuple[Tensor, Tensor | None]:
        return torch.from_numpy(self.z), None if self.labels is None else torch.from_numpy(self.labels)


@dataclass(frozen=True)
class Rule:
    """What the regression found: a place is inside where maps . weight + bias > 0."""

    weight: Tensor  # [maps]
    bias: float
    heavy: np.ndarray  # the maps of positive weight in units of their own deviation, the heaviest first
    way: Tensor  # [maps]: from the mean outside to the mean inside, at places where the object may be
    above: bool  # whether no map is ever below zero: G's rectifier is not a leaky one

    def moved(self, h: Tensor, order: Sequence[int] | np.ndarray | None = None) -> Tensor:
        """Without the object; `order`: by as much, but with the maps in another order."""
        way = self.way if order is None else self.way[torch.as_tensor(np.asarray(order))]
        inside = (h * self.weight[:, None, None]).sum(1, keepdim=True) + self.bias > 0
        moved = h - way[:, None, None]
        return torch.where(inside, moved.clamp(min=0) if self.above else moved, h)


def dropped(h: Tensor, maps: np.ndarray) -> Tensor:
    """The paper's way: these maps are zero everywhere."""
    h = h.clone()
    h[:, torch.from_numpy(maps.copy())] = 0
    return h


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name = "forget"
    source = "section 6.3.1, figure 6"
    paper = (
        "with the 200 maps of positive weight dropped, windows are mostly gone from the bedrooms, or are doors and "
        "mirrors, and the scene stays as it was"
    )
    what: str
    rows: list[tuple[str, np.ndarray]]  # in words; uint8 [SHOWN, H, W, C]


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
        raise UserError("forget: the 2014 networks have no maps to look at; use a convolutional run")
    if boxes is not None:
        return _by_hand(model, what, boxes)
    name = exemplars.built_in(model, "forget", "; mark it with --boxes instead")
    if what not in OBJECTS.get(name, ()):
        raise UserError(
            f"--what {what}: only of a window, bed, door or lamp in rooms is it known where it stands; mark it on "
            "samples in a file, and name that with --boxes"
        )
    seer = seer or exemplars.reader(model, "forget", console)
    shown = exemplars.look(model, seer, labelled, console)
    told = np.flatnonzero(shown.read.confidences[what] > SURE)
    if not len(told):
        raise UserError(f"forget: in none of {labelled} samples is a {what}, or none, surely read; train longer")
    places = [place(name, {f: held[row] for f, held in shown.read.values.items()}, what) for row in told]
    rule = regressed(model, Asked(shown.z[told], None), places)
    g = np.random.default_rng(0)
    orders = [g.permutation(len(rule.weight)) for _ in range(CONTROLS)]
    asked = Asked.of(model, range(FIRST_TRIED, FIRST_TRIED + tried))
    with console.progress("forgetting", 3 + 2 * CONTROLS) as bar:
        before = seer.read(edited(model, asked, lambda h: h))
        rooms = before.confidence > SURE  # only of these can it be said what became of them
        if not rooms.any():
            raise UserError(f"forget: of {tried:,} samples none can be read surely; train longer")

        def read(edit: Edit) -> dict[str, float]:
            return _shares(seer.read(edited(model, asked[rooms], edit)))

        whole, without = _shares(before, rooms), read(rule.moved)
        bar.update(2)
        by_count: dict[int, dict[str, float]] = {}  # shares by the count of the heaviest maps that are dropped

        def left(count: int) -> float:
            by_count[count] = read(lambda h: dropped(h, rule.heavy[:count]))
            return _left(what, by_count[count], whole)

        enough = fewest(left, len(rule.heavy))
        count = len(rule.heavy) if enough is None else enough
        papers = by_count[count]
        bar.update(3)
        moves, drops = [], []
        for number, order in enumerate(orders):
            moves.append(read(lambda h, order=order: rule.moved(h, order)))
            drops.append(read(lambda h, order=order: dropped(h, order[:count])))
            bar.update(3 + 2 * (number + 1))
    chance, unaimed = _mean(moves), _mean(drops)
    protocol = {
        "labelled": len(told),
        "heavy": len(rule.heavy),
        "of": len(rule.weight),
        "samples": tried,
        "readable": int(rooms.sum()),
        "maps dropped": count,
        "enough": enough,  # maps; None: not even all of positive weight
        "left by maps dropped": {one: round(_left(what, by_count[one], whole), 4) for one in sorted(by_count)},
        "random draws": CONTROLS,
    }
    figures = _figures(what, whole, without, chance, papers, unaimed, protocol)
    how = (
        f"all maps of positive weight dropped, {count} of {len(rule.weight)}, which is not enough"
        if enough is None
        else f"the {count} heaviest of {len(rule.weight)} maps dropped, the fewest found to be enough"
    )
    found = (
        f"a {what} is read in {without[what]:.0%} of rooms, not {whole[what]:.0%}, and in {chance[what]:.0%} when the "
        f"maps are moved at random; {without['readable']:.0%} of the rooms can still be read; with {how}, "
        f"it is read in {papers[what]:.0%}, and then {papers['readable']:.0%} can be read (with as many random maps "
        f"dropped, in {unaimed[what]:.0%}, and {unaimed['readable']:.0%})"
    )
    shows = asked[np.flatnonzero(before.values[what] == 1)[:SHOWN]]
    return _drawn(model, what, rule, shows, orders[0], count, figures, found)


def figure(found: Result) -> bytes:
    rows = [Row(words, pictures) for words, pictures in found.rows]
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


def hidden(model: Model, asked: Asked) -> Tensor:
    """That layer's maps, [N, maps, h, w]."""
    G = model.G
    assert isinstance(G, Generator)
    return in_chunks(lambda x, y: G.maps(x, y)[layer_of(G)], *asked.tensors(), model.device).cpu()


def regressed(model: Model, asked: Asked, places: Sequence[np.ndarray]) -> Rule:
    rows = hidden(model, asked)
    height, width = rows.shape[2:]
    share = torch.stack([torch.from_numpy(one).float() for one in places])[:, None]
    share = torch.nn.functional.adaptive_avg_pool2d(share, (height, width))[:, 0]  # of each place, inside: [N, h, w]
    inside, outside = share > INSIDE, share < OUTSIDE
    if not inside.any() or not outside.any():
        raise UserError(
            "forget: of all the places in these samples none is inside the object, or none outside; mark some of both"
        )
    at = rows.permute(0, 2, 3, 1)
    told = inside | outside
    x, y = at[told].double(), inside[told].double()
    mean, deviation = x.mean(0), x.std(0).clamp(min=1e-8)
    x = (x - mean) / deviation
    balance = torch.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y.mean()))  # each side counts half
    weight = torch.zeros(x.shape[1] + 1, dtype=x.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        w, b = weight[:-1], weight[-1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w + b, y, balance) + PENALTY * w.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    w, b = weight.detach()[:-1], float(weight.detach()[-1])
    elsewhere = outside & (inside.float().mean(0) > MAY_BE)  # it is not there, but in other samples it is
    way = at[inside].mean(0) - at[elsewhere if elsewhere.any() else outside].mean(0)
    order = np.argsort(-w.numpy(), kind="stable")
    device = model.device
    return Rule(
        (w / deviation).float().to(device),
        b - float((w * mean / deviation).sum()),
        order[: int((w > 0).sum())],
        way.to(device),
        model.config.activation_G == "relu",
    )


def fewest(left: Callable[[int], float], most: int) -> int | None:
    """The least count of maps, up to `most`, at which GOAL of the objects or less is left; None where there is none.

    Coarsely, with 2 log2(most) readings: doubled until that is so, then halved between. What is left need not fall with
    each further map, so that among the counts that were passed over a smaller one may do too.
    """
    low, high = 0, min(1, most)
    while left(high) > GOAL:
        if high == most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left(middle) <= GOAL else (middle, high)
    return high


def edited(model: Model, asked: Asked, edit: Edit) -> np.ndarray:
    """The pictures of these latents with that layer's maps changed: uint8 [N, H, W, C]."""
    G = model.G
    assert isinstance(G, Generator)
    layer = layer_of(G)

    def draw(x: Tensor, y: Tensor | None) -> Tensor:
        h = edit(G.maps(x, y)[layer])
        for further in G.hidden[layer:]:
            h = further(G.join(h, y))
        return G.out(G.join(h, y))

    return images.to_uint8(in_chunks(draw, *asked.tensors(), model.device), model.config.output)


def _shares(read: Reading, of: np.ndarray | slice = slice(None)) -> dict[str, float]:
    """Of the pictures, how many show each object, are bright, are readable."""
    shares = {one: float((read.values[one][of] == 1).mean()) for one in OBJECTS["rooms"]}
    light, sure = read.values["light"][of] > 0, read.confidence[of] > SURE
    return shares | {"light": float(light.mean()), "readable": float(sure.mean())}


def _mean(several: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {one: float(np.mean([shares[one] for shares in several])) for one in several[0]}


def _left(what: str, shares: Mapping[str, float], whole: Mapping[str, float]) -> float:
    """Of the objects that were there, so many still are."""
    return shares[what] / max(whole[what], 1e-9)


def _figures(
    what: str,
    whole: Mapping[str, float],
    without: Mapping[str, float],
    chance: Mapping[str, float],
    papers: Mapping[str, float],
    unaimed: Mapping[str, float],
    protocol: Mapping[str, Any],
) -> list[Figure]:
    """`chance` is `without` with the maps in random order; `unaimed` is `papers` with as many random maps."""
    seeds = f"{FIRST_TRIED}-{FIRST_TRIED + protocol['samples'] - 1}"
    about = dict(protocol) | {
        "all": dict(whole),
        "without": dict(without),
        "dropped": dict(papers),
        "dropped at random": dict(unaimed),
    }
    figures = []
    for name, ours, theirs in (
        (f"{what} left", without, chance),
        (f"{what} left, maps dropped as in the paper", papers, unaimed),
    ):
        left, control = _left(what, ours, whole), _left(what, theirs, whole)
        figures.append(Figure(name, left, about, seeds, goal=GOAL, ok=left <= GOAL < control, control=control))
    for other in ("bed", "door", "window", "light"):
        if other != what:
            moved, chanced = (abs(shares[other] - whole[other]) for shares in (without, chance))
            figures.append(
                Figure(f"{other} moved by", moved, about, seeds, goal=NEAR, ok=moved <= NEAR, control=chanced)
            )
    fell, chanced = (whole["readable"] - shares["readable"] for shares in (without, chance))
    figures.append(Figure("readable falls by", fell, about, seeds, goal=NEAR, ok=fell <= NEAR, control=chanced))
    return figures


def _drawn(
    model: Model, what: str, rule: Rule, asked: Asked, order: np.ndarray, count: int, figures: list[Figure], found: str
) -> Result:
    ways: list[tuple[str, Edit]] = [
        ("as it is drawn", lambda h: h),
        (f"without the {what}", rule.moved),
        ("moved at random", lambda h: rule.moved(h, order)),
        ("maps dropped", lambda h: dropped(h, rule.heavy[:count])),
        ("as many at random", lambda h: dropped(h, order[:count])),
    ]
    rows = [(words, edited(model, asked, edit)) for words, edit in ways]
    return Result(subject=result.subject(model), found=found, figures=figures, what=what, rows=rows)


def _by_hand(model: Model, what: str, path: Path) -> Result:
    """Nobody reads what comes of it but the eye."""
    boxes = read_boxes(path)
    asked = Asked.of(model, list(boxes))
    rule = regressed(model, asked, list(boxes.values()))
    order = np.random.default_rng(0).permutation(len(rule.weight))
    found = f"the {what} of boxes on {len(boxes)} samples, by {len(rule.heavy)} of {len(rule.weight)} maps"
    shows = np.flatnonzero([one.any() for one in boxes.values()])[:SHOWN]
    return _drawn(model, what, rule, asked[shows], order, len(rule.heavy), [], found)


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
