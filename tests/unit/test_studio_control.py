"""Stopping a training, and going on with it, from the page: what can go wrong. (tests/e2e has what goes right.)"""

import os
import platform
import signal
import sys

import pytest

from dcgan import files
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.studio import control
from support import until


@pytest.fixture
def folder(tmp_path, trained):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.json").write_bytes((trained / "config.json").read_bytes())
    return Folder(tmp_path / "run")


@pytest.fixture
def killed(monkeypatch):
    """Nobody is; who would have been, is told."""
    told = []
    monkeypatch.setattr(os, "kill", lambda *what: told.append(what))
    return told


def test_only_who_trains_it_is_stopped(folder, killed):
    with pytest.raises(UserError, match="nothing trains it now"):
        control.stop(folder)
    folder.lock_file.write_bytes(f"\n{os.getpid()} {platform.node()}".encode())  # as one leaves it who was killed
    with pytest.raises(UserError, match="nothing trains it now"):
        control.stop(folder)
    assert killed == []
    with files.lock(folder.lock_file, "held"):
        control.stop(folder)
        assert killed == [(os.getpid(), signal.SIGTERM)]
        folder.lock_file.write_bytes(f"\n{os.getpid()} another".encode())  # the folder is shared
        with pytest.raises(UserError, match="it is trained on another machine, another; stop it there"):
            control.stop(folder)
        folder.lock_file.write_bytes(b"")
        with pytest.raises(UserError, match="does not say who it is"):
            control.stop(folder)
    assert len(killed) == 1


@pytest.mark.parametrize("number", [0, -1, 1])
def test_a_number_that_means_many_is_no_process(number, folder, killed):
    with files.lock(folder.lock_file, "held"):
        folder.lock_file.write_bytes(f"\n{number} {platform.node()}".encode())
        with pytest.raises(UserError, match="does not say who it is"):
            control.stop(folder)
    assert killed == []


def test_one_that_is_trained_is_not_trained_twice(folder):
    trainings = control.Trainings()
    with files.lock(folder.lock_file, "held"), pytest.raises(UserError, match="it is being trained already"):
        trainings.go_on(folder)


def test_pictures_from_python_are_not_here(folder):
    text = folder.config_file.read_text().replace('"faces:48"', '"own:array"')
    folder.config_file.write_text(text)
    with pytest.raises(UserError, match="its pictures came from a Python program"):
        control.Trainings().go_on(folder)


def test_what_a_training_says_last_is_kept(folder, monkeypatch):
    trainings = control.Trainings()
    code = "import sys; print('dcgan: it was so', file=sys.stderr); sys.exit(2)"
    popen = control.subprocess.Popen
    monkeypatch.setattr(control.subprocess, "Popen", lambda words, **rest: popen([sys.executable, "-c", code], **rest))
    trainings.go_on(folder)
    with pytest.raises(UserError, match="being trained already"):
        trainings.go_on(folder)
    until(lambda: trainings.trouble(folder), "it has ended")
    assert trainings.trouble(folder) == "it was so"
    assert not trainings.starting(folder)
    trainings.go_on(folder)  # once more
    assert trainings.trouble(folder) is None
    trainings.end()
