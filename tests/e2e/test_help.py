"""Help comes at once, and without importing what trains."""

import os
import subprocess
import sys
import time

import pytest

from dcgan.cli import app
from support import command

VERBS = ["", *sorted(verb for verb in app if not verb.startswith("-"))]
LIMIT = 0.4 * (3 if os.environ.get("CI") else 1)  # s, of a processor
HEAVY = {"torch", "numpy", "PIL", "matplotlib", "safetensors", "scipy", "onnx"}


def processor(words: list[str]) -> float:
    """Seconds of a processor that a command takes: what it would take by the clock on a quiet machine."""
    if os.name != "posix":
        began = time.perf_counter()
        subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_quick(verb):
    """Under 0.4 s, best of five: the least that it takes is the same however busy the machine is."""
    words = command(*verb.split(), "--help")
    taken = []
    for _ in range(5):
        taken.append(processor(words))
        if taken[-1] < LIMIT:
            return
    pytest.fail(f"{' '.join(words)}: {min(taken):.2f} s at the least")


def test_help_imports_nothing_heavy():
    """... nor does asking for what is not there."""
    code = (
        "import sys, contextlib, io\n"
        "from dcgan.cli import main\n"
        f"for verb in {VERBS!r}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()) as out: main([*verb.split(), '--help'])\n"
        "    assert 'Usage: dcgan ' + verb in out.getvalue(), verb\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stderr(io.StringIO()): main(['train', '--lrr'])\n"
        f"print(sorted({HEAVY!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize(("verb", "point"), [("sample", "0.5*12 + 0.5*40"), ("invert", "0.5*#NAME + 0.5*17")])
def test_points_are_shown_as_they_are_typed(verb, point):
    """Not as the emphasis that Markdown makes of two asterisks."""
    shown = subprocess.run(command(verb, "--help"), capture_output=True, text=True, check=True).stdout
    assert point in " ".join(shown.replace("│", " ").split())
