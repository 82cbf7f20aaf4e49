"""Several processes train one run, on one machine or many: torch.distributed launches, finds and joins them.

Process 0 plans, writes and decides. The others follow: they hold the same State, take their own rows of every
minibatch and of its noise, and do as they are told after each step. `m` is the batch over all of them; each pass's
gradients are averaged by one flat all-reduce, so that all make the same step. One process alone pays for none of it.

    dcgan train faces --nproc 2                      two processes here
    torchrun --nproc-per-node 8 -m dcgan train ...   the same, and over machines: see docs/distributed.md
"""

import datetime
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch import distributed as dist

from dcgan.errors import UserError

PATIENCE = datetime.timedelta(hours=2)  # the others wait while process 0 prepares pictures, samples and saves
LAUNCHED = "DCGAN_LAUNCHED"  # for the processes that our own launcher started, which speaks for a lost one: its number
ORPHANED = 1.0  # seconds between two looks at whether it is still there


def asked() -> bool:
    """Whether torchrun, or our own launcher, started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def join() -> None:
    """Meet the others. Does nothing for a process alone, or a second time."""
    if not asked() or dist.is_initialized():
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        backend = "cpu:gloo,cuda:nccl"
    if launcher := os.environ.get(LAUNCHED):
        threading.Thread(target=_end_with, args=(int(launcher),), daemon=True).start()
    with _lost():
        dist.init_process_group(backend, timeout=PATIENCE)


def _end_with(launcher: int) -> None:
    """A launcher that is killed outright tells nobody; without it the same command could not be given again."""
    while os.getppid() == launcher:
        time.sleep(ORPHANED)
    os._exit(1)


def leave(code: int) -> None:
    """End this process, if it is one of several: gloo may abort while Python takes itself down (20 of 76 runs)."""
    if not dist.is_initialized():
        return
    sys.stdout.flush()
    sys.stderr.flush()
    if not code:  # an unhappy one does not wait for the others
        dist.destroy_process_group()
    os._exit(code)


def size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def rows(m: int) -> tuple[int, int]:
    """Which of a minibatch's m rows are this process's: the first, and how many."""
    share = m // size()
    return rank() * share, share


def mine(whole: Tensor) -> Tensor:
    """This process's rows of what is drawn for the whole minibatch."""
    first, share = rows(len(whole))
    return whole[first : first + share]


def average_gradients(*optimizers: torch.optim.Optimizer) -> None:
    """From now on, before each of their steps."""

    def hook(optimizer: torch.optim.Optimizer, *_: object) -> None:
        average([p.grad for group in optimizer.param_groups for p in group["params"]])

    if size() > 1:
        for optimizer in optimizers:
            optimizer.register_step_pre_hook(hook)


def average(tensors: Sequence[Tensor | None]) -> None:
    """Put in place of each its mean over all processes: one flat all-reduce."""
    if size() == 1:
        return
    held = [tensor for tensor in tensors if tensor is not None]
    flat = torch.cat([_as_it_lies(tensor) for tensor in held])
    with _lost():
        dist.all_reduce(flat)
    flat /= size()
    for tensor, part in zip(held, flat.split([tensor.numel() for tensor in held]), strict=True):
        _as_it_lies(tensor).copy_(part)


def _as_it_lies(tensor: Tensor) -> Tensor:
    """Its numbers in memory's order, whatever its layout (channels-last, say): a view."""
    return tensor.as_strided((tensor.numel(),), (1,))


def any_of(flag: bool) -> bool:
    """Whether it is set in any process."""
    seen = torch.tensor([int(flag)])
    with _lost():
        dist.all_reduce(seen, dist.ReduceOp.MAX)
    return bool(seen)


def meet() -> None:
    """Wait until all are here."""
    if size() > 1:
        any_of(False)


def tell(word: int = 0) -> int:
    """Process 0's word, at all of them."""
    if size() == 1:
        return word
    said = torch.tensor([word])
    with _lost():
        dist.broadcast(said, 0)
    return int(said)


def hand_out(message: bytes = b"") -> bytes:
    """Process 0's bytes, at all of them."""
    length = tell(len(message))
    if size() == 1:
        return message
    held = torch.frombuffer(bytearray(message or bytes(length)), dtype=torch.uint8)
    with _lost():
        dist.broadcast(held, 0)
    return held.numpy().tobytes()


@contextmanager
def _lost() -> Generator[None]:
    """Whoever is waited for may have ended: torch raises a plain RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        if os.environ.get(LAUNCHED):
            leave(1)
        raise UserError(
            f"process {rank()}: another process of this run is gone ({str(error).splitlines()[0]}); run the same "
            "command again to go on from its last checkpoint"
        ) from None


def launch(processes: int, words: Iterable[str]) -> int:
    """Run `dcgan WORDS` in so many processes, and wait: their exit code. When one is lost, all end."""
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.CRITICAL)  # what torch's launcher tells of its own doings
    os.environ[LAUNCHED] = str(os.getpid())
    # torchrun would give each one thread
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "dcgan", *words)
    except SignalException as stopped:  # the processes had it too, and saved
        return 128 + stopped.sigval
    except ChildFailedError as error:
        # who was killed, or has said why, is the cause; those that missed it end with 1, perhaps first
        lost, failure = max(error.failures.items(), key=lambda item: item[1].exitcode != 1)
        if failure.exitcode > 1:
            return failure.exitcode
        how = signal.Signals(-failure.exitcode).name if failure.exitcode < 0 else f"exit code {failure.exitcode}"
        raise UserError(
            f"--nproc {processes}: process {lost} was lost ({how}), and the others ended with it; run the same command "
            "again to go on from the last checkpoint"
        ) from None
    return 0
