"""DCGAN on your own pictures.

    import dcgan

    m = dcgan.train("photos/", out="runs/photos", minutes=20)  # or dcgan.load("runs/photos")
    m.sample([17, "0.5*12 + 0.5*40"])  # uint8 [2, H, W, C]

The command `dcgan` does the same. Nothing heavy is imported until it is used.
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcgan.errors import UserError

if TYPE_CHECKING:
    from dcgan.losses import Loss
    from dcgan.sample import Model

__version__ = "0.1.0"
__all__ = ["Loss", "Model", "UserError", "follow", "load", "train"]


def train(
    data: Any = None,
    *,
    out: "Path | str | None" = None,
    preset: str | None = None,
    warm: "Path | str | None" = None,
    loss: "str | Loss | None" = None,
    optimizer: "str | Callable[[Iterable], Any] | None" = None,
    networks: tuple | None = None,
    quiet: bool = False,
    **settings: Any,
) -> "Model":
    """Train to the end, or go on with the run in `out`, and return it ready for use.

    `data` is what the command takes, or uint8 pictures [N, H, W, C]; settings are Config's. A loss of one's own is a
    `dcgan.Loss`, an optimizer a function of the parameters, networks a pair of classes (or functions) of the Config.
    """
    from dcgan import distributed, planning, run, sample
    from dcgan.console import Console

    named = {"loss": loss, "optimizer": optimizer}
    own = planning.Own(
        loss=loss if not isinstance(loss, str) else None,
        optimizer=optimizer if not isinstance(optimizer, str) else None,
        networks=networks,
    )
    settings |= {name: value for name, value in named.items() if isinstance(value, str)}
    console = Console(quiet=quiet)
    distributed.join()
    if distributed.rank():
        path, stopped = run.follow(data, own)
    else:
        plan = planning.plan(data, out=out, preset=preset, settings=settings, warm=warm, own=own, console=console)
        path, stopped = plan.folder.path, run.train(plan, console)
    if stopped:  # all is saved; the same call goes on
        raise KeyboardInterrupt if stopped == signal.SIGINT else SystemExit(128 + stopped)
    return sample.load(path, own_networks=networks)


def load(path: "Path | str", device: str = "cpu", networks: tuple | None = None, last: bool = False) -> "Model":
    """A trained run, from its folder or a checkpoint file; networks of one's own as they were given to `train`.

    A folder's best checkpoint where one was kept (evaluate_every), unless `last`.
    """
    from dcgan import sample

    return sample.load(path, device, networks, last)


def follow(run: "Path | str") -> "Iterator[dict[str, Any]]":
    """The lines of a run's log as dicts, each as it is written, until the run ends: for a tracker of one's own.

    A line without `event` is a report: step, images, seconds, images_per_s, loss_D, loss_G, D_x, D_Gz, grad_G. Those
    with one are start, resume, check (of the samples), evaluate, finding, recover and finish. Where a run went back to
    an earlier save, its steps from there on come again.
    """
    from dcgan import logbook

    return logbook.follow(run)


def __getattr__(name: str) -> Any:
    if name == "Loss":
        from dcgan.losses import Loss

        return Loss
    if name == "Model":
        from dcgan.sample import Model

        return Model
    raise AttributeError(f"module 'dcgan' has no attribute {name!r}")
