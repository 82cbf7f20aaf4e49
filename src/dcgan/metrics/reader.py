"""A small network that reads the truth off pictures: what was drawn, and whether anything was.

    reader = Reader.train(images, truths("faces", factors))        # or {"class": labels} of any labelled set
    reading = reader.read(samples)                                 # pictures of any size, grey or colour
    reading.values["glasses"], reading.confidences["glasses"]      # [N] each
    reading.readable()                                             # the share of pictures with confidence > 0.8

One convolutional network with a softmax for each factor. A continuous factor is a row of bins: its value is their
mean, its error their deviation. A factor that some pictures hide (the hair's colour, on a bald head) has one kind more,
"hidden". One more logit says whether there is a picture at all; it learns from ruined ones (damage.py), because a
softmax that has seen nothing but true pictures is as sure of mud as of them. A tenth of the pictures is held out: it
tells how often each factor is read right, and how large a continuous one's errors really are.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan.data.pictures import FACTORS, Detail, visible
from dcgan.errors import UserError
from dcgan.files import write_whole
from dcgan.images import to_float
from dcgan.metrics import damage
from dcgan.metrics.features import Extractor
from dcgan.networks import has_bf16

FORMAT = "dcgan-reader-1"
SIDE = 32  # pixels: what the network sees unless told; pictures of any size are brought to it
STEPS = 1200  # minibatches that it learns from
BINS = 17  # of a continuous factor, from its least true value to its greatest
TOLERANCE = 1 / 8  # of that range: a continuous value no further off counts as right
COUNTS = 0.95  # a factor read right off so many held-out pictures counts in a picture's own confidence
SURE = 0.8  # a picture of more confidence than this counts as readable
CHUNK = 500  # pictures at a time, where there are many


@dataclass(frozen=True)
class Factor:
    """How a factor's truth is written as probabilities, how it is read from logits, and how well that goes."""

    name: str
    kinds: int  # classes, or bins
    span: tuple[float, float] | None  # a continuous factor's least and greatest value
    hides: bool  # whether some pictures do not show it
    right: float = 0.0  # share of held-out pictures that are read right
    widen: float = 1.0  # the true error of held-out pictures, over the bins' deviation

    @classmethod
    def of(cls, name: str, truth: np.ndarray) -> "Factor":
        if truth.dtype.kind == "f":
            return cls(name, BINS, (float(np.nanmin(truth)), float(np.nanmax(truth))), bool(np.isnan(truth).any()))
        return cls(name, int(truth.max()) + 1, None, bool((truth < 0).any()))

    @property
    def outputs(self) -> int:
        return self.kinds + self.hides

    @property
    def bins(self) -> Tensor:
        assert self.span is not None
        return torch.linspace(*self.span, self.kinds)

    def encode(self, truth: np.ndarray) -> Tensor:
        """The truth [N] as probabilities [N, outputs]; a value between two bins is shared by them."""
        t = torch.from_numpy(truth.copy())  # torch takes no read-only and no flipped arrays
        if self.span is None:
            hidden, p = t < 0, F.one_hot(t.long().clamp(min=0), self.kinds).float()
        else:
            low, high = self.span
            hidden, place = t.isnan(), (t.float().nan_to_num(low) - low) / (high - low) * (self.kinds - 1)
            p = (1 - (place[:, None] - torch.arange(self.kinds)).abs()).clamp(min=0)
        return torch.cat([p * ~hidden[:, None], hidden[:, None]], 1) if self.hides else p

    def decode(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """[N, outputs] -> values, the probability that each is right, and a continuous one's error, [N] each."""
        p = logits.softmax(1)
        if self.span is None:
            confidence, value = p.max(1)
            return value.where(value < self.kinds, -1), confidence, None
        hidden = p[:, -1] if self.hides else torch.zeros(len(p))
        q = logits[:, : self.kinds].softmax(1)
        value = q @ self.bins
        error = (q @ self.bins.square() - value.square()).clamp(min=1e-8).sqrt() * self.widen
        near = torch.erf((self.span[1] - self.span[0]) * TOLERANCE / error / 2**0.5)  # of a normal error
        gone = hidden > 0.5
        confidence = hidden.where(gone, (1 - hidden) * near)
        return value.where(~gone, torch.nan), confidence, error.where(~gone, torch.nan)

    def measured(self, logits: Tensor, truth: np.ndarray) -> "Factor":
        """With `right` and `widen` as found on these held-out pictures."""
        value, _, error = self.decode(logits)
        if self.span is None:
            return replace(self, right=float((value.numpy() == truth).mean()))
        assert error is not None
        off = np.abs(value.numpy() - truth)
        right = (np.isnan(value.numpy()) & np.isnan(truth)) | (off <= TOLERANCE * (self.span[1] - self.span[0]))
        seen = (off / error.numpy())[~np.isnan(off)]  # in both; one that was hardly taught may call all hidden
        widen = float(np.sqrt(np.mean(seen**2))) if len(seen) else self.widen
        return replace(self, right=float(right.mean()), widen=widen)


@dataclass(frozen=True)
class Reading:
    """What was read off N pictures; each array is [N].

    `drawn` is the probability that there is a picture at all. A factor's confidence is `drawn` times the probability
    that its value is right (if continuous, within TOLERANCE of its range). A picture's own `confidence` is the mean of
    those over the factors that count, the ones read right off 95 % of held-out pictures (over all, where none is): the
    share of its factors that one may expect to have been read right.
    """

    values: dict[str, np.ndarray]  # categories int64, -1 where hidden; continuous float32, NaN where hidden
    confidences: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]  # of continuous factors: the standard error to expect
    drawn: np.ndarray
    confidence: np.ndarray

    def readable(self, above: float = SURE) -> float:
        """The share of pictures with more confidence than that."""
        return float((self.confidence > above).mean())


class Reader:
    def __init__(self, factors: tuple[Factor, ...], channels: int, side: int, network: nn.Sequential):
        self.factors, self.channels, self.side = factors, channels, side
        self.network = network.eval().requires_grad_(False)

    @classmethod
    def train(
        cls,
        images: np.ndarray,
        truth: Mapping[str, np.ndarray],
        *,
        steps: int = STEPS,
        m: int = 64,
        side: int = SIDE,
        seed: int = 0,
        progress: Callable[[int], None] = lambda done: None,
    ) -> "Reader":
        """From uint8 [N, H, W, C] and each factor's truth [N]: whole numbers (-1 where hidden) or floats (NaN).

        The network sees side x side pixels, a multiple of 8: 64 costs four times as much, and shows an eye's colour.
        """
        factors = tuple(Factor.of(name, np.asarray(values)) for name, values in truth.items())
        channels = 1 if images.shape[-1] == 1 else 3
        x, p = _fitted(images, channels, side), torch.cat([f.encode(np.asarray(truth[f.name])) for f in factors], 1)
        g = torch.Generator().manual_seed(seed)
        held_out, rest = torch.randperm(len(x), generator=g).split([len(x) // 10, len(x) - len(x) // 10])
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = _network(channels, side, p.shape[1] + 1)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps, pct_start=0.2)
        for step in range(steps):
            pick = rest[torch.randint(len(rest), (m,), generator=g)]
            whole = x[pick] / 255
            ruined, spoilt = damage.mud(whole[: 3 * m // 4], g)
            shown = damage.mild(torch.cat([whole, ruined]), g).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
                logits = network(shown).float()
            loss = _loss(logits, p[pick], spoilt, factors)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            progress(step + 1)
        reader = cls(factors, channels, side, network)
        logits = reader._logits(x[held_out]).split([f.outputs for f in factors] + [1], 1)
        reader.factors = tuple(
            f.measured(part, np.asarray(truth[f.name])[held_out]) for f, part in zip(factors, logits, strict=False)
        )
        return reader

    @classmethod
    def kept(
        cls,
        folder: Path | str,
        images: np.ndarray,
        truth: Mapping[str, np.ndarray],
        progress: Callable[[int], None] = lambda done: None,
        **how: Any,
    ) -> "Reader":
        """As `train`, but from the folder where one was trained before, in the same way, on the same pictures."""
        key = hashlib.sha256(json.dumps([how, images.shape, sorted(truth)]).encode())
        for source in (__file__, damage.__file__):  # a changed recipe is another reader
            key.update(Path(source).read_bytes())
        for array in (images, *(truth[name] for name in sorted(truth))):
            key.update(np.ascontiguousarray(array).data)
        path = Path(folder) / f"reader-{key.hexdigest()[:16]}.safetensors"
        with contextlib.suppress(UserError):  # none there, or a damaged one
            return cls.load(path)
        reader = cls.train(images, truth, progress=progress, **how)
        reader.save(path)
        return reader

    def read(self, images: np.ndarray) -> Reading:
        """Off uint8 [N, H, W, C] of any size, with 1, 3 or 4 channels."""
        logits = self._logits(_fitted(images, self.channels, self.side))
        drawn = logits[:, -1].sigmoid()
        values, confidences, errors = {}, {}, {}
        for f, part in zip(self.factors, logits.split([f.outputs for f in self.factors] + [1], 1), strict=False):
            value, confidence, error = f.decode(part)
            values[f.name], confidences[f.name] = value.numpy(), (drawn * confidence).numpy()
            if error is not None:
                errors[f.name] = error.numpy()
        counting = [f.name for f in self.factors if f.right >= COUNTS] or list(confidences)
        confidence = np.mean([confidences[name] for name in counting], axis=0)
        return Reading(values, confidences, errors, drawn.numpy(), confidence)

    def save(self, path: Path | str) -> None:
        import safetensors.torch

        about = {"channels": self.channels, "side": self.side, "factors": [asdict(f) for f in self.factors]}
        tensors = {key: tensor.contiguous() for key, tensor in self.network.state_dict().items()}
        write_whole(path, safetensors.torch.save(tensors, {"format": FORMAT, "reader": json.dumps(about)}))

    @classmethod
    def load(cls, path: Path | str) -> "Reader":
        import safetensors

        try:
            with safetensors.safe_open(path, "pt") as file:
                held = file.metadata() or {}
                if held.get("format") != FORMAT:
                    raise ValueError(held)
                about = json.loads(held["reader"])
                factors = tuple(Factor(**f | {"span": f["span"] and tuple(f["span"])}) for f in about["factors"])
                network = _network(about["channels"], about["side"], sum(f.outputs for f in factors) + 1)
                network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
        except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError):
            raise UserError(f"{path}: it holds no reader of pictures, or a damaged one; train one anew") from None
        return cls(factors, about["channels"], about["side"], network)

    def extractor(self, name: str) -> Extractor:
        """What it goes by: the maps that its last layer reads. Unlike a network of photographs it overlooks grain, and
        knows what the pictures are told apart by."""
        key = hashlib.sha256(b"".join(t.numpy().tobytes() for t in self.network.state_dict().values())).hexdigest()
        return Extractor(
            name,
            f"reader-{key[:16]}",
            f"antialiased bilinear to {self.side}x{self.side}, rounded",
            lambda x: _sized(x / 255, self.channels, self.side) / 255,
            self.network[:-1],
            chunk=CHUNK,
        )

    def _logits(self, x: Tensor) -> Tensor:
        return torch.cat([self.network(part / 255) for part in x.split(CHUNK)])


def truths(name: str, factors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The built-in pictures' factors as a reader learns them: hidden ones marked, the jitter left out."""
    out = {}
    for factor, kind in FACTORS[name].items():
        if not isinstance(kind, Detail):
            values = np.asarray(factors[factor])
            hidden = np.nan if values.dtype.kind == "f" else -1
            out[factor] = np.where(visible(name, factor, factors), values, hidden).astype(values.dtype)
    return out


def _network(channels: int, side: int, outputs: int) -> nn.Sequential:
    """Pictures in [0, 1] -> logits [N, outputs]. The first layer keeps the size: a mouth has 4 pixels."""
    layers: list[nn.Module] = []
    maps = channels
    for out, stride in ((16, 1), (48, 2), (64, 2), (64, 1), (128, 2)):
        layers += [nn.Conv2d(maps, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        maps = out
    layers += [nn.Flatten(), nn.Linear(maps * (side // 8) ** 2, outputs)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def _loss(logits: Tensor, p: Tensor, spoilt: Tensor, factors: tuple[Factor, ...]) -> Tensor:
    """Of N whole pictures and the ruined ones after them: cross entropy of each factor, whole ones only, its mean over
    factors; and of the last logit, over all but those that damage left as they were."""
    n = len(p)
    log_q = [part.log_softmax(1) for part in logits[:n, :-1].split([f.outputs for f in factors], 1)]
    told = -(p * torch.cat(log_q, 1)).sum(1).mean() / len(factors)
    drawn, weight = torch.ones(len(logits)), torch.ones(len(logits))
    drawn[n:], weight[n:] = 0, spoilt.float()
    return told + F.binary_cross_entropy_with_logits(logits[:, -1], drawn, weight)


def _fitted(images: np.ndarray, channels: int, side: int) -> Tensor:
    """uint8 [N, H, W, C] -> uint8 [N, channels, side, side]: alpha on white, colour as grey or grey as colour."""
    parts = []
    for part in np.array_split(images, max(1, -(-len(images) // CHUNK))):
        x = to_float(part, "sigmoid")
        if x.shape[1] == 4:
            x = 1 - (1 - x[:, :3]) * x[:, 3:]
        parts.append(_sized(x, channels, side))
    return torch.cat(parts).contiguous(memory_format=torch.channels_last)


def _sized(x: Tensor, channels: int, side: int) -> Tensor:
    x = x.expand(-1, 3, -1, -1) if channels == 3 else x.mean(1, keepdim=True)
    x = F.interpolate(x, (side, side), mode="bilinear", antialias=True)
    return (x * 255).round().byte()
