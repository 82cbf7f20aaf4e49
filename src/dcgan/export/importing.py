"""`dcgan import FILE --out RUN`: a DCGAN checkpoint of another project becomes a run, and every verb works on it.

The layouts are those of `layouts.py`, a generator alone or with its discriminator, in one file or two, behind any
prefix (`module.`, `netG.`, `generator.`, `state_dict.`). Size, width, channels and the length of z are read off the
shapes; batch norm keeps the statistics that the file has.

Most such files are pickles. They are read by torch's own reader of plain tensors, which runs nothing; a pickle that
needs more than tensors is refused.
"""

import os
import pickle
import re
import shutil
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan import checkpoint, files, images, sample
from dcgan.algorithm import NETWORKS
from dcgan.checkpoint import Header
from dcgan.config import COLOURS, Config
from dcgan.errors import UserError
from dcgan.export import layouts
from dcgan.export.layouts import LAYOUTS, Layout
from dcgan.folder import Folder

DEPTHS = range(1, 8)  # doublings: pictures of 8 to 512 pixels
WORDS = {"G": "generator", "D": "discriminator"}


@dataclass(frozen=True)
class Network:
    """A generator or a discriminator that was found in a file."""

    path: Path
    prefix: str
    layout: Layout
    depth: int
    part: dict[str, Tensor]  # under their names, without the prefix

    def weights(self, kind: str) -> list[Tensor]:
        names = (self.layout.G if kind == "G" else self.layout.D)(self.depth)
        return [self.part[f"{name.conv}.weight"] for name in names]


@dataclass(frozen=True)
class Imported:
    path: str
    layout: str
    size: int
    channels: int
    width: int
    z_dim: int
    z: str
    discriminator: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def in_words(self) -> str:
        both = "generator and discriminator" if self.discriminator else "generator alone"
        return (
            f"{self.path}: {both}, as {self.layout} writes them\n"
            f"  {self.size}x{self.size}, {COLOURS[self.channels]}, width {self.width}, z of {self.z_dim} {self.z} "
            "numbers\n\n"
            f"Next: dcgan sample {self.path}"
        )


class _Settings:
    """In place of pytorch_GAN_zoo's object of settings, which is a bag of attributes: a bag alike."""


STAND_INS: list[Any] = [
    (_Settings, "models.utils.config.BaseConfig"),
    *(
        (OrderedDict, f"{module}.AttributeDict")  # Lightning's dict of settings
        for module in (
            "pytorch_lightning.utilities.parsing",
            "lightning.pytorch.utilities.parsing",
            "lightning_fabric.utilities.data",
            "lightning.fabric.utilities.data",
        )
    ),
]


def import_run(paths: Sequence[Path], out: Path | None = None, z: str = "normal") -> Imported:
    if not paths:
        raise UserError("import: no file is named; write dcgan import netG.pth, or netG.pth netD.pth for both networks")
    found = [tensors(path) for path in paths]
    G, D = (_only(kind, paths, found) for kind in "GD")
    if G is None:
        raise UserError(
            _unknown(paths, found)
            if D is None
            else f"{D.path}: it holds a discriminator alone, and a run needs a generator; give both files: "
            "dcgan import netG.pth netD.pth"
        )
    c, held = _translated(G, D, z)
    header = Header(c, step=0, origin=f"{_listed([Path(path.name) for path in paths])} ({G.layout.name})")
    out = out or Path("runs") / paths[0].stem
    with _whole(out) as folder:
        checkpoint.write(folder.last, held, header)
        folder.write(event="import", step=0, origin=header.origin)
        pictures = sample.load(folder.last).sample(sample.sample_seeds(c))
        files.write_whole(folder.sample_file(0), images.png(images.grid(pictures)))
        files.write_whole(folder.config_file, c.to_json().encode())
    assert c.size is not None
    assert c.channels is not None
    return Imported(str(out), G.layout.name, c.size[0], c.channels, c.width, c.z_dim, c.z, D is not None)


@contextmanager
def _whole(path: Path) -> Generator[Folder]:
    """A run's folder that is made aside and put in its place when all is in it."""
    if not Folder(path).vacant:
        raise UserError(f"--out {path}: something is there already, and nothing is overwritten; choose another folder")
    aside = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        yield Folder(aside / path.name)
        shutil.rmtree(path, ignore_errors=True)
        os.rename(aside / path.name, path)
    except OSError as error:
        raise UserError(f"--out {path}: it cannot be made ({error.strerror}); choose another place") from None
    finally:
        if aside:
            shutil.rmtree(aside, ignore_errors=True)


def tensors(path: Path) -> dict[str, Tensor]:
    """All tensors in a file, named by the way to them: `netG.main.0.weight`."""
    try:
        with open(path, "rb") as file:
            start = file.read(9)
    except OSError as error:
        raise UserError(f"{path}: it cannot be read ({error.strerror}); check the name") from None
    if start[8:] == b"{":
        return _safetensors(path)
    held = _pickle(path)
    if getattr(held.get("config"), "lossCriterion", None) in ("WGANGP", "WGANGP2"):
        raise UserError(
            f"{path}: it was trained as a WGAN-GP, with nothing after G's last layer; only generators that end in "
            "tanh can be imported"
        )
    return dict(_leaves(held, ()))


def _safetensors(path: Path) -> dict[str, Tensor]:
    import safetensors
    import safetensors.torch

    try:
        with safetensors.safe_open(path, "pt") as file:
            about = file.metadata() or {}
        if about.get("format") == checkpoint.FORMAT:
            raise UserError(f"{path}: it is a checkpoint of dcgan's own; every verb takes it as it is")
        return dict(_leaves(safetensors.torch.load_file(path), ()))
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(f"{path}: it is damaged ({error}); copy or download it again") from None


def _pickle(path: Path) -> Mapping[str, Any]:
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(STAND_INS):
            warnings.simplefilter("ignore")  # of old formats
            held = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"its pickle wants to use {wanted[1]}" if wanted else "it is not a pickle of tensors"
        raise UserError(
            f"{path}: {what}; only tensors are read, and nothing in the file was run: ask for a state dict, as "
            "torch.save(netG.state_dict(), ...) writes it, or for safetensors"
        ) from None
    except Exception as error:  # a damaged file can fail anywhere in the reader
        why = str(error).strip().split("\n")[0].split(". ")[0]
        raise UserError(
            f"{path}: torch cannot read it ({type(error).__name__}{f': {why}' if why else ''}); give the .pth, .pt, "
            ".ckpt or .safetensors file that the training wrote"
        ) from None
    if not isinstance(held, Mapping):
        raise UserError(f"{path}: it holds a {type(held).__name__}, and a dict of tensors is needed")
    return held


def _leaves(held: Mapping, way: tuple[str, ...]) -> Iterator[tuple[str, Tensor]]:
    for key, value in held.items():
        if isinstance(value, Mapping) and len(way) < 8:
            yield from _leaves(value, (*way, str(key)))
        elif isinstance(value, Tensor) and value.layout == torch.strided and value.is_floating_point():
            yield ".".join((*way, str(key))), value.detach().float().clone()


def _only(kind: str, paths: Sequence[Path], found: Sequence[dict[str, Tensor]]) -> Network | None:
    """The generator (or discriminator) in the files. Where an average of it is kept too, the average: it draws."""
    all_of_them = [network for path, held in zip(paths, found, strict=True) for network in _networks(kind, path, held)]
    averaged = [one for one in all_of_them if re.search("avg|ema|average", one.prefix, re.IGNORECASE)]
    chosen = averaged if len(all_of_them) > 1 and averaged else all_of_them
    if len(chosen) > 1:
        where = ", ".join(one.prefix or one.path.name for one in chosen)
        raise UserError(
            f"{_listed(paths)}: {len(chosen)} {WORDS[kind]}s are there ({where}), and a run has one; give one of them"
        )
    return chosen[0] if chosen else None


def _networks(kind: str, path: Path, held: dict[str, Tensor]) -> Iterator[Network]:
    for layout, depth, prefix, wanted, there in _candidates(kind, held):
        if wanted == there:
            yield Network(path, prefix, layout, depth, {key: held[prefix + key] for key in wanted})


def _candidates(kind: str, held: dict[str, Tensor]) -> Iterator[tuple[Layout, int, str, set[str], set[str]]]:
    """Wherever a layout's first layer is: what the layout has in all, and what is there."""
    for layout in LAYOUTS:
        for depth in DEPTHS:
            names = (layout.G if kind == "G" else layout.D)(depth)
            wanted = {key for name in names for key in name.keys(layouts.NORM)}
            rooms = {key.split(".")[0] for key in wanted}
            anchor = f"{names[0].conv}.weight"
            for prefix in [key.removesuffix(anchor) for key in held if f".{key}".endswith(f".{anchor}")]:
                below = (key.removeprefix(prefix) for key in held if key.startswith(prefix))
                # Beside it may stand what is no layer: `epoch`, an optimizer's tensors.
                numbered = next(iter(rooms)).isdigit()
                there = {k for k in below if (k.split(".")[0].isdigit() if numbered else k.split(".")[0] in rooms)}
                yield layout, depth, prefix, wanted, there


def _translated(G: Network, D: Network | None, z: str) -> tuple[Config, dict[str, Tensor]]:
    """The config that their shapes tell, and both networks' tensors under our names."""
    weights = G.weights("G")
    if any(weight.dim() != 4 for weight in weights):
        raise UserError(f"{G.path}: {G.prefix or 'it'} holds layers that are no convolutions; a DCGAN has only those")
    channels, side = weights[-1].shape[1], 4 << G.depth
    if channels not in (1, 3, 4):
        raise UserError(f"{G.path}: it draws pictures of {channels} channels; 1 (grey), 3 or 4 (alpha) can be imported")
    settings = {"size": (side, side), "channels": channels, "width": weights[-1].shape[0], "z_dim": weights[0].shape[0]}
    if D is not None:
        settings["width_D"] = D.weights("D")[0].shape[0]
        if D.depth != G.depth:
            raise UserError(
                f"{D.path}: its discriminator looks at {4 << D.depth} pixels, and the generator draws {side}"
            )
    # preset: their networks are the tutorial's; the rest of it, how it was trained, the file does not say
    c = Config.build("tutorial", data="unknown", z=z, precision="float32", **settings)
    kinds = dict(zip("GD", NETWORKS[c.network], strict=True))
    held = {}
    for kind, network in (("G", G), ("D", D)):
        if network is not None:
            with torch.device("meta"):
                wanted = layouts.from_ours(kinds[kind](c).state_dict(), network.layout, kind, network.depth)
            for key, like in wanted.items():
                found = network.part.get(key, like).shape  # they count batches, and old files do not
                if found != like.shape:
                    width = c.width if kind == "G" else c.width_D
                    raise UserError(
                        f"{network.path}: {network.prefix}{key} has the shape {list(found)}, and in a {WORDS[kind]} of "
                        f"{side} pixels and width {width} it is {list(like.shape)}; no other can be imported"
                    )
            part = layouts.to_ours(network.part, network.layout, kind, network.depth)
            held |= {f"{'G_ema' if kind == 'G' else 'D'}.{key}": tensor for key, tensor in part.items()}
    return c, held


def _unknown(paths: Sequence[Path], found: Sequence[dict[str, Tensor]]) -> str:
    """What was expected, and what was found."""
    near = [
        (len(wanted & there) - len(wanted ^ there), layout, kind, depth, prefix, wanted - there, there - wanted)
        for held in found
        for kind in "GD"
        for layout, depth, prefix, wanted, there in _candidates(kind, held)
    ]
    names = [f"{key} {list(tensor.shape)}" for held in found for key, tensor in held.items()]
    seen = _some(names) or "no tensors"
    if not near:
        first = {one.name: [one.root + key for key in one.G(4)[0].keys(layouts.NORM)] for one in LAYOUTS}
        known = "; ".join(f"{name}: {keys[0]} [z, maps, 4, 4], {keys[1]} [maps] ..." for name, keys in first.items())
        return f"{_listed(paths)}: no DCGAN that dcgan knows; found {seen}; expected one of these: {known}"
    _, layout, kind, depth, prefix, missing, more = max(near, key=lambda one: one[0])
    wrong = [
        f"{words} {_some([prefix + key for key in sorted(keys)])}"
        for words, keys in (("it lacks", missing), ("it has besides", more))
        if keys
    ]
    return (
        f"{_listed(paths)}: no DCGAN that dcgan knows; found {seen}; expected, as nearest, a {WORDS[kind]} of "
        f"{4 << depth} pixels as {layout.name} writes it, but {' and '.join(wrong)}"
    )


def _some(words: Sequence[str], most: int = 4) -> str:
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def _listed(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))
