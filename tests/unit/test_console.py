"""What a person sees: in a terminal (a pseudo-terminal, whose screen is kept below), in a pipe, and when quiet."""

import io
import os
import re
import struct
import subprocess
import sys
import threading

import pytest

from dcgan import console as module
from dcgan.console import Console, clock

WIDTH, HEIGHT = 90, 24


@pytest.fixture
def at(monkeypatch):
    """A clock that stands still until it is set."""
    now = [1000.0]
    monkeypatch.setattr(module, "_now", lambda: now[0])

    def set_to(seconds: float) -> None:
        now[0] = 1000.0 + seconds

    return set_to


def screen(output: str) -> list[str]:
    """What a terminal shows after this output: enough of one for what is sent here, and an error for anything else."""
    rows, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[\??\d*(?:;\d+)*[A-Za-z]|\r|\n|[^\x1b\r\n]+|\x1b", output):
        if part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0
            rows += [""] * (row + 1 - len(rows))
        elif part.startswith("\x1b"):
            assert part != "\x1b", "an escape that is none of these"
            kind = part[-1]
            if kind == "A":
                row -= int(part[2:-1] or 1)
            elif kind == "K":
                assert part == "\x1b[2K"
                rows[row] = ""
            else:
                assert kind == "m" or part in ("\x1b[?25l", "\x1b[?25h"), part
        else:
            for letter in part:
                if column == WIDTH:
                    row, column = row + 1, 0
                    rows += [""] * (row + 1 - len(rows))
                rows[row] = rows[row][:column].ljust(column) + letter + rows[row][column + 1 :]
                column += 1
    return [line.rstrip() for line in rows]


class Terminal:
    """stdout (and stderr) become one end of a pseudo-terminal; `output` is what came out of the other."""

    def __init__(self, monkeypatch, stdout=True, stderr=True, kind="xterm-256color"):
        fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
        for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", kind)
        monkeypatch.setenv("COLUMNS", str(WIDTH))
        monkeypatch.setenv("LINES", str(HEIGHT))
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self._stream = os.fdopen(theirs, "w", encoding="utf-8", buffering=1)
        self._read = bytearray()
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()
        if stdout:
            monkeypatch.setattr(sys, "stdout", self._stream)
        if stderr:
            monkeypatch.setattr(sys, "stderr", self._stream)

    def _drain(self) -> None:
        while True:
            try:
                more = os.read(self._ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                return
            if not more:
                return
            self._read += more

    def close(self) -> str:
        self._stream.close()
        self._reader.join()
        os.close(self._ours)
        return self._read.decode()


def test_a_bar_in_a_terminal_says_what_how_much_and_how_long(monkeypatch, at):
    terminal = Terminal(monkeypatch)
    with Console().progress("training", 20_000) as bar:
        bar.update(0)
        at(10)
        bar.update(5_000, "loss_D 0.61  loss_G 1.32  D(x) 0.71  D(G(z)) 0.28  412 images/s")
    shown = terminal.close()
    first, second, *rest = screen(shown)
    assert re.fullmatch(r"training [━╸╺]+ 5,000/20,000 0:30 left", first)
    assert len(first) == WIDTH
    assert second == "loss_D 0.61  loss_G 1.32  D(x) 0.71  D(G(z)) 0.28  412 images/s"
    assert not any(rest)
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor is back


def test_what_is_said_meanwhile_stands_above_the_bar(monkeypatch, at):
    terminal = Terminal(monkeypatch)
    console = Console()
    with console.progress("training", 100) as bar:
        for step in range(0, 101, 10):
            at(step)
            bar.update(step, f"loss_D 0.{step}")
            if step == 50:
                console.say("/a path with words/" + "x" * 100)
                console.warn("careful")
                print("somebody else", file=sys.stderr)
    console.say("done")
    path, rest, careful, other, bar, report, done, *empty = screen(terminal.close())
    assert path + rest == "/a path with words/" + "x" * 100
    assert (careful, other, report, done) == ("warning: careful", "somebody else", "loss_D 0.100", "done")
    assert re.fullmatch(r"training [━╸╺]+ 100/100 1:40", bar)
    assert not any(empty)


def test_a_bar_is_closed_by_an_error(monkeypatch):
    terminal = Terminal(monkeypatch)
    console = Console()

    def drawing():
        with console.progress("drawing", 3) as bar:
            bar.update(1)
            raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        drawing()
    print("said after", file=sys.stderr)
    shown = terminal.close()
    assert shown.index("\x1b[?25h") < shown.index("said after")
    assert screen(shown)[1] == "said after"


def test_a_bar_is_drawn_at_most_so_often(monkeypatch, at):
    terminal = Terminal(monkeypatch)
    with Console().progress("training", 10_000) as bar:
        for step in range(10_000):
            at(step / 1000)
            bar.update(step, f"step {step}")
    drawn = terminal.close().count("training")
    assert 10 / module.REDRAW - 2 <= drawn <= 10 / module.REDRAW + 3


def test_a_long_report_is_cut_in_a_terminal_and_whole_in_a_pipe(monkeypatch, capsys, at):
    with Console().progress("training", 10) as bar:
        bar.update(1, "x" * 300)
    assert "x" * 300 + "\n" in capsys.readouterr().out
    terminal = Terminal(monkeypatch)
    with Console().progress("training", 10) as bar:
        bar.update(1, "x" * 300)
    assert screen(terminal.close())[1] == "x" * (WIDTH - 1) + "…"


@pytest.mark.parametrize("kind", ["dumb", "unknown"])
def test_a_terminal_that_cannot_redraw_gets_lines(monkeypatch, kind):
    terminal = Terminal(monkeypatch, kind=kind)
    with Console().progress("training", 10) as bar:
        bar.update(5, "loss_D 0.61")
    assert terminal.close() == "training 5/10  loss_D 0.61\r\n"


def test_each_stream_is_judged_by_itself(monkeypatch, capsys):
    """stdout in a pipe and stderr on a terminal, as under `dcgan train --json | jq`."""
    terminal = Terminal(monkeypatch, stdout=False)
    with Console(stderr=True).progress("training", 10) as bar:
        bar.update(5, "loss_D 0.61")
    with Console().progress("drawing", 10) as bar:
        bar.update(5, "half")
    shown = screen(terminal.close())
    assert shown[0].startswith("training ━")
    assert "drawing" not in "".join(shown)
    assert capsys.readouterr().out == "drawing 5/10  half\n"


def test_reports_are_lines_in_a_pipe_and_not_too_many(capsys, at):
    with Console().progress("training", 20_000) as bar:
        for step in range(100, 1_001, 100):
            at(step / 500)  # five reports a second
            bar.update(step, f"loss_D 0.{step}")
            bar.update(step + 1)  # which is no report
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "training 100/20,000  loss_D 0.100",
        "training 600/20,000  0:39 left  loss_D 0.600",
        "training 1,000/20,000  0:38 left  loss_D 0.1000",  # the last report is never lost,
    ]


def test_a_task_that_reports_nothing_gives_a_sign_of_life(capsys, at):
    with Console().progress("choosing", None) as bar:
        for second in range(25):
            at(second)
            bar.update(second)
    assert capsys.readouterr().out.splitlines() == ["choosing 10  0:10", "choosing 20  0:20"]


def test_no_line_is_printed_between_reports(capsys, at):
    with Console().progress("training", 1000) as bar:
        for second in range(101):
            at(second)
            bar.update(second, "loss_D 0.61" if second % 50 == 0 else None)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["0/1,000", "50/1,000", "100/1,000"]


def test_minutes(capsys, at):
    with Console().progress("training", 10.0, "minutes") as bar:
        bar.update(0.0)
        at(60)
        bar.update(1.0, "loss_D 0.61")
    assert capsys.readouterr().out == "training 1.0/10.0 minutes  9:00 left  loss_D 0.61\n"


def test_time_left_goes_by_the_pace_of_late_and_not_by_what_another_sitting_did(at):
    bar = module.Bar("training", 10_000, "")
    bar.update(5_000)  # a resumed run
    at(10)
    bar.update(5_100)
    assert bar.left == pytest.approx(490)
    for second in range(10, 1000):
        at(second)
        bar.update(5_100 + (second - 10))  # slower: one a second
    assert bar.left == pytest.approx(10_000 - bar.done, rel=1e-6)


def test_time_left_is_not_guessed_from_nothing(at):
    bar = module.Bar("training", 100, "")
    assert bar.left is None
    bar.update(0)
    at(0.5)
    bar.update(10)
    assert bar.left is None  # half a second is no pace
    at(5)
    bar.update(0)
    assert bar.left is None  # nor is standing still
    assert bar.time == ""


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (42.4, "0:42"), (59.6, "1:00"), (751, "12:31"), (3599.7, "1:00:00"), (36_000, "10:00:00")],
)
def test_clock(seconds, shown):
    assert clock(seconds) == shown


def test_quiet_is_silent(capsys, at):
    console = Console(quiet=True)
    console.say("something")
    console.warn("something else")
    with console.progress("training", 10) as bar, console.data_progress() as progress:
        bar.update(5, "loss_D 0.61")
        at(100)
        progress("preparing faces", 0, 10)
        bar.update(6, "loss_D 0.60")
    assert capsys.readouterr() == ("", "")


def test_stderr_leaves_stdout_alone(capsys):
    console = Console(stderr=True)
    console.say("something")
    console.warn("something else")
    with console.progress("training", 10) as bar:
        bar.update(5, "loss_D 0.61")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "something\nwarning: something else\ntraining 5/10  loss_D 0.61\n"


def test_warnings_are_no_results(capsys):
    Console().warn("12 files were skipped")
    assert capsys.readouterr() == ("", "warning: 12 files were skipped\n")


@pytest.mark.parametrize(
    ("encoding", "said", "printed"),
    [
        ("utf-8", "Grüße [bold] :smile: \t|", "Grüße [bold] :smile: \t|"),
        ("utf-8", "two\nlines", "two\nlines"),
        ("ascii", "Grüße", r"Gr\xfc\xdfe"),
        ("cp1252", "Grüße 猫", r"Grüße \u732b"),
        ("utf-8", "not-utf8-\udcff.png", r"not-utf8-\udcff.png"),
        ("utf-8", "\x1b[2Jgone\r\x07\x9b", r"\x1b[2Jgone\r\x07\x9b"),
    ],
)
def test_any_file_name_can_be_said(monkeypatch, encoding, said, printed):
    """An undecodable one ends no run, and one with escape sequences does nothing to the terminal."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    Console().say(said)
    assert raw.getvalue().decode(encoding) == printed + "\n"
    stream.detach()


def test_no_stdout_at_all_is_no_error(monkeypatch):
    """A Windows program without a console has none."""
    monkeypatch.setattr(sys, "stdout", None)
    console = Console()
    console.say("something")
    with console.progress("training", 10) as bar:
        bar.update(5, "loss_D 0.61")


def test_data_progress_in_a_terminal(monkeypatch, at):
    terminal = Terminal(monkeypatch)
    console = Console()
    with console.data_progress() as progress:
        progress("waiting for another process that prepares faces", 0, 1000)
        for done in range(0, 1001, 100):
            at(done / 100)
            progress("preparing faces", done, 1000)
        console.say("said below, as all is done")
    waited, prepared, said, *empty = screen(terminal.close())
    assert re.fullmatch(r"waiting for another process that prepares faces [━╸╺]+ 0/1,000", waited)
    assert re.fullmatch(r"preparing faces [━╸╺]+ 1,000/1,000 0:10", prepared)
    assert said == "said below, as all is done"
    assert not any(empty)


def test_data_progress_is_closed_by_an_error(monkeypatch):
    terminal = Terminal(monkeypatch)

    def preparing():
        with Console().data_progress() as progress:
            progress("preparing faces", 1, 10)
            raise ValueError("broke")

    with pytest.raises(ValueError, match="broke"):
        preparing()
    shown = terminal.close()
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1


def test_data_progress_in_a_pipe(capsys, at):
    progress = Console().data_progress()
    for second in range(26):
        at(second)
        progress("preparing faces", 40 * second, 1000)
    assert capsys.readouterr().out.splitlines() == [
        "preparing faces",
        "preparing faces 400/1,000  0:15 left",
        "preparing faces 800/1,000  0:05 left",
    ]


def test_nothing_heavy_is_imported_until_a_bar_is_drawn():
    heavy = (
        "import sys, dcgan.console; print([m for m in ('rich', 'torch', 'matplotlib', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout == "[]\n"
