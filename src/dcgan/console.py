"""What a person sees while something runs: a bar in a terminal, plain lines in a file or a pipe, nothing when quiet.

    console = Console(quiet=False, stderr=False)       # stderr=True under --json: stdout is then the object's alone
    console.say("runs/demo: 64 pictures of step 2,000")
    with console.progress("training", 20_000) as bar:
        bar.update(1_250, "loss_D 0.61  loss_G 1.32")  # a report
        bar.update(1_251)                              # as often as one likes: the bar alone moves

A bar is drawn at most five times a second, and in a pipe a line is printed at most once a second, so that any loop can
report each of its turns. No thread runs: data are prepared in child processes, which should not inherit one.
"""

import contextlib
import json
import os
import sys
import time
from collections import deque
from collections.abc import Generator
from typing import IO, TYPE_CHECKING, Any, Protocol

from dcgan.errors import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

REDRAW = 0.2  # seconds between two drawings of a bar, at least
LINE = 1.0  # seconds between two lines in a pipe, at least
SILENCE = 10.0  # seconds after which a task without reports prints how far it is
MEMORY = 120.0  # seconds that the time left is reckoned from
WIDEST = 100  # characters of a bar and its numbers, in a terminal of any width

_now = time.monotonic


class Bar:
    """How far a task is. This one shows nothing; the others below show what it keeps."""

    def __init__(self, what: str, total: float | None, unit: str):
        self.what, self.total, self.unit = what, total, unit
        self.done: float = 0
        self.text = ""
        self.began = _now()
        self._seen: deque[tuple[float, float]] = deque()  # (time, done) of the last MEMORY seconds

    def update(self, done: float, text: str | None = None) -> None:
        """`text` is what there is to report; without one, the last remains."""
        now = _now()
        self.done, self.text = done, self.text if text is None else text
        if not self._seen or now - self._seen[-1][0] >= 1:
            self._seen.append((now, done))
            while now - self._seen[0][0] > MEMORY:
                self._seen.popleft()
        self.show(now, text is not None)

    def show(self, now: float, reported: bool) -> None: ...

    def close(self) -> None: ...

    @property
    def left(self) -> float | None:
        """Seconds to the end at the pace of late; None while that is not known."""
        if not self._seen or not self.total:
            return None
        since, before = self._seen[0]
        elapsed, more = _now() - since, self.done - before
        return (self.total - self.done) * elapsed / more if elapsed >= 1 and more > 0 else None

    @property
    def amount(self) -> str:
        """`1,250/20,000` or `3.2/10.0 minutes`."""
        counts = [self.done] if self.total is None else [self.done, self.total]
        shown = "/".join(f"{count:,.1f}" if isinstance(count, float) else f"{count:,}" for count in counts)
        return f"{shown} {self.unit}".rstrip()

    @property
    def time(self) -> str:
        if self.total is None or self.done >= self.total:
            return clock(_now() - self.began)
        return "" if self.left is None else f"{clock(self.left)} left"


class Lines(Bar):
    """For pipes and files: reports as lines of their own, and a sign of life from a task that reports nothing."""

    def __init__(self, what: str, total: float | None, unit: str, console: "Console"):
        super().__init__(what, total, unit)
        self._console = console
        self._spoke: float | None = None  # when
        self._unsaid = ""

    def show(self, now: float, reported: bool) -> None:
        since = now - (self.began if self._spoke is None else self._spoke)
        if reported:
            self._unsaid = self._line
        if (reported and (self._spoke is None or since >= LINE)) or (not self.text and since >= SILENCE):
            self._console.say(self._line)
            self._spoke, self._unsaid = now, ""

    def close(self) -> None:
        if self._unsaid:
            self._console.say(self._unsaid)

    @property
    def _line(self) -> str:
        return "  ".join(part for part in (f"{self.what} {self.amount}", self.time, self.text) if part)


class Drawn(Bar):
    """For terminals: the bar, how much is done and the time left; the last report in a line below."""

    def __init__(self, what: str, total: float | None, unit: str, stream: IO[str]):
        from rich.console import Console as Terminal
        from rich.live import Live

        super().__init__(what, total, unit)
        self._drawn = self.began
        self._terminal = Terminal(file=stream, force_terminal=True, highlight=False)
        # Stray output of others (a warning) goes above the bar where it would go to a terminal too.
        self._live = Live(
            console=self._terminal,
            auto_refresh=False,
            get_renderable=self._picture,
            redirect_stdout=_is_terminal(sys.stdout),
            redirect_stderr=_is_terminal(sys.stderr),
        )
        self._live.start()

    def show(self, now: float, reported: bool) -> None:
        if now - self._drawn >= REDRAW:
            self._drawn = now
            self._live.refresh()

    def say(self, text: str) -> None:
        from rich.text import Text

        self._terminal.print(Text(text), soft_wrap=True)

    def close(self) -> None:
        self._live.stop()  # which draws it once more, and leaves it

    def _picture(self) -> "RenderableType":
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        bar = ProgressBar(
            total=self.total,
            completed=self.done,
            pulse=self.total is None,
            animation_time=_now(),
            complete_style="cyan",
            finished_style="green",
            pulse_style="cyan",
        )
        table = Table.grid(padding=(0, 1), expand=True)
        for ratio in (None, 1, None, None):
            table.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
        table.add_row(Text(self.what), bar, Text(self.amount, "green"), Text(self.time, "cyan"))
        table.width = min(WIDEST, self._terminal.width)
        if not self.text:
            return table
        return Group(table, Text(self.text, "dim", no_wrap=True, overflow="ellipsis"))


class Console:
    """Where a command speaks: stdout, or stderr where stdout is for the result alone."""

    def __init__(self, quiet: bool = False, stderr: bool = False):
        self.quiet, self.stderr = quiet, stderr
        self._bar: Drawn | None = None

    def say(self, text: str) -> None:
        if not self.quiet:
            self._write(text, sys.stderr if self.stderr else sys.stdout)

    def warn(self, text: str) -> None:
        """To stderr in any case, so that it is not taken for a result."""
        if not self.quiet:
            self._write(f"warning: {text}", sys.stderr)

    @contextlib.contextmanager
    def progress(self, what: str, total: float | None, unit: str = "") -> Generator[Bar]:
        """`total` None: it is not known how much there is."""
        bar = self._open(what, total, unit)
        try:
            yield bar
        finally:
            self._close(bar)

    def data_progress(self) -> "DataProgress":
        return DataProgress(self)

    def _open(self, what: str, total: float | None, unit: str = "") -> Bar:
        stream = sys.stderr if self.stderr else sys.stdout
        what = _printable(what, stream)
        if self.quiet:
            return Bar(what, total, unit)
        if self._bar is not None or not _is_terminal(stream):
            return Lines(what, total, unit, self)
        self._bar = Drawn(what, total, unit, stream)
        return self._bar

    def _close(self, bar: Bar) -> None:
        bar.close()
        if bar is self._bar:
            self._bar = None

    def _write(self, text: str, stream: IO[str] | None) -> None:
        text = _printable(text, stream)
        if self._bar is not None and _is_terminal(stream):
            self._bar.say(text)
        else:
            print(text, file=stream, flush=True)


class Told(Protocol):
    """What a command found."""

    def as_json(self) -> dict[str, Any]: ...

    def in_words(self) -> str: ...


def answer(found: Told, json_out: bool, console: Console | None = None) -> None:
    """In words; or as the one object that stdout is for under --json."""
    if json_out:
        print(json.dumps(found.as_json()))
    else:
        (console or Console()).say(found.in_words())


class DataProgress:
    """What `data.open(progress=...)` calls with what is done, how much of it and of how much.

    A bar opens at the first call, another where `what` changes, and closes when all is done, or with the block that
    this is used in: `with console.data_progress() as progress: data.open(..., progress=progress)`.
    """

    def __init__(self, console: Console):
        self._console = console
        self._bar: Bar | None = None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        if self._bar is None or self._bar.what != what:
            self.close()
            self._bar = self._console._open(what, total)
            if isinstance(self._bar, Lines):
                self._console.say(what)
        self._bar.update(done)
        if done == total:
            self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._console._close(self._bar)
            self._bar = None

    def __enter__(self) -> "DataProgress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def clock(seconds: float) -> str:
    """`0:42`, `12:31`, `1:02:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _is_terminal(stream: IO[str] | None) -> bool:
    """Whether a bar can be redrawn there: not in a pipe, and not in a terminal that calls itself dumb."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def _printable(text: str, stream: IO[str] | None) -> str:
    """No control characters for the terminal but ends of lines, nothing the stream cannot encode."""
    escaped = "\n".join(map(printable, text.split("\n")))
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return escaped.encode(encoding, "backslashreplace").decode(encoding)
