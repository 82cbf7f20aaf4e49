"""`dcgan train --log tensorboard`: the run's log as TensorBoard shows it, in RUN/tensorboard.

    tensorboard --logdir runs

An observer in a thread: it reads log.jsonl and the sheets of samples as they are written, and the trainer knows nothing
of it. The log is what counts: each sitting writes RUN/tensorboard anew from its beginning, and so does a run that goes
back, so both say the same after every resume and recovery.
"""

import re
import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from dcgan import images
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.logbook import EVERY, Log

NAME = "tensorboard"


class Writer(Protocol):
    """What is used of torch.utils.tensorboard.SummaryWriter."""

    def add_scalar(self, tag: str, value: float, step: int) -> None: ...
    def add_image(self, tag: str, image: np.ndarray, step: int, dataformats: str = ...) -> None: ...
    def add_text(self, tag: str, text: str, step: int) -> None: ...
    def flush(self) -> None: ...
    def close(self) -> None: ...


def check() -> None:
    """What it needs and a plain install has not, said in a sentence before anything is trained."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise UserError(
            '--log tensorboard: tensorboard is not installed; pip install "dcgan[tensorboard]" brings it'
        ) from None


def writer(place: Path) -> Any:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(place), purge_step=0)  # a TensorBoard that is open forgets what it was told before


@contextmanager
def observing(folder: Folder, begin: Callable[[Path], Any] = writer) -> Generator[None]:
    """Write while the block trains; what comes last is written before it is left."""
    over = threading.Event()
    observer = Observer(folder, begin)

    def watch() -> None:
        while not over.wait(EVERY):
            observer.look()

    thread = threading.Thread(target=watch, daemon=True, name=NAME)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with closing(observer):
            observer.look()


class Observer:
    def __init__(self, folder: Folder, begin: Callable[[Path], Any]):
        self.folder, self._begin = folder, begin
        self._log = Log(folder.log_file)
        self._writer: Writer | None = None
        self._sheets: list[int] = []  # steps whose sheet is announced, and not there yet, or damaged

    def look(self) -> None:
        """Write what is new."""
        for lines in self._log.read(self.close):
            for line in lines:
                if isinstance(line.get("step"), int):
                    self._take(line, line["step"])
        waiting = [step for step in self._sheets if not self._sheet(step)]
        self._sheets = waiting
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._sheets = None, []

    @property
    def _open(self) -> Writer:
        if self._writer is None:
            place = self.folder.path / NAME
            for old in place.glob("events.out.tfevents.*"):
                old.unlink()
            self._writer = self._begin(place)
        return self._writer

    def _take(self, line: dict[str, Any], step: int) -> None:
        event = line.get("event")
        if event is None:
            self._scalars("train", line, step)
        elif event == "check":
            self._scalars("samples", line, step)
            self._sheets.append(step)
        elif event == "evaluate":
            self._scalars("score", {str(line.get("metric")): line.get("score")}, step)
        elif event in ("finding", "recover"):
            self._open.add_text("findings", str(line.get("words")), step)

    def _scalars(self, group: str, line: dict[str, Any], step: int) -> None:
        for name, value in line.items():
            if name != "step" and type(value) in (int, float):
                self._open.add_scalar(f"{group}/{_tag(name)}", value, step)

    def _sheet(self, step: int) -> bool:
        sheet = images.read_if_whole(self.folder.sample_file(step))
        if sheet is not None:
            self._open.add_image("samples/sheet", sheet, step, dataformats="HWC")
        return sheet is not None


def _tag(name: str) -> str:
    """`KID (lite0)` -> `KID_lite0`: TensorBoard knows letters, digits and few signs."""
    return re.sub(r"[^\w.-]+", "_", name).strip("_")
