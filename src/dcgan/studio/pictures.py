"""The pictures that a run learned from, where they are still here."""

from dcgan import data
from dcgan.config import Config
from dcgan.errors import UserError


def of_run(config: Config) -> data.Dataset:
    """Opened as they were for training, and only if they are the very ones: by their fingerprint, a config that someone
    made up opens nothing else."""
    if config.data.startswith("own:"):
        raise UserError("this run was trained on an array in Python, which is not here")
    found = data.like(config, config.data)
    if found.fingerprint != config.fingerprint:
        raise UserError(f"{config.data} holds other pictures than those that the run was trained on")
    return found
