"""State <-> one safetensors file, with the Config in its header.

The header is JSON and can be read alone (`read_header`, no torch); the tensors are plain numbers. Nothing that is
loaded runs code. Tensors are named `G.…`, `D.…`, `G_ema.…`, `opt_G.….exp_avg`: by network, parameter and role.
A file that is for use alone, imported or shared, holds `G_ema`, and `D` where there is one.
"""

import io
import json
import struct
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dcgan.config import Config
from dcgan.errors import UserError
from dcgan.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from dcgan.algorithm import State

FORMAT = "dcgan-1"
LARGEST_HEADER = 100_000_000  # bytes, as safetensors itself allows


@dataclass(frozen=True)
class Header:
    config: Config
    step: int
    seconds: float = 0.0  # of training, over all its sittings
    classes: tuple[str, ...] | None = None  # the classes' names
    recoveries: int = 0  # how often the run went back to a sound checkpoint
    score: float | None = None  # where it is kept for its score
    origin: str | None = None  # of weights that were trained elsewhere and imported: from which file


def save(path: Path | str, state: "State", header: Header) -> None:
    write(path, of(state), header)


def of(state: "State") -> "dict[str, Tensor]":
    """All the tensors of a State."""
    tensors: dict[str, Tensor] = {}
    for name in ("G", "D", "G_ema"):
        for key, tensor in getattr(state, name).state_dict().items():
            tensors[f"{name}.{key}"] = tensor.detach().contiguous()
    for name, network in (("opt_G", state.G), ("opt_D", state.D)):
        for key, tensor in _optimizer_tensors(getattr(state, name), network).items():
            tensors[f"{name}.{key}"] = tensor.detach().contiguous()
    return tensors


def write(path: Path | str, tensors: "dict[str, Tensor]", header: Header) -> None:
    write_whole(path, as_bytes(tensors, header))


def as_bytes(tensors: "dict[str, Tensor]", header: Header) -> bytes:
    import safetensors.torch

    about = {
        "format": FORMAT,
        "config": header.config.to_json(),
        "step": str(header.step),
        "seconds": repr(header.seconds),
        "classes": json.dumps(header.classes),
        "recoveries": str(header.recoveries),
        "score": json.dumps(header.score),
        "origin": json.dumps(header.origin),
    }
    return safetensors.torch.save(tensors, about)


def read_header(path: Path | str) -> Header:
    """The Config and progress that a checkpoint holds, without reading its tensors."""
    with _opened(path) as file:
        return _header(file, path)


@contextmanager
def _opened(path: Path | str) -> Generator[BinaryIO]:
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        why = error.strerror or error
        raise UserError(f"{path}: it cannot be read ({why}); check the name and its permissions") from None


def _header(file: BinaryIO, path: Path | str) -> Header:
    first = file.read(8)
    length = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    if not 2 <= length <= LARGEST_HEADER:
        raise UserError(
            f"{path}: it is not a dcgan checkpoint; give a run's folder, or its checkpoints/last.safetensors"
        )
    text = file.read(length)
    end = file.seek(0, 2)
    try:
        held = json.loads(text)
        about = held["__metadata__"]
        if about["format"] != FORMAT or int(about["step"]) < 0:
            raise ValueError
        needed = 8 + length + max(part["data_offsets"][1] for name, part in held.items() if name != "__metadata__")
        classes = json.loads(about["classes"])
        header = Header(
            Config.from_json(about["config"], str(path)),
            int(about["step"]),
            float(about["seconds"]),
            tuple(classes) if classes else None,
            int(about.get("recoveries", "0")),
            json.loads(about.get("score", "null")),
            json.loads(about.get("origin", "null")),
        )
        if header.config.size is None or header.config.channels is None:
            raise ValueError
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError):
        raise UserError(
            f"{path}: it is not a dcgan checkpoint, or its beginning is damaged; "
            "give a run's folder, or its checkpoints/last.safetensors"
        ) from None
    if end < needed:
        raise UserError(
            f"{path}: it is cut short ({end:,} of {needed:,} bytes); copy it again, or delete it and train anew"
        )
    return header


def read(path: Path | str) -> "tuple[Header, dict[str, Tensor]]":
    """Of one opening: a run that is being trained replaces the file meanwhile."""
    with _opened(path) as file:
        return from_bytes(file.read(), path)


def from_bytes(held: bytes, path: Path | str) -> "tuple[Header, dict[str, Tensor]]":
    import safetensors
    import safetensors.torch

    header = _header(io.BytesIO(held), path)
    try:
        return header, safetensors.torch.load(held)
    except safetensors.SafetensorError as error:
        raise UserError(f"{path}: it is damaged ({error}); copy it again, or delete it and train anew") from None


def fill(state: "State", header: Header, tensors: "dict[str, Tensor]", path: Path | str) -> None:
    """Put a checkpoint's tensors into a State built from the same Config."""
    load_networks({name: getattr(state, name) for name in ("G", "D", "G_ema")}, tensors, path)
    for name, network in (("opt_G", state.G), ("opt_D", state.D)):
        _fill_optimizer(getattr(state, name), network, _part(tensors, name), f"{path}: its {name}")
    state.step, state.recoveries = header.step, header.recoveries


def load_networks(networks: "dict[str, nn.Module]", tensors: "dict[str, Tensor]", path: Path | str) -> None:
    for name, network in networks.items():
        part = _part(tensors, name) or (_part(tensors, "G_ema") if name == "G" else {})
        wanted = network.state_dict()
        if {key: t.shape for key, t in part.items()} != {key: t.shape for key, t in wanted.items()}:
            odd = sorted(
                key
                for key in wanted.keys() | part.keys()
                if key not in part or key not in wanted or part[key].shape != wanted[key].shape
            )
            raise UserError(
                f"{path}: its {name} does not fit the network of its config (at {odd[0]}); "
                "it was made by another version, or with a network of your own: hand that to dcgan.load"
            )
        network.load_state_dict(part)


def has(tensors: "dict[str, Tensor]", name: str) -> bool:
    """Whether a checkpoint holds this network."""
    return bool(_part(tensors, name))


def _part(tensors: "dict[str, Tensor]", name: str) -> "dict[str, Tensor]":
    return {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}


def _optimizer_tensors(optimizer: "Optimizer", network: "nn.Module") -> "dict[str, Tensor]":
    import torch

    names = {parameter: name for name, parameter in network.named_parameters()}
    tensors = {}
    for parameter, held in optimizer.state.items():
        for key, value in held.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{names[parameter]}.{key}"] = value  # pyrefly: ignore
            elif value is not None:
                raise UserError(
                    f"optimizer {type(optimizer).__name__}: it keeps its {key!r} as {type(value).__name__}, and a "
                    "checkpoint holds tensors only; keep it in a tensor"
                )
    return tensors


def _fill_optimizer(optimizer: "Optimizer", network: "nn.Module", held: "dict[str, Tensor]", what: str) -> None:
    import torch

    parameters = dict(network.named_parameters())
    order = {name: i for i, name in enumerate(parameters)}
    state: dict[int, dict] = {}
    for key, tensor in held.items():
        name, _, role = key.rpartition(".")
        like = parameters.get(name)
        if like is None or (tensor.dim() and tensor.shape != like.shape):
            raise UserError(
                f"{what} does not fit the network of its config (at {key}); was it made by another version?"
            )
        # Fused kernels read memory in order: a moment must be laid out as its weight. And nothing may go on
        # reading the file, which is about to be replaced.
        laid_out = torch.empty_like(like if tensor.dim() else tensor, dtype=tensor.dtype, requires_grad=False)
        state.setdefault(order[name], {})[role] = laid_out.copy_(tensor)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
