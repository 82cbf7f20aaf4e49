"""Extractors: from pictures to the numbers that are compared. 1,280 or so a picture, each row its own picture's alone.

    lite0 = features.load("lite0")          # EfficientNet-Lite0 on ImageNet, from a package, offline
    inception = features.load("inception")  # of the published FIDs: fetched once (96 MB), known by its SHA-256
    own = features.load("net.onnx")         # a network of the user's: .onnx, .pt2, TorchScript
    lite0(images)                           # uint8 [N, H, W, C] -> float32 [N, 1280]

A file says what it is fed by its input: bytes, or floats from 0 to 1 (any other scaling belongs into the file); three
colours or one grey; and the side it was made for, to which pictures are then resized. Where it leaves the side open,
it gets pictures as they are. What it returns is [N, features], or maps, of which the means are taken. TorchScript does
not tell its input: it gets colours as they are, as floats; or as bytes where its `forward` takes `return_features`, as
NVIDIA's networks do. (A network is a program: use files of people you trust.)

Every network sees batches of one size, the last one padded: a picture's numbers do not depend on its neighbours.
"""

import contextlib
import hashlib
import logging
import os
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan.data import cache, download
from dcgan.errors import UserError
from dcgan.metrics import inception, lite0

CHUNK = 8  # with more, the maps leave a CPU's cache
AS_IT_IS = "none: the network takes pictures as they are"


@dataclass(frozen=True)
class Extractor:
    """Called with uint8 [N, H, W, C] it gives float32 [N, features].

    `prepare` makes the network's input of uint8 RGB pictures [N, 3, H, W]; `key` names both, for the cache of features.
    """

    name: str
    key: str
    resizer: str  # in words, for the protocol
    prepare: Callable[[Tensor], Tensor]
    network: Callable[[Tensor], Tensor]
    device: str = "cpu"
    chunk: int = CHUNK
    standard: bool = False  # the network of the published FIDs: only its figure is called plain "FID"

    def __call__(self, images: np.ndarray) -> np.ndarray:
        parts = [self._chunk(images[start : start + self.chunk]) for start in range(0, len(images), self.chunk)]
        return np.concatenate(parts)

    def _chunk(self, images: np.ndarray) -> np.ndarray:
        n = len(images)
        x = colours(np.concatenate([images, np.repeat(images[:1], self.chunk - n, 0)]))
        with torch.inference_mode(), _exact(self.device):
            try:
                out = self.network(self.prepare(x.to(self.device)))
            except (RuntimeError, AssertionError) as error:  # the latter of an exported program's bounds
                reason = " ".join(str(error).split())[-200:]
                raise UserError(
                    f"--features {self.name}: it fails on {self.chunk} pictures of {images.shape[1]}x{images.shape[2]} "
                    f"({reason}); export it as .onnx or .pt2 with the side it was made for, or resize inside of it"
                ) from None
            out = out[0] if isinstance(out, (tuple, list)) else out
            if not isinstance(out, Tensor) or out.dim() < 2 or len(out) != self.chunk:
                raise UserError(
                    f"--features {self.name}: for {self.chunk} pictures it returns "
                    f"{list(out.shape) if isinstance(out, Tensor) else type(out).__name__}; "
                    "it must return [N, features]"
                )
            out = out.flatten(2).mean(2) if out.dim() > 2 else out
            out = out[:n].float().cpu()
        if not bool(out.isfinite().all()):
            raise UserError(f"--features {self.name}: it gives infinite or undefined numbers; use another network")
        return out.numpy()

    def named(self, measure: str) -> str:
        """`FID (lite0)`; plain `FID` only for the network that the published ones were made with."""
        return measure if self.standard else f"{measure} ({self.name})"


def load(name: str | Path, device: str = "cpu", report: Callable[[str, int, int], None] | None = None) -> Extractor:
    """`lite0`, `inception` (fetched where it is not yet), or a file."""
    if name == "lite0":
        return _lite0(device)
    if name == "inception":
        instead = f"without the net, give the file itself: --features {inception.REMOTE.name}"
        return of_file(
            download.fetch(inception.REMOTE, cache.home() / "downloads", report or (lambda *_: None), instead), device
        )
    return of_file(Path(name), device)


def _lite0(device: str) -> Extractor:
    file = lite0.weights()
    network = lite0.Lite0(torch.load(file, weights_only=True))
    return Extractor(
        "lite0",
        f"lite0-{_digest(file)[:16]}",
        f"antialiased bicubic to {lite0.SIDE}x{lite0.SIDE}, in floats, clamped",
        lambda x: (_resized(x, (lite0.SIDE, lite0.SIDE)) - 127) / 128,
        network.to(device=device, memory_format=torch.channels_last),
        device,
    )


def of_file(path: Path, device: str = "cpu") -> Extractor:
    """A user's network, or the standard Inception in one of its two files."""
    if not path.is_file():
        raise UserError(
            f"--features {path}: there is no such file; write lite0, reader, inception, or a network's "
            "file (.onnx, .pt2, TorchScript)"
        )
    digest = _digest(path)
    if digest == inception.TENSORS:
        return _inception(torch.load(path, weights_only=True), digest, device)
    kinds = {".onnx": _onnx, ".pt2": _exported, ".pt": _script, ".ts": _script, ".torchscript": _script}
    kind = kinds.get(path.suffix.lower())
    if kind is None:
        raise UserError(
            f"--features {path}: its name ends in none of {', '.join(kinds)}, and it is not the Inception of the "
            "published FIDs; weights alone do not say what to compute: save the network whole"
        )
    return kind(path, digest, device)


def _inception(held: dict[str, Tensor], digest: str, device: str) -> Extractor:
    return Extractor(
        "inception",
        f"inception-{digest[:16]}",
        f"TensorFlow 1's bilinear to {inception.SIDE}x{inception.SIDE}, without antialiasing",
        lambda x: (inception.resize(x.float()) - 128) / 128,
        inception.Inception(held).to(device=device, memory_format=torch.channels_last),
        device,
        standard=True,
    )


def _script(path: Path, digest: str, device: str) -> Extractor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript; the files remain
        network = _opened(path, "a TorchScript network", lambda: torch.jit.load(str(path), map_location=device).eval())
    arguments = {argument.name for argument in network.forward.schema.arguments}
    bytes_in = "return_features" in arguments

    def run(x: Tensor) -> Tensor:
        return network(x, return_features=True) if bytes_in else network(x)

    standard = digest == inception.SCRIPT
    name = "inception" if standard else path.name
    prepare = (lambda x: x) if bytes_in else _scaled
    return Extractor(name, f"script-{digest[:16]}", AS_IT_IS, prepare, run, device, standard=standard)


def _exported(path: Path, digest: str, device: str) -> Extractor:
    with _tensors_alone():
        program = _opened(path, "a program of torch.export", lambda: torch.export.load(path))
    names = program.graph_signature.user_inputs
    values = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(values) != 1 or not isinstance(values[0], Tensor):
        raise UserError(f"--features {path}: it takes {len(values)} inputs; it must take one, a batch of pictures")
    shape = [side if isinstance(side, int) else None for side in values[0].shape]
    module = program.module().to(device)
    return _shaped(path, digest, device, shape, values[0].dtype == torch.uint8, module)


def _onnx(path: Path, digest: str, device: str) -> Extractor:
    try:
        import onnxruntime
    except ImportError:
        raise UserError(
            f"--features {path}: onnxruntime is not installed; get it with: pip install 'dcgan[export]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = _opened(
        path, "an ONNX network", lambda: onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    )
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise UserError(f"--features {path}: it takes {len(inputs)} inputs; it must take one, a batch of pictures")
    shape = [side if isinstance(side, int) else None for side in inputs[0].shape]

    def run(x: Tensor) -> Tensor:
        try:
            return torch.from_numpy(session.run(None, {inputs[0].name: x.contiguous().numpy()})[0])
        except Exception as error:  # onnxruntime's own kinds have no common base but this
            raise RuntimeError(error) from None

    return _shaped(path, digest, "cpu", shape, inputs[0].type == "tensor(uint8)", run)


def _shaped(
    path: Path, digest: str, device: str, shape: list[int | None], bytes_in: bool, network: Callable[[Tensor], Tensor]
) -> Extractor:
    """For a network that tells its input's shape [N, C, H, W], None where it is open, and type."""
    if len(shape) != 4 or shape[1] not in (None, 1, 3):
        shown = [side or "any" for side in shape]
        raise UserError(f"--features {path}: its input is {shown}; it must be [N, 3, H, W], or [N, 1, H, W] for grey")
    n, channels, height, width = shape
    side = (height, width) if height and width else None

    def prepare(x: Tensor) -> Tensor:
        x = _grey(x) if channels == 1 else x
        if side is None or x.shape[2:] == side:
            return x if bytes_in else _scaled(x)
        x = _resized(x, side)
        return x.round().byte() if bytes_in else x / 255

    resizer = f"antialiased bicubic to {height}x{width}, in floats, clamped" if side else AS_IT_IS
    return Extractor(path.name, f"file-{digest[:16]}", resizer, prepare, network, device, n or CHUNK)


def colours(images: np.ndarray) -> Tensor:
    """uint8 [N, H, W, C] -> uint8 [N, 3, H, W]: grey three times, what is transparent on white."""
    x = torch.from_numpy(np.require(images, requirements=["C", "W"])).permute(0, 3, 1, 2)
    if x.shape[1] == 4:
        alpha = x[:, 3:].float() / 255
        x = (255 + (x[:, :3].float() - 255) * alpha).round().byte()
    return x.expand(-1, 3, -1, -1)


def _grey(x: Tensor) -> Tensor:
    """ITU-R 601's weights, as Pillow's."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=x.device).view(1, 3, 1, 1)
    return (x.float() * weights).sum(1, keepdim=True).round().byte()


def _scaled(x: Tensor) -> Tensor:
    return x.float() / 255


def _resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 [N, C, H, W] -> float [N, C, *size] from 0 to 255; smoothing where it shrinks, as Pillow's (Parmar et al.,
    2022, on what becomes of FID without)."""
    x = x.float().contiguous(memory_format=torch.channels_last)
    return F.interpolate(x, size, mode="bicubic", antialias=True, align_corners=False).clamp_(0, 255)


def _opened(path: Path, what: str, open_it: Callable[[], Any]) -> Any:
    try:
        return open_it()
    except Exception as error:  # whatever a foreign file makes a parser of others raise
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"--features {path}: it cannot be read as {what} ({reason}); export it again") from None


@contextlib.contextmanager
def _tensors_alone() -> Generator[None]:
    """torch.export.load unpickles parts of a file, whatever they are, unless the environment forbids it; and it logs a
    traceback where a file is none of its own, which is said in a sentence here."""
    force, refuse = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
    before = {name: os.environ.pop(name, None) for name in (force, refuse)}
    log = logging.getLogger("torch.export")
    log.disabled, was = True, log.disabled
    os.environ[force] = "1"
    try:
        yield
    finally:
        log.disabled = was
        del os.environ[force]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _exact(device: str):
    """On a GPU: float32 in full, the same each time."""
    on_gpu = device.startswith("cuda")
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=on_gpu, allow_tf32=not on_gpu)


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
