"""Use a trained run: pictures from points, D's score, D's features.

    m = dcgan.load("runs/demo")
    m.sample([17])                  # uint8 [1, H, W, C]: what `dcgan sample runs/demo --seeds 17` draws
    m.sample(["0.5*12 + 0.5*40"])   # a point in words

The averaged generator draws, in float32, with the statistics that its checkpoint holds, in batches of one fixed
size: so a picture depends on nothing but its point. Not on its neighbours, the number asked for, or their order.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dcgan import checkpoint, hub, images, latents, networks
from dcgan.algorithm import NETWORKS
from dcgan.checkpoint import Header
from dcgan.config import Config
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.folding import quickened

CHUNK = 32  # every forward pass has this batch, the last one padded: equal shapes, equal bits

Points = int | str | latents.Point | Sequence[int | str | latents.Point] | np.ndarray


class Model:
    """A run's networks, ready for use.

    Points are seeds, words like "0.5*12 + 0.5*40", or `dcgan.latents.Point`s; one, or several in a list. `config` and
    `header` (step, classes) say what the run is, `folder` where it lies; `G` and `D` are torch's modules.
    """

    def __init__(self, header: Header, G: nn.Module, D: nn.Module | None, folder: Folder | None, device: str = "cpu"):
        self.header, self.config, self.folder, self.device = header, header.config, folder, device
        self.G = G.to(device=device, memory_format=torch.channels_last).eval().requires_grad_(False)
        self.gates: list[Tensor] = []  # by hidden layer, where maps are switched off
        self.D = D.to(device=device, memory_format=torch.channels_last).eval().requires_grad_(False) if D else None

    def latents(self, points: Points) -> tuple[np.ndarray, np.ndarray | None]:
        """z [N, z_dim], and the labels [N] of a conditional run, of seeds, words or points."""
        c = self.config
        read = [_point(p) for p in _several(points)]
        z = latents.resolve_all(read, c.z_dim, c.z, self.folder.saved if self.folder else None)
        labels = [p.seed % c.classes if p.label is None else p.label for p in read] if c.conditional else None
        for p in read:
            if p.label is not None and not c.conditional:
                raise UserError(
                    f"point {str(p)!r}: it names a class, and this run was not trained with classes; "
                    "leave @ out, or train one with --conditional"
                )
            if p.label is not None and p.label >= c.classes:
                raise UserError(f"point {str(p)!r}: there is no class {p.label}; they go from 0 to {c.classes - 1}")
        return z, None if labels is None else np.array(labels)

    def sample(self, points: Points) -> np.ndarray:
        """uint8 [N, H, W, C] of seeds, of points in words, or of `latents.Point`s; of one alone too."""
        points = _several(points)
        if len(points) == 0:
            return np.zeros((0, *(self.config.size or ()), self.config.channels or 0), np.uint8)
        return np.concatenate(list(self.stream(points)))

    def stream(self, points: Points) -> Iterator[np.ndarray]:
        """The same in chunks, for more pictures than memory holds."""
        points = _several(points)
        for start in range(0, len(points), CHUNK):
            z, labels = self.latents(points[start : start + CHUNK])
            yield self.generate(z, labels)

    def generate(self, z: np.ndarray | Tensor, labels: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """uint8 [N, H, W, C] of latents [N, z_dim]; a conditional run needs labels [N]."""
        return self._pictures(z, labels, lambda x: images.to_bytes(x, self.config.output)).numpy()

    def floats(self, z: np.ndarray | Tensor, labels: Sequence[int] | np.ndarray | None = None) -> Tensor:
        """The same as G gives them: float32 [N, C, H, W], in the range of its last function."""
        return self._pictures(z, labels, lambda x: x)

    def _pictures(
        self, z: np.ndarray | Tensor, labels: Sequence[int] | np.ndarray | None, finish: Callable[[Tensor], Tensor]
    ) -> Tensor:
        z = torch.as_tensor(z, dtype=torch.float32)
        if z.dim() != 2 or z.shape[1] != self.config.z_dim:
            raise UserError(f"generate: z has shape {list(z.shape)}; this run needs [N, {self.config.z_dim}]")
        G = self._drawing
        if self.gates:
            return self._chunks(lambda z, y: finish(G.maps(z, y, self.gates)[-1]), z, labels)  # type: ignore[operator]
        return self._chunks(lambda z, y: finish(G(z, y)), z, labels)

    @cached_property
    def _drawing(self) -> nn.Module:
        """G for pictures alone: what batch norm does is in its weights."""
        return quickened(self.G) if isinstance(self.G, networks.Generator) else self.G

    def switch_off(self, words: str) -> None:
        """Maps of G's hidden layers draw no more: `2:5,9;3:0` are maps 5 and 9 of layer 2 and map 0 of layer 3, all
        counted from 0, small to large."""
        if not isinstance(self.G, networks.Generator):
            raise UserError(f"--off {words}: this run's generator has no maps; leave it out")
        with torch.inference_mode():
            z, labels = self.latents(0)
            y = None if labels is None else torch.as_tensor(labels, device=self.device)
            hidden = self.G.maps(torch.from_numpy(z).to(self.device), y)[:-1]
        gates = [torch.ones(layer.shape[1], device=self.device) for layer in hidden]
        for part in words.split(";"):
            found = re.fullmatch(r"\s*(\d{1,9})\s*:\s*(\d{1,9}(?:\s*,\s*\d{1,9})*)\s*", part)
            if not found:
                raise UserError(f"--off {words}: {part.strip()!r} is no layer and its maps; write 2:5,9 or 2:5,9;3:0")
            layer, maps = int(found[1]), [int(number) for number in found[2].split(",")]
            if layer >= len(gates):
                raise UserError(f"--off {words}: there is no layer {layer}; they go from 0 to {len(gates) - 1}")
            if max(maps) >= len(gates[layer]):
                raise UserError(
                    f"--off {words}: layer {layer} has no map {max(maps)}; they go from 0 to {len(gates[layer]) - 1}"
                )
            gates[layer][maps] = 0
        self.gates = gates

    def score(self, pictures: np.ndarray, labels: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """D's logit of each picture, float32 [N]: above 0 it believes in it."""
        if self.config.network == "vae":
            raise UserError("an autoencoder has no D that tells real from drawn; choose by eye, without --best")
        return self._chunks(self._need_D(), self._float(pictures), labels).cpu().numpy()

    def features(self, pictures: np.ndarray, labels: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """All of D's convolutional maps, max-pooled to 4x4 and flattened (section 5.1): float32 [N, features]."""
        D = self._need_D()
        if not hasattr(D, "maps"):
            raise UserError(
                "features: this run's own discriminator has no maps(x, y), a list of its layers' maps [N, C, H, W]"
            )
        maps: Callable = D.maps  # type: ignore[assignment]
        return self._chunks(lambda x, y: networks.pooled(maps(x, y)), self._float(pictures), labels).cpu().numpy()

    def _need_D(self) -> nn.Module:
        if self.D is None:
            raise UserError(
                "this model has no discriminator: its file held a generator alone; "
                "use a run that was trained here, or import one with both networks"
            )
        return self.D

    def _float(self, pictures: np.ndarray) -> Tensor:
        wanted = (*(self.config.size or ()), self.config.channels)
        pictures = np.asarray(pictures)
        if pictures.dtype != np.uint8 or pictures.shape[1:] != wanted:
            raise UserError(
                f"pictures of type {pictures.dtype} and shape {list(pictures.shape)}: "
                f"this run needs uint8 [N, {', '.join(map(str, wanted))}]"
            )
        return images.to_float(np.ascontiguousarray(pictures), self.config.output)

    def _chunks(self, network: Callable, x: Tensor, labels: Sequence[int] | np.ndarray | None) -> Tensor:
        """`in_chunks`, with the labels checked."""
        if not self.config.conditional and labels is not None:
            raise UserError("labels: this run was not trained with classes; leave them out")
        if not self.config.conditional:
            return in_chunks(network, x, None, self.device)
        if labels is None or len(labels) != len(x):
            raise UserError(
                f"labels: this run is conditional and needs a class from 0 to "
                f"{self.config.classes - 1} for each of {len(x)} pictures"
            )
        y = torch.as_tensor(np.asarray(labels), dtype=torch.int64)
        if len(y) and not 0 <= int(y.min()) <= int(y.max()) < self.config.classes:
            raise UserError(f"labels: classes go from 0 to {self.config.classes - 1}")
        return in_chunks(network, x, y, self.device)


def _several(points: Points) -> Sequence[int | str | latents.Point] | np.ndarray:
    return points if isinstance(points, (Sequence, np.ndarray)) and not isinstance(points, str) else [points]


def _point(given: int | str | latents.Point) -> latents.Point:
    # -3 is no seed, whereas "-3" are words: seed 3 turned round; and True is no number here
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        if not 0 <= given <= latents.MAX_SEED:
            raise UserError(f"seed {given}: it must be a whole number from 0 to {latents.MAX_SEED}")
        return latents.Point((latents.Term(1.0, (operator.index(given),)),))
    return given if isinstance(given, latents.Point) else latents.parse(str(given))


@torch.inference_mode()
def in_chunks(network: Callable, x: Tensor, y: Tensor | None, device: str) -> Tensor:
    """Apply a network in batches of CHUNK, the last one padded, so that no row's bits depend on how many there are."""
    outs = []
    for start in range(0, max(len(x), 1), CHUNK):
        rows = torch.arange(start, start + CHUNK).clamp(max=max(len(x) - 1, 0))
        part = (x[rows] if len(x) else x.new_zeros(CHUNK, *x.shape[1:])).to(device)
        if part.dim() == 4:
            part = part.contiguous(memory_format=torch.channels_last)
        labels = None if y is None else (y[rows] if len(y) else y.new_zeros(CHUNK)).to(device)
        outs.append(network(part, labels)[: len(x) - start])
    return torch.cat(outs)


def sample_seeds(config: Config) -> list[int]:
    """As many as fit a sheet of about 1,000 pixels: 64, or a square number below for large pictures."""
    side = max(2, min(8, 1024 // max(config.size or (64, 64))))
    return list(range(side * side))


def load(path: Path | str, device: str = "cpu", own_networks: tuple | None = None, last: bool = False) -> Model:
    """A run's folder (its best checkpoint where one was kept, unless `last`) or a checkpoint file; networks of one's
    own are handed in as they were to `train`."""
    path = Path(path)
    folder = None
    if hub.is_hub(path):
        file = hub.model(path)
    elif path.is_dir():
        folder = Folder.of(path)
        if not folder.last.is_file():
            raise UserError(f"{path}: nothing is saved in it yet; train on, or wait for its first checkpoint")
        file = folder.best if folder.best.is_file() and not last else folder.last
    elif path.is_file():
        file = path
        if path.parent.name == "checkpoints" and Folder(path.parent.parent).exists:
            folder = Folder(path.parent.parent)
    else:
        raise UserError(f"{path}: there is no such run or file; `dcgan runs` lists the runs under runs/")
    header, tensors = checkpoint.read(file)
    config = header.config
    if own_networks is None and config.network not in NETWORKS:
        raise UserError(
            f"{path}: it was trained with networks of your own ({config.network}); "
            "load it in Python with dcgan.load(..., networks=(G, D))"
        )
    kinds = own_networks or NETWORKS[config.network]
    G, D = (kind(config) for kind in kinds)
    checkpoint.load_networks({"G_ema": G}, tensors, file)
    if not checkpoint.has(tensors, "D"):
        return Model(header, G, None, folder, device)
    checkpoint.load_networks({"D": D}, tensors, file)
    return Model(header, G, D, folder, device)


def best(
    model: Model,
    seeds: Sequence[int],
    keep: int,
    label: int | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[int]:
    """The seeds whose pictures D believes most, best first."""
    scores = []
    for start in range(0, len(seeds), CHUNK):
        points = [latents.Point((latents.Term(1.0, (seed,)),), (), label) for seed in seeds[start : start + CHUNK]]
        z, labels = model.latents(points)
        scores.append(model.score(model.generate(z, labels), labels))
        progress(start + len(points))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return [seeds[int(i)] for i in order[:keep]]
