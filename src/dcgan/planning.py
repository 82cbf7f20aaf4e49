"""What was asked for, made complete: a Config (new, or the run's own when it goes on), its pictures and its place.

Everything is checked here, and nothing is written.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dcgan import checkpoint, data, distributed, hub, networks
from dcgan.algorithm import Optimizers
from dcgan.config import PICTURES, PRESETS, Config, flag, show_size, shown
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.losses import LOSSES, Loss
from dcgan.metrics import score

DEFAULT_STEPS = 10_000  # where neither --steps nor --minutes nor the preset says


@dataclass(frozen=True)
class Own:
    """What a user hands over in Python in place of a name: a loss, an optimizer, both networks."""

    loss: Loss | None = None
    optimizer: Optimizers | None = None
    networks: tuple | None = None

    def __post_init__(self) -> None:
        if self.loss is not None and not (
            callable(getattr(self.loss, "D", 0)) and callable(getattr(self.loss, "G", 0))
        ):
            raise UserError(f"loss {self.loss!r}: it must be dcgan.Loss(D, G), two functions of logits, or a name")
        if self.optimizer is not None and not callable(self.optimizer):
            raise UserError(f"optimizer {self.optimizer!r}: it must be a function of the parameters, or a name")
        if self.networks is not None and (len(self.networks) != 2 or not all(map(callable, self.networks))):
            raise UserError("networks: they must be a pair (G, D) of classes, or functions, of the Config")

    def names(self) -> dict[str, str]:
        """What Config records of them."""
        parts = {
            "loss": self.loss and self.loss.G,
            "optimizer": self.optimizer,
            "network": self.networks and self.networks[0],
        }
        return {
            name: f"own:{getattr(part, '__qualname__', type(part).__name__)}" for name, part in parts.items() if part
        }

    def loss_of(self, config: Config) -> Loss:
        return self.loss or LOSSES[config.loss]

    def check(self, config: Config, source: Any) -> None:
        """All that the config records as the user's own has to be handed over again."""
        for name, given, what, argument in (
            ("loss", self.loss, "a loss of its own", ", loss=..."),
            ("optimizer", self.optimizer, "an optimizer of its own", ", optimizer=..."),
            ("network", self.networks, "networks of its own", ", networks=..."),
            ("data", source, "pictures handed over as an array", ""),
        ):
            held = getattr(config, name)
            if held.startswith("own:") and given is None:
                raise UserError(
                    f"{flag(name)} {held}: this run was begun in Python with {what}, which its folder does not hold; "
                    f"go on there, with dcgan.train({'array' if name == 'data' else '...'}, out=...{argument})"
                )


@dataclass
class Plan:
    """A run about to start or go on: everything is checked, nothing is written."""

    config: Config
    dataset: data.Dataset
    folder: Folder
    own: Own = field(default_factory=Own)
    warm: Path | None = None  # the checkpoint to take weights from
    begun: str | None = None  # what was named for that: a run, a checkpoint, hf:owner/name

    def reached(self) -> bool:
        """Whether the run has come to its end already."""
        header = self.folder.header()
        return header is not None and self.config.reached(header.step, header.seconds)


def plan(
    source: Any = None,
    *,
    out: Path | str | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    warm: Path | str | None = None,
    own: Own | None = None,
    console: Console | None = None,
) -> Plan:
    """What was asked for, made complete. Where the run exists, its own config holds and only what was asked for
    explicitly is compared. What can be known to be wrong is said before any picture is prepared."""
    console, own = console or Console(quiet=True), own or Own()
    asked = {**(settings or {}), **own.names()}
    if source is not None:
        asked["data"] = str(source) if isinstance(source, (str, Path)) else "own:array"
    folder = Folder(out) if out is not None else None
    if folder is not None:
        _check_place(folder)
    config = _asked(folder, preset, asked)
    own.check(config, source)
    device(config.device)
    warm_file = _warm(warm, folder)
    dataset = open_pictures(source, config, console)
    if folder is None:
        folder = Folder(Path("runs") / f"{dataset.name}-{show_size(dataset.size)}")
        _check_place(folder)
        before, config = config, _asked(folder, preset, asked)
        own.check(config, source)
        if any(getattr(config, name) != getattr(before, name) for name in PICTURES):
            dataset = open_pictures(source, config, console)
    config = _complete(config, dataset)
    if folder.exists:
        _same(folder, config)
    return Plan(config, dataset, folder, own, warm_file, Path(warm).as_posix() if warm and warm_file else None)


def open_pictures(source: Any, config: Config, console: Console) -> data.Dataset:
    with console.data_progress() as progress:
        return data.like(config, config.data if source is None else source, progress=progress)


def _check_place(folder: Folder) -> None:
    """Whether the run can be written there, and nothing of someone else's is in the way."""
    path = folder.path
    try:
        free = folder.exists or folder.vacant
        nearest = next(one for one in (path, *path.absolute().parents) if one.exists())
        writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    except OSError as error:
        raise UserError(f"--out {path}: it cannot be made ({error.strerror}); choose another place") from None
    if not free:
        raise UserError(f"--out {path}: something else is there, and nothing is overwritten; choose another folder")
    if not writable:
        why = "nothing can be written in it" if nearest.is_dir() else "it is not a folder"
        raise UserError(f"--out {path}: it cannot be made below {nearest} ({why}); choose another place")


def _asked(folder: Folder | None, preset: str | None, asked: Mapping[str, Any]) -> Config:
    """A new config, or the run's own with what was asked for explicitly."""
    new = Config.build(preset or "default", **asked)
    if folder is None or not folder.exists:
        return new
    header = folder.header()
    if header and header.origin:
        raise UserError(
            f"{folder.path}: it was imported from {header.origin} and cannot go on; start from its weights with "
            f"dcgan train PICTURES --from {folder.path} --out ANOTHER"
        )
    explicit = {*asked, *({"preset", *PRESETS[preset]} if preset else ())}
    if explicit & {"steps", "minutes"}:
        explicit |= {"steps", "minutes"}
    return folder.config().replace(**{name: getattr(new, name) for name in explicit})


def _complete(config: Config, dataset: data.Dataset) -> Config:
    """Fill in what the data, the machine and the defaults decide."""
    height, width, channels = dataset.images.shape[1:]
    if config.conditional and not dataset.classes:
        raise UserError(
            f"--conditional: {dataset.name} has no classes; put each class in a folder of its own, "
            "or leave --conditional out"
        )
    if config.evaluate_every:
        score.check(dataset)
    if config.m % distributed.size():
        raise UserError(
            f"--m {config.m}: {distributed.size()} processes share each minibatch evenly; ask for a multiple of that"
        )
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if networks.has_bf16(device(config.device)) else "float32"
    return config.replace(
        size=(height, width),
        channels=channels,
        fingerprint=dataset.fingerprint,
        stream=dataset.streamed,
        precision=precision,
        classes=len(dataset.classes or ()) if config.conditional else 0,
        threads=config.threads or torch.get_num_threads(),
        steps=config.steps if config.steps or config.minutes else DEFAULT_STEPS,
    )


def device(asked: str) -> str:
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "--device cuda: torch finds no CUDA device here; use --device cpu, or install a torch built for your GPU"
        )
    if asked == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: torch finds no Apple GPU here; use --device cpu")
    return asked


def _same(folder: Folder, config: Config) -> None:
    """Refuse to go on with a run under another config, naming each difference."""
    ours = folder.config()
    changed = ours.changed(config)
    if "fingerprint" in changed and not changed.keys() & {*PICTURES}:
        raise UserError(
            f"{folder.path}: this run was made with other pictures ({ours.data}, as they were then; now "
            f"{config.data}); choose another --out, or start from its weights with --from {folder.path}"
        )
    if changed:
        words = "; ".join(
            f"{flag(name)[2:]}: the checkpoint has {shown(was)}, you asked for {shown(now)}"
            for name, (was, now) in changed.items()
            if name != "fingerprint"
        )
        raise UserError(f"{folder.path}: {words}; leave that out to go on, or choose another --out")


def _warm(warm: Path | str | None, folder: Folder | None) -> Path | None:
    """The checkpoint to take weights from; a run that goes on has its own."""
    if warm is None or (folder is not None and folder.last.is_file()):
        return None
    path = hub.model(warm) if hub.is_hub(warm) else Path(warm)
    file = Folder.of(path).last if path.is_dir() else path
    if not file.is_file():
        why = "nothing is saved in it yet; train it on" if path.is_dir() else "there is no such run or checkpoint"
        raise UserError(f"--from {warm}: {why}; `dcgan runs` lists the runs under runs/")
    checkpoint.read_header(file)
    return file
