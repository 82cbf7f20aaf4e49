"""What D's filters look for (Radford et al., section 6.2 and figure 5): guided backprop, beside a random network.

"We demonstrate that an unsupervised DCGAN ... can also learn a hierarchy of features that are interesting. Using
guided backpropagation as proposed by Springenberg et al. (2014), we show in Fig. 5 that the features learnt by the
discriminator activate on typical parts of a bedroom"; beside them "a baseline for randomly initialized features that
are not activated on anything that is semantically relevant".

For each of the last convolution's maps the pictures are found on which one of its units answers most, and that one
answer is led back to the pixels. At each rectifier a gradient passes only where it is positive and the unit is on.
The paper shows six maps and leaves the judgement to the eye; here it is also a number. The share of the pixels that
carry a gradient (participation ratio: (sum e)^2 / (n sum e^2), e the squared gradient at a pixel) tells how spread
out it is, and D's median over its maps should lie where no random network's does. Maps of one network share their
first layers, so what is compared is networks: p is the share of random ones that lie as far from their own median.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan import data, images, networks, plots
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.experiments import result
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.sample import Model

SHOWN = 6  # maps: the paper's "first 6"
EACH = 6  # pictures for a map
PICTURES = 2000  # in which the largest answers are looked for
RANDOM = 127  # networks: one more of which none lies as far has p = 1/128
MAPS, AMONG = 16, 128  # of each network, and pictures, for the number
CHUNK = 100
GOAL = 0.01  # p
FIRST = 64  # filters of the first layer, at most
CELLS, CELL, GAP = 8, 64, 2  # squares that they are drawn in, pixels of their sides, and between four in one


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Of one network: its largest answers, what they are to, and what in it."""

    pictures: np.ndarray  # uint8 [maps, EACH, H, W, C]
    gradients: np.ndarray  # float32 [maps, EACH, C, H, W]
    first: np.ndarray  # float32 [filters, C, k, k]: the first layer's weights


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name, source = "filters", "section 6.2, figure 5"
    paper = (
        "guided backprop of D's last convolution lights up beds and windows; of a random network, nothing in particular"
    )
    learned: Filters
    random: Filters


def compute(model: Model, dataset: data.Dataset, seed: int = 0, console: Console | None = None) -> Result:
    """On the first PICTURES of a set (in an order of the seed's); the random network has D's shape and is measured on
    the same pictures."""
    console = console or Console(quiet=True)
    if model.config.network not in ("dcgan", "vae") or model.D is None:
        raise UserError(
            f"{result.subject(model)}: filters are of convolutions, and its D has none; use a run of --network dcgan"
        )
    if len(dataset) < EACH:
        raise UserError(f"{dataset.name}: it has {len(dataset)} pictures; {EACH} or more are wanted")
    order = data.Stream(dataset, seed).order(0)[:PICTURES]
    shown = dataset.images[order]
    labels = None if dataset.labels is None or not model.config.conditional else dataset.labels[order]
    few = shown[:AMONG], None if labels is None else labels[:AMONG], model.config.output
    ours = spread(model.D, *few)
    if np.isnan(ours):
        raise UserError(
            f"{result.subject(model)}: most of its D's last maps answer to nothing, so nothing can be led back; "
            "`dcgan doctor` may say why"
        )
    theirs = np.empty(RANDOM)
    with console.progress("random networks", RANDOM) as bar:
        for i in range(RANDOM):
            theirs[i] = spread(random_D(model, few[0], few[1], seed + i), *few)
            bar.update(i + 1)
    middle = float(np.nanmedian(theirs))
    nearer = np.abs(theirs - middle) < abs(ours - middle)  # one whose maps answer to nothing is not
    p = (1 + int((~nearer).sum())) / (1 + RANDOM)
    protocol = {
        "measure": "participation ratio of squared guided gradients: median over maps, mean over pictures",
        "maps": MAPS,
        "pictures": len(few[0]),
        "random networks": RANDOM,
        "test": "rank of the distance from the random networks' median",
    }
    said = f"a gradient covers {ours:.1%} of the pixels; in random networks {middle:.1%} (p = {p:.2g})"
    return Result(
        subject=f"{result.subject(model)}, on {len(shown):,} of {dataset.name}",
        found=said,
        figures=[
            Figure(
                "p, learned against random",
                p,
                protocol,
                f"{seed}-{seed + RANDOM - 1}",
                goal=GOAL,
                side="<",
                ok=p < GOAL,
            ),
            Figure("pixels that carry a gradient", ours, protocol, str(seed), control=middle),
        ],
        learned=of_network(model.D, shown, labels, model.config.output, SHOWN),
        random=of_network(random_D(model, shown, labels, seed), shown, labels, model.config.output, SHOWN),
    )


def random_D(model: Model, shown: np.ndarray, labels: np.ndarray | None, seed: int) -> nn.Module:
    """D before training, with batch norm's statistics for use: of these pictures."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        D = networks.Discriminator(model.config).to(device=model.device, memory_format=torch.channels_last)
    networks.measure(D, ((x, y) for x, y in _batches(shown, labels, model.config.output, model.device) if len(x) > 1))
    return D.eval().requires_grad_(False)


def spread(D: nn.Module, shown: np.ndarray, labels: np.ndarray | None, output: str) -> float:
    """How many of the pixels carry the gradients of its largest answers; NaN where most maps answer to nothing."""
    shares = np.array([participation(one).mean() for one in of_network(D, shown, labels, output, MAPS).gradients])
    return float(np.nanmedian(shares)) if np.isfinite(shares).mean() >= 0.5 else np.nan


def of_network(D: nn.Module, shown: np.ndarray, labels: np.ndarray | None, output: str, count: int) -> Filters:
    """The first `count` maps' largest answers among the pictures uint8 [N, H, W, C], led back to their pixels."""
    device = str(next(D.parameters()).device)
    maps: Callable = D.maps  # type: ignore[assignment]
    with torch.no_grad():
        peaks = torch.cat([maps(x, y)[-1].flatten(2).amax(2) for x, y in _batches(shown, labels, output, device)])
    best = peaks[:, :count].topk(min(EACH, len(shown)), dim=0).indices.T.cpu()  # [maps, EACH]
    guide = guided(D)
    gradients = []
    for i, rows in enumerate(best.numpy()):
        x = images.to_float(shown[rows], output, device).requires_grad_()
        y = None if labels is None else torch.as_tensor(labels[rows], device=device)
        answers = guide.maps(x, y)[-1][:, i].flatten(1)  # type: ignore[operator]
        (gradient,) = torch.autograd.grad(answers.amax(1).sum(), x)
        gradients.append(gradient.cpu().numpy())
    channels = shown.shape[3]
    first = D.hidden[0].linear.weight.detach()[:FIRST, :channels].cpu().numpy()  # type: ignore[index]
    return Filters(pictures=shown[best.numpy()], gradients=np.stack(gradients), first=first)


def guided(network: nn.Module) -> nn.Module:
    """A copy whose rectifiers lead gradients back by Springenberg et al.'s rule."""
    changed = copy.deepcopy(network)
    for module in list(changed.modules()):
        for name, child in module.named_children():
            if isinstance(child, (nn.ReLU, nn.LeakyReLU)):
                setattr(module, name, Guided(getattr(child, "negative_slope", 0.0)))
    return changed


class Guided(nn.Module):
    """A rectifier, leaky or not, whose gradient is the slope times what comes in, where that and the unit are above
    zero: there the slope is 1, whatever it is below."""

    def __init__(self, slope: float):
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        on = F.relu(x)
        if on.requires_grad:
            on.register_hook(lambda gradient: gradient.clamp(min=0))
        return on - self.slope * F.relu(-x.detach())


def participation(gradients: np.ndarray) -> np.ndarray:
    """The share of pixels that carry a gradient: [N, C, H, W] -> [N], 1/n for one pixel to 1 for all alike; NaN where
    none does."""
    e = np.square(gradients.astype(np.float64)).sum(1).reshape(len(gradients), -1)
    squares = np.square(e).sum(1)
    return np.square(e.sum(1)) / np.where(squares > 0, e.shape[1] * squares, np.nan)


def _batches(
    shown: np.ndarray, labels: np.ndarray | None, output: str, device: str
) -> Iterator[tuple[Tensor, Tensor | None]]:
    for start in range(0, len(shown), CHUNK):
        part = slice(start, start + CHUNK)
        y = None if labels is None else torch.as_tensor(labels[part], device=device)
        yield images.to_float(shown[part], output, device), y


def figure(found: Result) -> bytes:
    """A row for each of six maps: pictures, learned gradients; below them the random network's; then first filters."""
    rows = []
    for words, one in (("learned", found.learned), ("random", found.random)):
        for i in range(min(SHOWN, len(one.gradients))):
            beside = np.concatenate([one.pictures[i][:4], visible(one.gradients[i])[:4]])
            rows.append(Row(f"{words}\nmap {i + 1}", beside))
    for words, one in (("learned", found.learned), ("random", found.random)):
        rows.append(Row(f"{words}\nfirst layer", squares(visible(one.first))))
    return plots.sheet("What D's last maps answer to, and where", rows, [found.found + "."])


def squares(small: np.ndarray) -> np.ndarray:
    """Filters uint8 [N, k, k, C] in CELLS squares, the first one in each or, where there are more, four: uint8
    [CELLS or fewer, CELL, CELL, C]. Those that find no room are left out."""
    across = 1 if len(small) <= CELLS else 2
    small = small[: CELLS * across**2]
    side = (CELL - GAP * (across - 1)) // across
    nearest = np.arange(side) * small.shape[1] // side
    large = small[:, nearest][:, :, nearest]
    held = np.full((-(-len(small) // across**2), CELL, CELL, small.shape[3]), 255, np.uint8)
    for i, one in enumerate(large):
        top, left = (place * (side + GAP) for place in divmod(i % across**2, across))
        held[i // across**2, top : top + side, left : left + side] = one
    return held


def visible(gradients: np.ndarray) -> np.ndarray:
    """float [N, C, H, W], each scaled about middle grey by its own largest: uint8 [N, H, W, C]."""
    largest = np.abs(gradients).reshape(len(gradients), -1).max(1).clip(1e-30)[:, None, None, None]
    return ((gradients / largest + 1) * 127.5).round().astype(np.uint8).transpose(0, 2, 3, 1)
