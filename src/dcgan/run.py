"""From a plan to a run's folder, and on from where it stopped, in one process or in many.

To resume, run the same command again.
"""

import os
import shutil
import signal
import threading
import types
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from dcgan import algorithm, checkpoint, distributed, feed, files, memory
from dcgan.algorithm import State
from dcgan.config import Config, show_size
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.planning import Own, Plan, device, open_pictures
from dcgan.session import BACK, LAST, Session, steps, together


def train(plan: Plan, console: Console | None = None) -> int:
    """Train to the plan's end: 0. Else the number of the signal that stopped it: the same plan goes on from there."""
    console = console or Console(quiet=True)
    config, folder = plan.config, plan.folder
    with ExitStack() as stack:
        stack.enter_context(_held(folder))
        stack.enter_context(memory.enough(config))
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(config.threads)
        where = device(config.device)
        state, seconds = _start(plan, where)
        session = Session(plan, state, where, seconds, console)
        distributed.hand_out(os.fsencode(folder.path))
        distributed.hand_out(session.packed)
        if session.finished and session.all_written:
            distributed.tell(LAST)
            more = "--steps" if config.steps else "--minutes"
            console.say(f"{folder.path} is finished: {state.step:,} steps. To train on, ask for more {more}.")
            return distributed.tell(0)
        if config.recover and not folder.sound.is_file():
            session.first_sound()
        files.write_whole(folder.config_file, config.to_json().encode())
        return distributed.tell(session.train(stack.enter_context(_stop_signals(console))))


def follow(source: Any = None, own: Own | None = None) -> tuple[Path, int]:
    """What every process after the first does: the same steps, each on its own rows of the minibatches.

    Returns the run's folder, and what `train` returned.
    """
    own = own or Own()
    path = Path(os.fsdecode(distributed.hand_out()))
    header, tensors = checkpoint.from_bytes(distributed.hand_out(), "process 0")
    config = header.config
    own.check(config, source)
    torch.set_num_threads(config.threads)
    where = device(config.device)
    dataset = open_pictures(source, config, Console(quiet=True))
    if dataset.fingerprint != config.fingerprint:
        raise UserError(
            f"{config.data}: process {distributed.rank()} finds other pictures there than process 0 does; give each "
            "machine the same"
        )
    state = _fresh(config, where, own)
    checkpoint.fill(state, header, tensors, "process 0")
    stream = feed.stream(dataset, config, where)
    trained = steps(config, state, feed.batches(config, stream, where, distributed.rows(config.m)), own.loss_of(config))
    with _stop_signals(Console(quiet=True)) as stop:
        while (word := distributed.tell()) != LAST:
            if word == BACK:
                checkpoint.fill(state, *checkpoint.from_bytes(distributed.hand_out(), "process 0"), "process 0")
            together(next(trained), stop)
    return path, distributed.tell()


@contextmanager
def _held(folder: Folder) -> Generator[None]:
    """Make a run's folder and hold it against other trainers; leave nothing where nothing was saved."""
    made = files.missing(folder.path)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder.path}: it cannot be made ({error.strerror}); choose another place") from None
    training = f"{folder.path}: another process is training this run; wait for it, stop it, or choose another --out"
    with files.lock(folder.lock_file, training):
        try:
            yield
        except BaseException:
            if made and not folder.last.is_file():
                shutil.rmtree(folder.path, ignore_errors=True)
                files.remove_empty(made[1:])
            raise


def _start(plan: Plan, device: str) -> tuple[State, float]:
    """The State to begin with, and the seconds that it has been trained for."""
    config, folder = plan.config, plan.folder
    state = _fresh(config, device, plan.own)
    seconds = 0.0
    if folder.last.is_file():
        header, tensors = checkpoint.read(folder.last)
        checkpoint.fill(state, header, tensors, folder.last)
        seconds = header.seconds
    elif plan.warm:
        _, tensors = checkpoint.read(plan.warm)
        if not checkpoint.has(tensors, "D"):
            raise UserError(
                f"--from {plan.warm}: it holds a generator alone, and training needs a discriminator too; import both "
                "networks, or begin without --from"
            )
        try:
            checkpoint.load_networks({"G": state.G, "D": state.D, "G_ema": state.G_ema}, tensors, plan.warm)
        except UserError:
            theirs = checkpoint.read_header(plan.warm).config
            raise UserError(
                f"--from {plan.warm}: its networks have other shapes (preset {theirs.preset}, "
                f"size {show_size(theirs.size or (0, 0))}, width {theirs.width}); ask for the same size and width"
            ) from None
    return state, seconds


def _fresh(config: Config, device: str, own: Own) -> State:
    """The State before the first step, ready to be trained with the others."""
    state = algorithm.fresh(config, device, own.networks, own.optimizer)
    algorithm.set_precision(config, state)
    distributed.average_gradients(state.opt_G, state.opt_D)
    return state


@contextmanager
def _stop_signals(console: Console) -> Generator[list[int]]:
    """Ctrl-C and SIGTERM finish the step and save; a second one leaves at once."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def on_signal(number: int, frame: types.FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        caught.append(number)
        with suppress(RuntimeError):  # the signal came while something was being printed
            console.say("stopping after this step; once more to leave at once")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
