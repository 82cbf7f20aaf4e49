"""What is judged, and against what: a run and its training pictures, or two sets of pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan import data, sample
from dcgan.config import Config
from dcgan.console import Console
from dcgan.data import published
from dcgan.data.spec import BUILT_IN, Spec
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.metrics import sets
from dcgan.metrics.sets import Pictures
from dcgan.sample import Model

HELD_OUT = 5000  # pictures of a built-in or published set that no run on it has seen


@dataclass(frozen=True)
class Subject:
    name: str
    samples: Pictures
    reference: data.Dataset
    spec: str  # how that was asked for
    count: int  # of reference pictures that are taken, at most ...
    seed: int  # ... and what chose them
    config: Config | None = None  # of the run that drew the samples
    training: data.Dataset | None = None  # what that run learned from, where it is here
    model: Model | None = None  # which drew the samples

    @property
    def real(self) -> Pictures:
        return sets.of_dataset(self.reference, self.seed)

    @property
    def learned(self) -> str:
        """How what was learned from is asked for."""
        return self.spec if self.config is None or self.training is self.reference else self.config.data

    @property
    def mirrored(self) -> bool:
        """Whether the generator has seen the pictures mirrored too."""
        return self.config is not None and self.config.mirror


def find(
    what: "Spec | Model", against: Spec | None, count: int, last: bool, seed: int, device: str, console: Console
) -> Subject:
    with console.data_progress() as progress:
        if isinstance(what, Model):
            return _of_run(what, "the model", against, count, seed, progress)
        if isinstance(what, (str, Path)) and (Folder(what).exists or Path(what).suffix == ".safetensors"):
            return _of_run(sample.load(what, device, last=last), str(what), against, count, seed, progress)
        if against is None:
            raise UserError(f"{_told(what)}: it is not a run, so say what to compare it with: --against DATA")
        judged = data.open(what, progress=progress)
        reference = data.open(against, size=judged.size, channels=judged.channels, progress=progress)
        return Subject(judged.name, sets.of_dataset(judged, seed).first(count), reference, _told(against), count, seed)


def _told(spec: "Spec | Model | None") -> str:
    return "array" if isinstance(spec, np.ndarray) else str(spec)


def _of_run(model: Model, name: str, against: Spec | None, count: int, seed: int, progress: Callable) -> Subject:
    config = model.config
    reference = None if against is None else data.like(config, against, progress=progress, dedup=False)
    training = None
    try:
        training = data.like(config, config.data, progress=progress)
        if training.fingerprint != config.fingerprint:
            training = None
            raise UserError(f"{config.data}: these are not the pictures that the run was trained on; bring those back")
    except UserError as error:
        if reference is None:
            raise UserError(
                f"{error}; or name others to compare with: evaluate RUN --against DATA, neighbours RUN DATA"
            ) from None
    name = f"{name}, step {model.header.step:,}"
    pool, spec = (training, config.data) if reference is None else (reference, _told(against))
    assert pool is not None
    return Subject(name, sets.of_model(model, count, name), pool, spec, count, seed, config, training, model)


def held_out(subject: Subject, spec: Spec | None, console: Console) -> data.Dataset | None:
    """Pictures like those that were learned from, but never seen: the user's, another part of a published set, or
    built-in ones drawn anew. None where no such are known."""
    spec = spec or others(subject.learned)
    if spec is None:
        return None
    seed = 1 if parsed(str(spec))[0] in BUILT_IN else 0  # built-in pictures that training has not drawn
    seen = subject.training or subject.reference
    with console.data_progress() as progress:
        if subject.config is not None:
            return data.like(subject.config, spec, progress=progress, seed=seed, dedup=False)
        return data.open(spec, size=seen.size, channels=seen.channels, seed=seed, progress=progress)


def others(learned: str) -> str | None:
    """Pictures like these that were not among them, where such are known."""
    name, part = parsed(learned)
    return f"{name}:{HELD_OUT}" if name in BUILT_IN else published.other_part(name, part)


def parsed(spec: str) -> tuple[str, str]:
    """`mnist:train[:50000]` -> its name and its part; of a path, something that is no set's name."""
    name, _, part = spec.partition("[")[0].partition(":")
    return name, part
