"""Resume at every step equals never having stopped, in everything that a run writes; and what else leaves no trace.

Runs of a few steps in this process, with every kind of randomness that training knows.
"""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan import planning, plots, run, session
from dcgan.folder import Folder
from support import FACES, TINY, differing, reports

STEPS = 6
SMALL = TINY | {"report_every": 2, "sample_every": 3, "save_every": 1}
VARIANTS = {
    "default": {},
    "bf16": {"precision": "bf16"},
    "paper": {"preset": "paper"},
    "tutorial, minimax": {"preset": "tutorial", "loss": "minimax"},
    "goodfellow: dropout, momentum": {"preset": "goodfellow", "data": FACES, "momentum_steps": 4, "channels": 1},
    "mnist: classes, fading": {"preset": "mnist", "data": "numbers:24", "dense": 6, "fade_from": 2, "fade_to": 9},
    "k = 2, moved pictures": {"k": 2, "mirror": True, "translate": 2},
    "fewer pictures than m": {"data": "faces:5", "mirror": True},
    "augmented": {"augment": True, "mirror": True},
    "spectral norm, pairs, penalties": {
        "norm_D": "spectral",
        "loss": "relativistic",
        "r1": 1.0,
        "r2": 0.5,
        "penalty_every": 2,
        "augment": True,
    },
    "max-pool, nearest, dense": {"down": "max-pool", "up": "nearest", "dense": 6},
    "no average, no norm": {"ema": 0.0, "norm_G": "none", "norm_D": "none", "z": "normal"},
}


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch):
    """They show the clock, and take longer than all the rest."""
    monkeypatch.setattr(plots, "losses", lambda *_: b"curves")


def train(out: Path, steps: int = STEPS, **asked) -> Path:
    asked = {"data": FACES, "steps": steps} | SMALL | asked
    data, preset = asked.pop("data"), asked.pop("preset", None)
    assert run.train(planning.plan(data, out=out, preset=preset, settings=asked)) == 0
    return out


def written(folder: Path) -> dict[str, object]:
    """All of a run that is not the clock's."""
    files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    for name in ("log.jsonl", "checkpoints/last.safetensors"):
        files.pop(name)
    return {name: file.read_bytes() for name, file in files.items()} | {"reports": reports(folder)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_resume_at_every_step(variant, tmp_path, monkeypatch):
    """Killed at any step, with what it had written since: as if after the save, before the save, or in between."""
    saves, save = {}, session.Session.save

    def remember(sitting, *rest):
        save(sitting, *rest)
        saves[sitting.state.step] = sitting.folder.last.read_bytes()

    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "save", remember)
        straight = train(tmp_path / "straight", **VARIANTS[variant])
    assert list(saves) == [1, 2, 3, 4, 5, 6]
    for step in range(1, STEPS):
        killed = shutil.copytree(straight, tmp_path / f"killed-{step}")
        (killed / "checkpoints" / "last.safetensors").write_bytes(saves[step])
        train(killed, **VARIANTS[variant])
        assert differing(killed, straight) == []
        assert written(killed) == written(straight)


def test_resume_through_recoveries(tmp_path, monkeypatch):
    """Killed before it went back, or after: where it goes back to is the same, and how often it did is remembered."""
    settings = {"optimizer": "sgd", "lr": 0.8, "lr_D": 0.8, "momentum": 0.9, "momentum_to": 0.9, "recover": True}
    settings |= {"sample_every": 5, "save_every": 5, "report_every": 5, "width": 8}
    saves, save = [], session.Session.save

    def remember(sitting, path):
        save(sitting, path)
        if path == sitting.folder.last:
            sound = sitting.folder.sound.read_bytes()
            saves.append((sitting.state.step, path.read_bytes(), sound, sitting.folder.log_file.read_bytes()))

    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "save", remember)
        straight = train(tmp_path / "straight", 60, **settings)
    recovered = [line["step"] for line in Folder(straight).findings() if line["event"] == "recover"]
    assert recovered
    for i, (_, last, sound, log) in enumerate(saves[:-1:3]):
        killed = shutil.copytree(straight, tmp_path / f"killed-{i}")
        (killed / "checkpoints" / "last.safetensors").write_bytes(last)
        (killed / "checkpoints" / "sound.safetensors").write_bytes(sound)
        (killed / "log.jsonl").write_bytes(log)
        train(killed, 60, **settings)
        assert differing(killed, straight) == []
        assert written(killed) | {"checkpoints/sound.safetensors": b""} == written(straight) | {
            "checkpoints/sound.safetensors": b""
        }  # its clock
        assert Folder(killed).header().recoveries == Folder(straight).header().recoveries == len(recovered)


@pytest.mark.parametrize("variant", ["default", "goodfellow: dropout, momentum", "mnist: classes, fading"])
def test_more_steps_never_change_the_past(variant, tmp_path):
    straight = train(tmp_path / "straight", **VARIANTS[variant], report_every=3)
    longer = train(tmp_path / "longer", 3, **VARIANTS[variant], report_every=3)
    first = {file.name: file.read_bytes() for file in (longer / "samples").iterdir()}
    train(longer, 6, **VARIANTS[variant], report_every=3)
    assert differing(longer, straight) == []
    assert written(longer) == written(straight)
    assert first.items() <= {file.name: file.read_bytes() for file in (straight / "samples").iterdir()}.items()


@settings(max_examples=3)
@given(stops=st.lists(st.integers(1, 11), unique=True, max_size=5).map(sorted))
def test_stopped_at_any_steps(stops, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    straight = train(folder / "straight", 12)
    for steps in (*stops, 12):
        train(folder / "stopped", steps)
    assert differing(folder / "stopped", straight) == []


def test_reports_samples_and_saves_leave_no_trace(tmp_path):
    """Batch norm's statistics for use are computed at each of them, and training never reads those."""
    rarely = {"report_every": 1000, "sample_every": 1000, "save_every": 1000}
    always = {"report_every": 1, "sample_every": 1, "save_every": 1}
    assert differing(train(tmp_path / "rarely", **rarely), train(tmp_path / "always", **always)) == []


def test_another_seed_is_another_run(tmp_path):
    """... in every tensor: what is compared above could differ."""
    one, other = (train(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    moved = differing(one, other)
    for network in ("G", "D", "G_ema"):
        assert f"{network}.hidden.0.linear.weight" in moved or f"{network}.project.linear.weight" in moved
    assert any(name.startswith("opt_G.") for name in moved)
    assert any(name.startswith("opt_D.") for name in moved)
    assert written(one)["samples/000006.png"] != written(other)["samples/000006.png"]
