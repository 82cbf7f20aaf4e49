"""Stopping a training, and going on with it, from the page: what can go wrong. (tests/e2e has what goes right.)"""

import os
import platform
import signal
import sys
import textwrap

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


def test_who_was_asked_is_not_asked_again(folder, killed):
    for sitting in (1, 2):  # of one process, as in a notebook
        with files.lock(folder.lock_file, "held"):
            os.utime(folder.lock_file, (sitting, sitting))
            control.stop(folder)
            control.stop(folder)  # from another tab
        assert killed == [(os.getpid(), signal.SIGTERM)] * sitting


@pytest.mark.skipif(os.name == "nt", reason="there a signal ends a process as it is")
@pytest.mark.parametrize("stops", [0, 1, 2])
def test_what_is_being_saved_is_saved(stops, folder, tmp_path, monkeypatch):
    """Stopped in the page, then the studio ends: the trainer would take a second signal as \"leave at once\"."""
    code = f"""
        import signal, sys, time
        from pathlib import Path
        from dcgan import files
        place, asked = Path({str(tmp_path)!r}), []
        signal.signal(signal.SIGTERM, lambda *what: sys.exit(1) if asked else asked.append(what))
        with files.lock({str(folder.lock_file)!r}, "held"):
            while not asked:
                time.sleep(0.01)
            (place / "saving").touch()
            time.sleep(0.5)
            (place / "saved").touch()
    """
    popen, words = control.subprocess.Popen, [sys.executable, "-c", textwrap.dedent(code)]
    monkeypatch.setattr(control.subprocess, "Popen", lambda _, **rest: popen(words, **rest))
    trainings = control.Trainings()
    trainings.go_on(folder)
    until(lambda: files.holder(folder.lock_file), "it trains")
    for _ in range(stops):
        control.stop(folder)
        until((tmp_path / "saving").exists, "it has heard")
    trainings.end()
    assert (tmp_path / "saved").exists()


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
    until(lambda: trainings.trouble(folder), "it has ended again")
    with files.lock(folder.lock_file, "held"):  # it is trained from a terminal, unseen
        pass
    assert trainings.trouble(folder) is None
    trainings.go_on(folder)
    with files.lock(folder.lock_file, "held"):  # someone else came first
        until(lambda: not trainings.starting(folder), "it has ended again")
        assert trainings.trouble(folder) is None
