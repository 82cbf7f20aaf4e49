"""What all tests share: a cache and a working folder of their own, tiny trained runs, the command called in process.

Tests repeat: hypothesis tries the same examples each time, and no test is judged by the clock.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import dcgan
from dcgan import files
from dcgan.errors import UserError
from support import FACES, TINY, Result, start

hypothesis.settings.register_profile("dcgan", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("dcgan")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all of pytest-xdist's workers."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session", autouse=True)
def _apart(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test touches the user's cache, or writes into the folder that pytest was started in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DCGAN_CACHE", str(shared / "cache"))
        patch.setenv("PYTHONPATH", str(Path(dcgan.__file__).parents[1]))  # in processes of their own too
        patch.chdir(tmp_path_factory.mktemp("cwd"))
        yield


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """The folder `path`, made by the first worker that wants it while the others wait."""
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(files.lock(path.with_name(path.name + ".lock"), "held"))
                break
            except UserError:
                time.sleep(0.1)
        if not path.with_name(path.name + ".made").exists():
            make(path)
            path.with_name(path.name + ".made").touch()
    return path


@pytest.fixture(scope="session")
def trained(shared: Path) -> Path:
    """A finished run on faces, 16 px. Not to be changed: copy it."""

    def make(path: Path) -> None:
        settings = TINY | {"size": 16, "steps": 30, "sample_every": 10, "save_every": 10}
        dcgan.train(FACES, out=path, quiet=True, **settings)

    return made_once(shared / "trained", make)


@pytest.fixture(scope="session")
def classes(shared: Path) -> Path:
    """A finished conditional run on house numbers, 8 px: ten classes. Not to be changed: copy it."""

    def make(path: Path) -> None:
        dcgan.train("numbers:48", out=path, quiet=True, conditional=True, steps=10, **TINY)

    return made_once(shared / "classes", make)


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """The command in this process: `cli("info", run)`."""
    from dcgan.cli import main

    def call(*words: Any) -> Result:
        capfd.readouterr()
        code = 0
        try:
            main([str(word) for word in words])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture
def dcgan_process() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the command in processes of its own, and ends those that a failed test leaves."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: Any, **options: Any) -> subprocess.Popen[str]:
        started.append(start(*words, **options))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def dcgan_command(dcgan_process: Callable[..., subprocess.Popen[str]]) -> Callable[..., Result]:
    """The same, waited for."""

    def call(*words: Any, **options: Any) -> Result:
        process = dcgan_process(*words, **options)
        out, err = process.communicate(timeout=400)
        return Result(process.returncode, out, err)

    return call
