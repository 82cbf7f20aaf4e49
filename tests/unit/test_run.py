"""Round the loop: where a run is written, when it goes on, what stops it, and what is left when something does."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import dcgan
from dcgan import checkpoint, files, memory, planning, run, sample, session
from dcgan.config import Config
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.losses import LOSSES, Loss
from support import FACES, TINY, differing, log, reports, told, tree

HERE = threading.current_thread() is threading.main_thread()


def train(out, data=FACES, own=None, console=None, **settings):
    return run.train(planning.plan(data, out=out, settings=TINY | settings, own=own), console)


def at_step(step, do):
    """The usual loss, with something that happens at a step (counted from where this sitting begins; 0: nothing)."""
    usual, seen = LOSSES["non-saturating"], []

    def G(fake):
        seen.append(fake)
        return do(usual.G(fake)) if len(seen) == step else usual.G(fake)

    return planning.Own(loss=Loss(usual.D, G))


def keep(value):
    return value


def test_a_run_s_files(trained):
    assert sorted(os.listdir(trained)) == [
        ".lock",
        "checkpoints",
        "config.json",
        "log.jsonl",
        "losses.png",
        "samples",
        "timelapse.webp",
    ]
    assert os.listdir(trained / "checkpoints") == ["last.safetensors"]
    assert sorted(os.listdir(trained / "samples")) == [f"0000{step:02d}.png" for step in (0, 10, 20, 30)]


def test_its_log(trained):
    lines = told(trained)
    assert [line.get("event") for line in lines] == ["start", *[None] * 6, "finish"]
    for step, line in zip(range(5, 31, 5), lines[1:-1], strict=True):
        assert list(line) == [
            "step",
            "images",
            "seconds",
            "images_per_s",
            "loss_D",
            "loss_G",
            "D_x",
            "D_Gz",
            "grad_G",
        ]
        assert (line["step"], line["images"]) == (step, 8 * step)
        assert 0 < line["D_x"] < 1
        assert 0 < line["D_Gz"] < 1
    seconds = [line["seconds"] for line in lines[1:-1]]
    assert seconds == sorted(seconds)
    for before, line in zip([0, *seconds], lines[1:-1], strict=False):
        taken = 5 * 8 / line["images_per_s"]
        assert line["seconds"] - before == pytest.approx(taken, abs=0.0011)  # rounded to a millisecond at both ends


def test_the_clock_stands_while_it_samples_and_saves(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    watch = session.Watch(7.0)
    now[0] += 50
    assert watch.seconds == 7
    with watch:
        now[0] += 2
        assert watch.seconds == 9
        with watch.paused():
            now[0] += 50
            assert watch.seconds == 9
        now[0] += 1
    now[0] += 50
    assert watch.seconds == 10


def test_speed_is_that_of_training_alone(tmp_path, monkeypatch):
    """A step takes a second by this clock; a sample and a save a thousand each."""
    now = [0]
    monkeypatch.setattr(session, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    for name, slow in (("sample", session.Session.sample), ("save", session.Session.save)):

        def slowly(sitting, *rest, slow=slow):
            now[0] += 1000
            slow(sitting, *rest)

        monkeypatch.setattr(session.Session, name, slowly)
    usual = LOSSES["non-saturating"]

    def a_second(fake):
        now[0] += 1
        return usual.G(fake)

    own = planning.Own(loss=Loss(usual.D, a_second))
    train(tmp_path, own=own, steps=12, sample_every=2, save_every=3)
    assert [(line["seconds"], line["images_per_s"]) for line in told(tmp_path)[1:-1]] == [(5, 8), (10, 8), (12, 8)]
    assert Folder(tmp_path).header().seconds == 12
    train(tmp_path, own=own, steps=15)
    finish = log(tmp_path)[-1]
    assert (finish["event"], finish["step"], finish["seconds"]) == ("finish", 15, 15)
    assert finish["memory"] > 50 << 20  # torch alone takes more


def test_where_it_goes_by_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert planning.plan(FACES, settings=TINY).folder.path == Path("runs/faces-8")
    assert planning.plan(FACES, settings=TINY | {"size": (8, 16)}).folder.path == Path("runs/faces-8x16")
    assert os.listdir(tmp_path) == []


def test_a_run_goes_on_with_its_own_settings(tmp_path, monkeypatch):
    """What is not asked for again holds, how the pictures are prepared among it: with --out and without."""
    monkeypatch.chdir(tmp_path)
    settings = TINY | {"fit": "squash", "channels": 1, "k": 2}
    plan = planning.plan(FACES, settings=settings | {"steps": 2})
    assert run.train(plan) == 0
    prepared = sorted(os.listdir(os.path.join(os.environ["DCGAN_CACHE"], "prepared")))
    for again in (
        planning.plan(FACES, settings={"size": 8, "steps": 9}),
        planning.plan(None, out=plan.folder.path, settings={"steps": 9}),
    ):
        assert again.config == plan.config.replace(steps=9)
        assert again.folder.path == plan.folder.path
        assert again.dataset.fingerprint == plan.dataset.fingerprint
    assert sorted(os.listdir(os.path.join(os.environ["DCGAN_CACHE"], "prepared"))) == prepared  # not once more


def test_length_is_what_was_asked_last(tmp_path):
    assert train(tmp_path, steps=2) == 0
    assert planning.plan(out=tmp_path).config.steps == 2
    assert planning.plan(out=tmp_path, settings={"minutes": 3.0}).config.steps is None
    assert planning.plan(out=tmp_path, preset="default", settings=TINY | {"steps": 5}).config.steps == 5
    assert planning.plan(FACES, settings=TINY).config.steps == planning.DEFAULT_STEPS
    assert planning.plan(FACES, preset="paper", settings=TINY | {"minutes": 3.0}).config.steps is None


def test_changed_options_are_named(tmp_path):
    train(tmp_path / "run", steps=1)
    with pytest.raises(UserError) as caught:
        train(tmp_path / "run", steps=1, k=5, width_D=8, size=(8, 16))
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: size: the checkpoint has 8, you asked for 8x16; width-d: the checkpoint has none, you "
        "asked for 8; k: the checkpoint has 1, you asked for 5; leave that out to go on, or choose another --out"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("report_every", 3),
        ("sample_every", 7),
        ("save_every", 2),
        ("timelapse", "gif"),
        ("device", "cpu"),
        ("precision", "bf16"),
        ("threads", 2),
        ("steps", 6),
    ],
)
def test_options_that_may_change(name, value, trained):
    plan = planning.plan(out=trained, settings={name: value})
    assert plan.config == Folder(trained).config().replace(**{name: value})
    assert plan.config != Folder(trained).config()


def test_a_run_killed_as_it_began_begins_again(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    (tmp_path / "run" / ".config.json.abc.part").write_text("{")
    assert train(tmp_path / "run", steps=1) == 0
    assert not list(tmp_path.rglob("*.part"))


def test_a_finished_run_says_so_and_is_left_alone(trained, tmp_path, capsys):
    shutil.copytree(trained, tmp_path / "run")
    before = left_alone(tmp_path)
    for asked in ({}, {"steps": 20}):
        assert train(tmp_path / "run", None, console=Console(), size=16, **asked) == 0
        assert capsys.readouterr().out == (
            f"{tmp_path / 'run'} is finished: 30 steps. To train on, ask for more --steps.\n"
        )
    assert left_alone(tmp_path) == before


def left_alone(folder):
    """All but the lock, in which whoever holds it writes that it does."""
    return {name: about for name, about in tree(folder).items() if Path(name).name != ".lock"}


@pytest.mark.parametrize("left", ["nothing", "losses.png", "timelapse.webp"])
def test_a_run_killed_at_its_end_is_finished_then(left, trained, tmp_path):
    again = shutil.copytree(trained, tmp_path / trained.name)  # losses.png is entitled with it
    for name in {"losses.png", "timelapse.webp"} - {left}:
        (again / name).unlink()
    text = (again / "log.jsonl").read_text()
    (again / "log.jsonl").write_text(text[: text.rindex('{"event": "finish"')])
    assert train(again, None, size=16) == 0
    assert [line["event"] for line in told(again) if "event" in line] == ["start", "resume", "finish"]
    for name in ("losses.png", "timelapse.webp"):
        assert (again / name).read_bytes() == (trained / name).read_bytes()


def test_a_sheet_that_was_damaged_since_is_left_out(trained, tmp_path):
    again = shutil.copytree(trained, tmp_path / "run")
    sheets = sorted((again / "samples").iterdir())
    os.truncate(sheets[1], 100)
    (again / "timelapse.webp").unlink()
    text = (again / "log.jsonl").read_text()
    (again / "log.jsonl").write_text(text[: text.rindex('{"event": "finish"')])
    assert train(again, None, size=16) == 0
    assert (again / "timelapse.webp").stat().st_size


def test_timelapse_as_gif_on_request(trained, tmp_path):
    from PIL import Image

    shutil.copytree(trained, tmp_path / "run")
    assert train(tmp_path / "run", None, size=16, timelapse="gif") == 0
    for name in ("timelapse.webp", "timelapse.gif"):
        with Image.open(tmp_path / "run" / name) as moving:
            assert moving.n_frames == 4
            assert moving.size == (146, 146)  # 8 x 8 of 16 px with 2 between


def test_minutes(tmp_path):
    """It trains for so long, over all its sittings; asked for more, it goes on."""
    assert train(tmp_path / "run", minutes=0.01, report_every=1) == 0
    first = reports(tmp_path / "run")[-1]["step"]
    seconds = told(tmp_path / "run")[-2]["seconds"]
    assert 0.6 <= seconds < 3  # the step that crosses the line is finished
    assert planning.plan(out=tmp_path / "run").config.steps is None
    assert Folder(tmp_path / "run").finished()
    assert train(tmp_path / "run", minutes=0.02) == 0
    assert reports(tmp_path / "run")[-1]["step"] > first
    assert 1.2 <= told(tmp_path / "run")[-2]["seconds"] < 4


@pytest.mark.skipif(not HERE, reason="signals come to the main thread")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on(number, tmp_path, capsys):
    def interrupt(value):
        signal.raise_signal(number)
        return value

    own = at_step(7, interrupt)
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    assert train(tmp_path / "run", own=own, console=Console(), steps=12) == number
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
    out = capsys.readouterr().out
    assert "stopping after this step; once more to leave at once\n" in out
    assert out.endswith("stopped and saved at step 7. To go on, run the same command again.\n")
    assert Folder(tmp_path / "run").header().step == 7
    assert reports(tmp_path / "run")[-1]["step"] == 7
    assert (tmp_path / "run" / "samples" / "000007.png").exists()
    assert train(tmp_path / "run", own=at_step(0, keep), steps=12) == 0
    train(tmp_path / "straight", own=at_step(0, keep), steps=12)
    assert differing(tmp_path / "run", tmp_path / "straight") == []


@pytest.mark.skipif(not HERE, reason="signals come to the main thread")
@pytest.mark.parametrize(("number", "leaves"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
@pytest.mark.parametrize("saved", [0, 5])
def test_a_second_signal_leaves_at_once(saved, number, leaves, tmp_path):
    def interrupt(value):
        signal.raise_signal(number)
        signal.raise_signal(number)
        pytest.fail("it went on")

    with pytest.raises(leaves) as caught:
        train(tmp_path / "run", own=at_step(7, interrupt), steps=12, save_every=saved or 100)
    assert getattr(caught.value, "code", 143) == 143
    if saved:
        assert Folder(tmp_path / "run").header().step == 5
    else:
        assert not (tmp_path / "run").exists()


def test_two_trainers(tmp_path):
    train(tmp_path / "run", steps=1)
    with files.lock(tmp_path / "run" / ".lock", "free"), pytest.raises(UserError) as caught:
        train(tmp_path / "run", steps=5)
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: another process is training this run; wait for it, stop it, or choose another --out"
    )
    assert Folder(tmp_path / "run").header().step == 1


def test_two_trainers_that_start_at_once(tmp_path):
    """The one that comes too late, into a folder just made, does not take the other's away."""
    plan = planning.plan(FACES, out=tmp_path / "run", settings=TINY)
    with files.lock(tmp_path / "run" / ".lock", "free"):
        with pytest.raises(UserError, match="another process is training this run"):
            run.train(plan)
        assert os.listdir(tmp_path / "run") == [".lock"]


@pytest.mark.parametrize("saved", [0, 5])
def test_what_is_left_when_something_breaks(saved, tmp_path):
    def explode(value):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path / "new" / "run", own=at_step(7, explode), steps=12, save_every=saved or 100)
    assert (tmp_path / "new").exists() == bool(saved)
    if saved:
        assert train(tmp_path / "new" / "run", own=at_step(0, keep), steps=12) == 0
        assert [line["step"] for line in reports(tmp_path / "new" / "run")] == [5, 10, 12]


def test_a_folder_that_was_there_stays(tmp_path):
    def explode(value):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path, own=at_step(1, explode), steps=12)
    assert tmp_path.exists()
    assert train(tmp_path, own=at_step(0, keep), steps=1) == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_networks_that_have_diverged(bad, tmp_path):
    """The run ends with what it saved before, and does not save what is no number."""
    with pytest.raises(UserError) as caught:
        train(tmp_path / "run", own=at_step(7, lambda value: value * bad), steps=99, save_every=2, report_every=50)
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: at step 8 the losses are no numbers any more: the networks have diverged; go on from the "
        "last sound checkpoint with smaller steps (the same command and --recover), or train anew, in another --out, "
        "with half the rates (--lr 0.0005 --lr-d 0.00015)"
    )
    header, tensors = checkpoint.read(Folder(tmp_path / "run").last)
    assert header.step == 6
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux alone tells it this way")
def test_the_peak_is_the_process_s_own():
    """Linux's getrusage counts, of a program that was started, what its starter held too."""
    ask = "from dcgan import memory; print(memory.peak('cpu'))"
    start = (
        "import subprocess, sys, numpy\n"
        "held = numpy.ones(1_000_000_000 // 8)\n"
        f"subprocess.run([sys.executable, '-c', {ask!r}], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", start], check=True, capture_output=True, text=True)
    assert 50e6 < int(done.stdout) < 800e6


def test_too_little_memory_is_a_sentence():
    config = Config(size=(8, 8), m=8, width=4)
    sentence = "--m 8, --width 4: at 8 they need more memory than there is"
    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory")):
        with pytest.raises(UserError, match=sentence), memory.enough(config):
            raise error
    with pytest.raises(RuntimeError, match="shapes"), memory.enough(config):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    for words in ("an illegal memory access was encountered", "unsupported memory format option"):
        with pytest.raises(RuntimeError, match=words), memory.enough(config):
            raise RuntimeError(words)


def test_a_warm_start(trained, tmp_path):
    """Another run's weights, and nothing else of it: no step, no moments, no clock."""
    _, theirs = checkpoint.read(Folder(trained).last)
    settings = {"size": 16, "lr": 0.001, "loss": "minimax", "steps": 1}
    for start in (trained, Folder(trained).last):
        plan = planning.plan(FACES, out=tmp_path / "run", settings=TINY | settings, warm=start)
        state, seconds = run._start(plan, "cpu")
        assert (state.step, seconds) == (0, 0.0)
        assert not state.opt_G.state
        assert not state.opt_D.state
        assert state.opt_G.param_groups[0]["lr"] == 0.001
        for name in ("G", "D", "G_ema"):
            for key, tensor in getattr(state, name).state_dict().items():
                assert torch.equal(tensor, theirs[f"{name}.{key}"])
    assert run.train(plan) == 0
    assert log(tmp_path / "run")[0]["from"] == str(Folder(trained).last)
    drawn = (tmp_path / "run" / "samples" / "000000.png").read_bytes()
    assert Pixels(drawn) == Pixels((trained / "samples" / "000030.png").read_bytes())


def test_a_warm_start_goes_on_as_any_run_does(trained, tmp_path):
    """The same command again: what it began from need not be there any more."""
    other = shutil.copytree(trained, tmp_path / "other")
    settings = TINY | {"size": 16, "lr": 0.001}
    for steps in (5, 10):
        assert (
            run.train(planning.plan(FACES, out=tmp_path / "run", settings=settings | {"steps": steps}, warm=other)) == 0
        )
        shutil.rmtree(other, ignore_errors=True)
    assert [line["event"] for line in told(tmp_path / "run") if "event" in line] == ["start", "resume", "finish"]


def Pixels(png):
    import io

    from PIL import Image

    return Image.open(io.BytesIO(png)).tobytes()


def test_samples_on_the_way_are_what_sample_draws(trained):
    """The same seeds each time, and the same pictures as from the saved run."""
    from dcgan import images

    drawn = dcgan.load(trained).sample(range(64))
    assert Pixels(images.png(images.grid(drawn))) == Pixels((trained / "samples" / "000030.png").read_bytes())
    assert sample.sample_seeds(Config(size=(512, 512))) == list(range(4))


def test_threads_are_given_back(tmp_path):
    before = torch.get_num_threads()
    train(tmp_path / "run", steps=1, threads=2 if before == 1 else 1)
    assert torch.get_num_threads() == before


def test_off_the_main_thread(tmp_path):
    """A notebook or a web page may train in a thread, where no signal can be caught."""
    done = []
    thread = threading.Thread(target=lambda: done.append(train(tmp_path / "run", steps=2)))
    thread.start()
    thread.join()
    assert done == [0]


@pytest.mark.parametrize(
    ("settings", "said"), [({}, True), ({"augment": True}, False), ({"preset": "vae"}, False)], ids=str
)
def test_few_pictures_are_said_to_be_few(settings, said, tmp_path):
    """Once, as the run begins, where there is something to do about it."""
    for steps, again in ((2, said), (4, False)):
        heard = []
        console = SimpleNamespace(say=heard.append, progress=Console(quiet=True).progress)
        asked = TINY | {"m": 8, "steps": steps} | settings
        preset = asked.pop("preset", None)
        run.train(planning.plan("faces:48", out=tmp_path / "run", preset=preset, settings=asked), console)
        few = "48 pictures are few, and D may learn them by heart: try --augment"
        assert (few in heard) is again


def test_a_run_moves_to_another_machine(tmp_path, monkeypatch):
    """Where the processor there has no bf16 the run says that it is slow so, and may change as it goes on."""
    heard = []
    console = SimpleNamespace(say=heard.append, progress=Console(quiet=True).progress)

    def go_on(steps, **asked):
        heard.clear()
        run.train(planning.plan("faces:48", out=tmp_path / "run", settings={"steps": steps} | asked), console)
        line = next(
            one for one in reversed(list(Folder(tmp_path / "run").lines())) if one.get("event") in ("start", "resume")
        )
        return line["precision"], line["threads"], any(said.startswith("bf16 is slow here") for said in heard)

    monkeypatch.setattr(session.networks, "has_bf16", lambda device: True)
    assert go_on(2, **TINY | {"precision": "auto"}) == ("bf16", 1, False)
    monkeypatch.setattr(session.networks, "has_bf16", lambda device: False)
    assert go_on(4) == ("bf16", 1, True)
    assert go_on(6, precision="float32", threads=2) == ("float32", 2, False)
    assert go_on(8) == ("float32", 2, False)
