"""A run's log is followed: each line once, as it is written, whatever happens to the file; and TensorBoard is told."""

import shutil
import sys
import threading
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import dcgan
from dcgan import files, images, logbook, tensorboard
from dcgan.folder import Folder
from support import FACES, TINY, flags, log, until


@pytest.fixture
def run(tmp_path, trained) -> Folder:
    """A run whose log is still empty."""
    (tmp_path / "run").mkdir()
    shutil.copyfile(trained / "config.json", tmp_path / "run/config.json")
    return Folder(tmp_path / "run")


def test_a_run_that_has_ended_is_told_from_beginning_to_end(trained):
    told = list(dcgan.follow(trained))
    assert told == log(trained)
    assert told[-1]["event"] == "finish"
    with pytest.raises(dcgan.UserError, match="there is no such run"):
        next(dcgan.follow(trained / "nothing"))


def test_lines_come_as_they_are_written_and_again_where_the_run_went_back(run):
    heard: list[tuple[int, int]] = []

    def listen() -> None:
        heard.extend((line["step"], line["try"]) for line in logbook.follow(run.path, every=0.002))

    with files.lock(run.lock_file, "held"):
        thread = threading.Thread(target=listen)
        for step in (1, 2, 3, 4):
            run.write(step=step, **{"try": 1})
        thread.start()
        until(lambda: len(heard) == 4, "what was there")
        run.rewind(2)  # back to the save of step 2 ...
        for step in (3, 4, 5):
            run.write(step=step, **{"try": 2})
            until(lambda step=step: heard[-1] == (step, 2), f"step {step}")
        run.rewind(3)  # ... and one that says the same again after step 3
        run.write(step=4, **{"try": 2})
        run.write(step=5, **{"try": 3})
        until(lambda: heard[-1] == (5, 3), "the third try")
        with open(run.log_file, "a") as file:
            file.write('{"step": 6, "tr')
    thread.join(10)
    assert not thread.is_alive()  # it ends with the run
    assert heard[:7] == [(1, 1), (2, 1), (3, 1), (4, 1), (3, 2), (4, 2), (5, 2)]
    assert heard[7:] in ([(5, 3)], [(4, 2), (5, 3)])  # as the look fell before or after step 4 was there again


class Heard:
    """What a writer was told."""

    def __init__(self, place: Path):
        self.place, self.told, self.closed = place, defaultdict(list), False

    def add_scalar(self, tag, value, step):
        self.told[tag].append((step, value))

    def add_image(self, tag, image, step, dataformats):
        assert dataformats == "HWC"
        self.told[tag].append((step, image))

    def add_text(self, tag, text, step):
        self.told[tag].append((step, text))

    def flush(self):
        pass

    def close(self):
        self.closed = True


def test_what_is_written(run):
    writers: list[Heard] = []
    observer = tensorboard.Observer(run, lambda place: writers.append(Heard(place)) or writers[-1])
    observer.look()
    assert writers == []  # nothing is made before there is something to say
    sheet = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    run.write(event="start", step=0, torch="2")
    run.write(event="check", step=0, diversity=0.5, dead_G=None)
    observer.look()
    (first,) = writers
    assert first.place == run.path / "tensorboard"
    assert "samples/sheet" not in first.told  # the sheet is written after its line
    files.write_whole(run.sample_file(0), images.png(sheet))
    run.write(step=5, loss_D=1.5, D_x=0.25)
    run.write(event="evaluate", step=5, score=0.125, metric="KID (lite0)")
    run.write(event="finding", step=5, name="D-won", words="D has won")
    observer.look()
    assert np.array_equal(first.told.pop("samples/sheet")[0][1], sheet)
    assert first.told == {
        "samples/diversity": [(0, 0.5)],
        "train/loss_D": [(5, 1.5)],
        "train/D_x": [(5, 0.25)],
        "score/KID_lite0": [(5, 0.125)],
        "findings": [(5, "D has won")],
    }
    files.write_whole(run.last, b"a checkpoint of step 0")
    run.rewind(0)
    run.write(step=5, loss_D=0.75)
    observer.look()
    assert first.closed
    assert writers[1].told["train/loss_D"] == [(5, 0.75)]
    assert [step for step, _ in writers[1].told["samples/sheet"]] == [0]
    observer.close()
    assert writers[1].closed


def test_a_damaged_sheet_is_passed_over_until_it_is_whole(run, monkeypatch):
    """What comes after it is told, by the thread and at the end, and training ends as it would."""
    monkeypatch.setattr(tensorboard, "EVERY", 0.002)
    writers: list[Heard] = []
    content = images.png(np.zeros((6, 6, 3), np.uint8))
    for step, bytes_ in ((0, content), (5, content[: len(content) // 2])):
        run.write(event="check", step=step, diversity=0.5)
        files.write_whole(run.sample_file(step), bytes_)
    with tensorboard.observing(run, lambda place: writers.append(Heard(place)) or writers[-1]):
        until(lambda: writers and writers[0].told["samples/sheet"], "the first sheet")
        run.write(step=6, loss_D=1.5)
        until(lambda: writers[0].told["train/loss_D"], "a line after the damage")
    assert [step for step, _ in writers[0].told["samples/sheet"]] == [0]
    files.write_whole(run.sample_file(5), content)
    observer = tensorboard.Observer(run, lambda place: writers.append(Heard(place)) or writers[-1])
    run.sample_file(5).write_bytes(content[:40])
    observer.look()
    run.sample_file(5).write_bytes(content)
    observer.look()
    assert [step for step, _ in writers[1].told["samples/sheet"]] == [0, 5]


def test_the_writer_is_closed_even_where_the_last_look_fails(run, monkeypatch):
    writers: list[Heard] = []
    begin = lambda place: writers.append(Heard(place)) or writers[-1]  # noqa: E731

    def full(self: Heard) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Heard, "flush", full)
    with pytest.raises(OSError, match="No space left"), tensorboard.observing(run, begin):
        run.write(step=5, loss_D=1.5)
    assert writers[0].closed


def test_the_command_writes_what_tensorboard_reads(cli, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    command = ("train", FACES, *flags(TINY), "--log", "tensorboard", "--sample-every", 5, "--quiet", "--out")
    for steps in (10, 15):  # the second sitting goes on
        assert cli(*command, tmp_path / "run", "--steps", steps).code == 0
    held = events.EventAccumulator(str(tmp_path / "run/tensorboard"), size_guidance={"images": 0}).Reload()
    wanted = [line for line in log(tmp_path / "run") if "event" not in line]
    assert [one.step for one in held.Scalars("train/loss_D")] == [5, 10, 15]
    assert [one.value for one in held.Scalars("train/loss_D")] == pytest.approx([line["loss_D"] for line in wanted])
    assert [one.step for one in held.Images("samples/sheet")] == [0, 5, 10, 15]
    assert held.Images("samples/sheet")[0].encoded_image_string.startswith(b"\x89PNG")
    assert len(list((tmp_path / "run/tensorboard").iterdir())) == 1


def test_without_tensorboard_nothing_is_trained(cli, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    done = cli("train", FACES, *flags(TINY), "--steps", 5, "--log", "tensorboard", "--out", tmp_path / "run")
    assert (done.code, done.err) == (
        2,
        'dcgan: --log tensorboard: tensorboard is not installed; pip install "dcgan[tensorboard]" brings it\n',
    )
    assert not (tmp_path / "run").exists()
    asked = cli("train", FACES, "--log", "wandb", "--out", tmp_path / "run")
    assert asked.err == "dcgan: --log wandb: there is no such choice; there are: tensorboard\n"
