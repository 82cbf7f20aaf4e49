"""The paper's own de-duplication (Radford et al., section 4.1.1): a picture's code, and who shares it.

"We trained a 3072-128-3072 de-noising dropout regularized RELU autoencoder on 32x32 downsampled center-crops of
training examples. The resulting code layer activations were then binarized via thresholding the ReLU activation
(semantic hashing, Salakhutdinov & Hinton, 2009), which ... is a convenient form of linear time de-duplication. Visual
inspection of hash collisions showed high precision with an estimated false positive rate of less than 1 in 100"; about
275,000 near duplicates were taken out.

    hashing = train(dataset)             # no labels; minutes
    of = duplicates(dataset, hashing)    # int64 [N]: the earlier picture that each repeats, or -1

What it is to undo while it learns is what a second copy differs by: a shift, a crop, other light, grain. And each
picture is looked up as it is and in a few other views: shifted by a pixel, cropped a little. A view meets a picture
where their bits agree in one of TABLES choices of KEY bits, so the time is linear in the number of pictures; of those
that meet, the ones are taken for one picture whose codes point the same way. How much the same is chosen on the set
itself: so that of a hundred that are taken for copies one is a stranger, or fewer.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.errors import UserError
from dcgan.files import write_whole

from . import cache, prepare
from .dataset import Dataset
from .dedup import exact, first_of_each

SIDE, CODE = 32, 128  # 3 x 32 x 32 = 3,072 numbers
NOISE, DROPOUT = 0.05, 0.2  # standard deviation, of pixels in [0, 1]; share of the pixels that are left out
STEPS, BATCH, RATE = 1500, 128, 1e-3
DAMP = 10.0  # of the units' mean variance, added along each axis: the few that say most are held back a little
KEY, TABLES = 16, 32
NEIGHBOURS = 24  # in a bucket, each view is held against so many pictures
FEW = 200  # pictures below which nothing can be learned
FALSE = 0.01  # the paper's 1 in 100
NONE = 1.01  # no cosine is so high: only the same pixels are then one picture
TRIED = 5000  # pictures on which the likeness is chosen
CHUNK = 1000
LIKENESSES = 1 << 25  # cosines that are held at a time


class Autoencoder(nn.Module):
    """3072-128-3072, with one rectifier."""

    def __init__(self) -> None:
        super().__init__()
        pixels = 3 * SIDE * SIDE
        self.encode, self.decode = nn.Linear(pixels, CODE), nn.Linear(CODE, pixels)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(F.relu(self.encode(x)))


@dataclass(frozen=True)
class Hashing:
    network: Autoencoder
    middle: Tensor  # [CODE]: of the units before their rectifier, over the pictures
    turn: Tensor  # [CODE, CODE]: draws in their longest main axes, so that no few of them decide what is alike
    alike: float  # the cosine of two codes from which on they are one picture's


def train(dataset: Dataset, seed: int = 0, steps: int = STEPS, report: prepare.Progress = prepare.silent) -> Hashing:
    """From the pictures alone."""
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = Autoencoder()
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps + 1, pct_start=0.1)
    picked = np.random.default_rng(seed)
    for step in range(steps):
        rows = np.sort(picked.integers(0, len(dataset), BATCH))
        x = cropped(dataset.images[rows])
        y = changed(x, random)
        y = y + NOISE * torch.randn(y.shape, generator=random)
        y = y * (torch.rand(y.shape, generator=random) >= DROPOUT) / (1 - DROPOUT)
        loss = F.mse_loss(network(even(y)), even(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            report("learning codes", step + 1, steps)
    network.requires_grad_(False)
    sample = np.sort(picked.permutation(len(dataset))[: max(TRIED, 100)])
    raw = network.encode(even(cropped(dataset.images[sample])))
    middle = raw.mean(0)
    values, axes = torch.linalg.eigh(torch.cov(raw.T))
    untold = Hashing(network, middle, axes * (values + DAMP * values.mean()).rsqrt() @ axes.T, NONE)
    return Hashing(network, untold.middle, untold.turn, _chosen(dataset, untold, seed))


def cropped(shown: np.ndarray) -> Tensor:
    """uint8 [N, H, W, C] -> the middle square at 32 x 32, in colour: float32 [N, 3, 32, 32] in [0, 1]."""
    h, w, c = shown.shape[1:]
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    square = np.require(shown[:, top : top + side, left : left + side], np.float32, ["C", "W"])
    x = torch.from_numpy(square).permute(0, 3, 1, 2) / 255
    if c == 4:
        x = 1 - (1 - x[:, :3]) * x[:, 3:]
    return F.interpolate(x.expand(-1, 3, -1, -1), (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def even(x: Tensor) -> Tensor:
    """[N, 3, 32, 32] -> [N, 3072] of mean 0 and spread 1: light and contrast are the first that copies differ by."""
    flat = x.flatten(1) - x.flatten(1).mean(1, keepdim=True)
    return flat / flat.std(1, keepdim=True).clamp(min=0.02)


def changed(x: Tensor, random: torch.Generator) -> Tensor:
    """As a second copy might differ: [N, C, H, W] cropped by up to a seventh and shifted, in other light."""
    n = len(x)
    scale = 1 - 0.15 * torch.rand(n, generator=random)
    shift = (torch.rand(n, 2, generator=random) * 2 - 1) * (2 / SIDE)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = shift
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    gain = 1 + 0.3 * (torch.rand(n, 1, 1, 1, generator=random) - 0.5)
    return (moved * gain + 0.1 * (torch.rand(n, 1, 1, 1, generator=random) - 0.5)).clamp(0, 1)


def views(x: Tensor) -> Iterator[Tensor]:
    """[N, 3, 32, 32] as it is, shifted by a pixel each way, and cropped by a sixteenth at each side."""
    yield x
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
        yield wide[..., down : down + SIDE, right : right + SIDE]
    cut = SIDE // 16
    yield F.interpolate(x[..., cut:-cut, cut:-cut], (SIDE, SIDE), mode="bilinear", align_corners=False)


VIEWS = 6
KINDS = {  # of second copies: what is done to uint8 [H, W, C], by a random number
    "cropped": lambda one, random: _cut(one, 16),
    "JPEG": lambda one, random: _saved(one, 50),
    "light": lambda one, random: np.clip(one * (1 + random.choice([-0.12, 0.12])), 0, 255).astype(np.uint8),
    "shifted": lambda one, random: _shifted(one, 1, random),
    "cropped more": lambda one, random: _cut(one, 10),
    "shifted by two": lambda one, random: _shifted(one, 2, random),
}


def copies(shown: np.ndarray, seed: int) -> np.ndarray:
    """Second copies of uint8 [N, H, W, C], a kind for each in turn: cropped by a sixteenth at each side, JPEG of
    quality 50, 12 % darker or lighter, shifted by a pixel; and what no view has: cropped by a tenth, shifted by two."""
    random = np.random.default_rng(seed)
    change = list(KINDS.values())
    return np.stack([change[i % len(change)](one, random) for i, one in enumerate(shown)])


def _cut(one: np.ndarray, part: int) -> np.ndarray:
    h, w, _ = one.shape
    cut = max(1, round(min(h, w) / part))
    return _resized(one[cut : h - cut, cut : w - cut], (w, h))


def _shifted(one: np.ndarray, step: int, random: np.random.Generator) -> np.ndarray:
    """Along either axis, its edge repeated."""
    axis, way = int(random.integers(2)), int(random.choice([-1, 1]))
    place = np.clip(np.arange(one.shape[axis]) - way * step, 0, one.shape[axis] - 1)
    return one.take(place, axis)


def _picture(one: np.ndarray) -> Image.Image:
    return Image.fromarray(one[..., 0] if one.shape[2] == 1 else one)


def _resized(one: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(_picture(one).resize(size, Image.Resampling.BICUBIC)).reshape(size[1], size[0], -1)


def _saved(one: np.ndarray, quality: int) -> np.ndarray:
    """Through a JPEG; what one can see through stays as it is."""
    buffer = io.BytesIO()
    colour = one[..., :3] if one.shape[2] == 4 else one
    _picture(colour).save(buffer, "JPEG", quality=quality)
    again = np.asarray(Image.open(buffer)).reshape(colour.shape)
    return np.concatenate([again, one[..., 3:]], 2) if one.shape[2] == 4 else again


def codes(shown: np.ndarray, hashing: Hashing) -> Tensor:
    """float32 [VIEWS, N, CODE], each code of length 1: its signs are the bits."""
    raw = torch.stack([hashing.network.encode(even(one)) for one in views(cropped(shown))])
    return F.normalize((raw - hashing.middle) @ hashing.turn, dim=2)


def _all_codes(dataset: Dataset, hashing: Hashing, report: prepare.Progress = prepare.silent) -> Tensor:
    """The same of all pictures, in half precision."""
    held = torch.empty(VIEWS, len(dataset), CODE, dtype=torch.float16)
    for start in range(0, len(dataset), CHUNK):
        part = slice(start, start + CHUNK)
        held[:, part] = codes(dataset.images[part], hashing).half()
        report("looking for duplicates", min(start + CHUNK, len(dataset)), len(dataset))
    return held


def _chosen(dataset: Dataset, hashing: Hashing, seed: int) -> float:
    """The least cosine at which, of a hundred pictures taken for copies, one is a stranger or fewer.

    How near strangers come is told in two ways, and the nearer counts. By the mirror: a mirrored photograph is as
    natural as it was, and what is a copy is nearer still to the picture itself (decoys, as Elias & Gygi, 2007, use them
    for proteins). And by what is second nearest: where copies come in pairs, that is a stranger.
    """
    rows = np.sort(np.random.default_rng(seed + 1).permutation(len(dataset))[:TRIED])
    whole = _all_codes(dataset, hashing)[0].float()
    taken, second, strange = (torch.empty(len(rows)) for _ in range(3))
    few = max(1, min(CHUNK, LIKENESSES // len(whole)))
    for start in range(0, len(rows), few):
        part = rows[start : start + few]
        shown = dataset.images[part]
        ours, mirrored = (_likest(codes(one, hashing), whole) for one in (shown, shown[:, :, ::-1]))
        ours[torch.arange(len(part)), torch.from_numpy(part)] = 1.0
        strange[start : start + len(part)] = torch.where(mirrored > ours, mirrored, -1.0).amax(1)
        ours[torch.arange(len(part)), torch.from_numpy(part)] = -1.0
        taken[start : start + len(part)], second[start : start + len(part)] = ours.topk(2).values.T
    for at in torch.linspace(0.5, 1, 501):
        false, all_ = max((strange >= at).sum(), (second >= at).sum()), (taken >= at).sum()
        if all_ and false <= FALSE * all_:
            return float(at)
    return NONE


def _likest(seen: Tensor, whole: Tensor) -> Tensor:
    """[VIEWS, n, CODE], [N, CODE] -> [n, N]: cosines, of whichever view is nearest."""
    likeness = seen[0] @ whole.T
    for view in seen[1:]:
        torch.maximum(likeness, view @ whole.T, out=likeness)
    return likeness


def found(dataset: Dataset, report: prepare.Progress = prepare.silent) -> np.ndarray:
    """`duplicates` of what is learned here; kept in the cache, since that takes minutes."""
    if len(dataset) < FEW:
        raise UserError(
            f"--dedup-by bits: codes are learned from {FEW} pictures or more, and {dataset.name} has {len(dataset)}; "
            "use --dedup-by pixels"
        )
    path = cache.home() / "prepared" / f"{dataset.name}-{dataset.fingerprint[:16]}-bits-of.npy"
    if not path.is_file():
        of = duplicates(dataset, train(dataset, report=report), report)
        content = io.BytesIO()
        np.save(content, of)
        with cache.writing(path.parent):
            write_whole(path, content.getvalue())
    return np.load(path)


def duplicates(dataset: Dataset, hashing: Hashing, report: prepare.Progress = prepare.silent) -> np.ndarray:
    """int64 [N]: for each picture the earlier one that it repeats, or -1."""
    code = _all_codes(dataset, hashing, report).numpy()
    pairs = []
    for view, one, other in _near(code > 0):
        for start in range(0, len(one), 100_000):
            a, b = one[start : start + 100_000], other[start : start + 100_000]
            same = np.einsum("nc,nc->n", code[view, a], code[0, b], dtype=np.float32) >= hashing.alike
            pairs.append(np.stack([a[same], b[same]], 1))
    return first_of_each(exact(dataset), np.concatenate(pairs or [np.empty((0, 2), np.int64)]))


def _near(bits: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """From each table: a view's number, pictures that were looked up in it, and others that share their buckets."""
    random = np.random.default_rng(0)
    for _ in range(TABLES):
        keys = bits[:, :, random.permutation(CODE)[:KEY]] @ (1 << np.arange(KEY))  # [VIEWS, N]
        order = np.argsort(keys[0], kind="stable")
        held, start = keys[0][order], random.integers(1 << 30, size=len(order))
        for view, asked in enumerate(keys):
            first, size = np.searchsorted(held, asked), np.searchsorted(held, asked, "right")
            size -= first
            for step in range(NEIGHBOURS):
                one = np.flatnonzero(size > step)
                if not len(one):
                    break
                other = order[first[one] + (start[one] + step) % size[one]]
                yield view, one[one != other], other[one != other]
