"""What a card says of a run: gathered from its folder, drawn by its generator, held against its pictures."""

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcgan import data, doctor, hub, images, latents, plots, sample
from dcgan.config import OWN, Config, flag, show_size
from dcgan.console import Console
from dcgan.data import Dataset
from dcgan.errors import UserError
from dcgan.export.public import public
from dcgan.folder import Folder
from dcgan.metrics import kept, memorisation
from dcgan.sample import Model

SAMPLES = 64  # seeds 0 to 63, not chosen
MOMENTS = 8  # of the training, from which samples are shown
ACROSS = 8  # pictures in a row
STEPS = 10  # of the walk, from one seed to the next
ASKED, AMONG = 256, 5000  # samples whose nearest training picture is sought, among so many at most
# What the pictures and the machine decide unless it is asked for; a command that repeats the run says it all the same.
GIVEN = {"size", "channels", "stream", "precision", "threads", "device"}
UNSAID = {"preset", "data", "fingerprint", "classes"}


@dataclass(frozen=True)
class Setting:
    name: str
    value: Any
    usual: Any  # in the preset
    about: str


@dataclass(frozen=True)
class Copies:
    """Samples beside the training pictures that they are nearest to, the nearest first. Distances in grey levels."""

    samples: np.ndarray  # uint8 [ACROSS, H, W, C]
    training: np.ndarray
    distances: np.ndarray
    median: float  # of all samples
    among_real: float  # the median of training pictures, each to the nearest of the others
    asked: int
    among: int


@dataclass(frozen=True)
class Facts:
    name: str
    config: Config  # without where the pictures lie
    step: int
    seconds: float
    origin: str | None
    classes: Sequence[str]
    trouble: str  # why the generator cannot be asked, or the pictures are not here
    drawn: np.ndarray | None
    walk: np.ndarray | None  # [rows, STEPS, H, W, C]
    pictures: int | None  # that it learned from
    real: np.ndarray | None  # some of them
    copies: Copies | None
    moments: list[tuple[int, np.ndarray]]
    curves: bytes | None
    settings: list[Setting]
    measures: list[dict[str, Any]]
    examination: doctor.Examination
    experiments: list[Path]  # of their JSON; pictures of the same name stand beside
    sittings: list[dict[str, Any]]
    finished: bool
    command: str | None
    begun: str | None  # what it took its first weights from


def gather(folder: Folder, console: Console) -> Facts:
    config, header = folder.config(), folder.header()
    if header is None:
        raise UserError(f"{folder.path}: nothing is saved in it yet; train on, or wait for its first checkpoint")
    model, trouble = _model(folder)
    real, missing = _pictures(config, console) if not header.origin else (None, "")
    reports = folder.reports()
    kind = "elbo" if config.network == "vae" else config.loss
    sittings = [line for line in folder.lines() if line.get("event") in ("start", "resume")]
    return Facts(
        name=folder.path.resolve().name,
        config=public(config),
        step=model.header.step if model else header.step,
        seconds=header.seconds,
        origin=header.origin,
        classes=header.classes or (),
        trouble="; ".join(filter(None, (trouble, missing))),
        drawn=model.sample(range(SAMPLES)) if model else None,
        walk=_walk(model) if model else None,
        pictures=len(real) if real else None,
        real=data.Stream(real, 0).batch(0, min(2 * ACROSS, len(real)))[0] if real else None,
        copies=_copies(model, real) if model and real else None,
        moments=_moments(folder, config),
        curves=plots.losses(reports, folder.path.resolve().name, kind) if reports else None,
        settings=changed(config),
        measures=kept.of(folder),
        examination=doctor.examine(folder.path),
        experiments=sorted((folder.path / "experiments").glob("*.json")),
        sittings=sittings,
        finished=folder.finished(),
        command=command(config, folder, sittings, header.step),
        begun=begun(sittings),
    )


def _model(folder: Folder) -> tuple[Model | None, str]:
    try:
        return sample.load(folder.path), ""
    except UserError:
        if not folder.config().network.startswith("own:"):
            raise
        return None, "its networks are its maker's own, which no file holds"


def _pictures(config: Config, console: Console) -> tuple[Dataset | None, str]:
    """What it learned from, where it is still here and still the same."""
    try:
        with console.data_progress() as progress:
            held = data.like(config, config.data, progress=progress)
    except UserError:
        return None, "the pictures that it was trained on are not here"
    if held.fingerprint != config.fingerprint:
        return None, "the pictures that it was trained on have changed since"
    return held, ""


def _moments(folder: Folder, config: Config) -> list[tuple[int, np.ndarray]]:
    """The first seeds at steps from the first sheet to the last, close together at first, when most happens."""
    sheets = folder.sample_files()
    if not sheets:
        return []
    steps = np.array([int(sheet.stem) for sheet in sheets])
    wanted = np.geomspace(max(1, steps[min(1, len(steps) - 1)]), max(1, steps[-1]), MOMENTS - 1)
    chosen = sorted({0, *(int(np.abs(steps - step).argmin()) for step in wanted)})
    assert config.size is not None
    read = {int(steps[i]): images.read_if_whole(sheets[i]) for i in chosen}
    return [(step, images.cells(sheet, config.size)[:ACROSS]) for step, sheet in read.items() if sheet is not None]


def _walk(model: Model) -> np.ndarray:
    """From seed to seed; each row begins at the seed that the one before came to."""
    z, labels = model.latents(range(4))
    path = np.concatenate([latents.walk(z[i], z[i + 1], STEPS, model.config.z) for i in range(3)])
    drawn = model.generate(path, None if labels is None else np.repeat(labels[:1], len(path)))
    return drawn.reshape(3, STEPS, *drawn.shape[1:])


def _copies(model: Model, real: Dataset) -> Copies:
    """By pixels, mirrored too where training mirrored: what lies nearest is shown, whether it is a copy or not."""
    pool = real.images[:: -(-len(real) // AMONG)]  # of all classes, in whatever order they lie
    drawn = model.sample(range(ASKED))
    few = np.linspace(0, len(pool) - 1, min(ASKED, len(pool) // 4 + 1)).astype(int)
    rest = np.delete(pool, few, axis=0) if len(pool) > len(few) else pool

    def nearest(pictures: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        views = [pictures, pictures[:, :, ::-1]] if model.config.mirror else [pictures]
        flat = [view.reshape(len(view), -1) for view in views]
        apart, which = memorisation.nearest(flat, among.reshape(len(among), -1))
        return apart / np.sqrt(flat[0].shape[1]), which

    apart, which = nearest(drawn, pool)
    usual, _ = nearest(pool[few], rest)
    first = np.argsort(apart, kind="stable")[:ACROSS]
    return Copies(
        drawn[first],
        pool[which[first]],
        apart[first],
        float(np.median(apart)),
        float(np.median(usual)),
        len(drawn),
        len(pool),
    )


def changed(config: Config) -> list[Setting]:
    """What was chosen differently than in the preset."""
    usual = Config.build(config.preset)
    return [
        Setting(field.name, getattr(config, field.name), getattr(usual, field.name), field.metadata["about"])
        for field in dataclasses.fields(Config)
        if field.name not in UNSAID | GIVEN and getattr(config, field.name) != getattr(usual, field.name)
    ]


def command(config: Config, folder: Folder, sittings: Sequence[dict[str, Any]], step: int) -> str | None:
    """What trains the same again, to the same bits on such a machine, where its pictures (and the weights that it began
    with) are there and as they were; None where no command can."""
    if not sittings or any(getattr(config, name).startswith("own:") for name in ("data", *OWN)):
        return None
    config = config.replace(steps=config.steps or step, minutes=None)
    usual = Config.build(config.preset)
    words = ["dcgan", "train", public(config).data, "--out", f"{folder.path.resolve().name}-again"]
    if config.preset != "default":
        words += ["--preset", config.preset]
    if weights := begun(sittings):
        words += ["--from", weights]
    if (together := sittings[0].get("processes", 1)) > 1:
        words += ["--nproc", str(together)]
    if config.lr_D is None and usual.lr_D is not None and config.lr == usual.lr:
        words += ["--lr", str(config.lr)]  # which makes it both players'
    for field in dataclasses.fields(Config):
        value = getattr(config, field.name)
        if field.name in UNSAID | {"device", "minutes"} or value == getattr(usual, field.name) or value is None:
            continue
        name = flag(field.name)
        if isinstance(value, bool):
            words.append(name if value else name.replace("--", "--no-", 1))
        else:
            words += [name, show_size(value) if field.name == "size" else str(value)]
    return shlex.join(words)


def begun(sittings: Sequence[dict[str, Any]]) -> str | None:
    """What --from named, without where it lies: hf:owner/name, a run, RUN/checkpoints/FILE, or another file."""
    said = sittings[0].get("from") if sittings else None
    if said is None or hub.is_hub(said):
        return said
    path = Path(said)
    return Path(*path.parts[-3 if path.parent.name == "checkpoints" else -1 :]).as_posix()
