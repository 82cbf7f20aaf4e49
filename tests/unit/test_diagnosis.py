"""What goes wrong is named: each kind provoked in a real run, said once; and nothing is said of runs that are well."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dcgan import about, checkpoint, diagnosis, doctor, planning, run
from dcgan.config import Config
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.losses import LOSSES, Loss
from support import TINY, log, told

USUAL = LOSSES["non-saturating"]


def train(out, own=None, console=None, **settings):
    settings = TINY | {"m": 16, "width": 8, "sample_every": 10, "save_every": 50, "steps": 130} | settings
    preset = settings.pop("preset", None)
    run.train(planning.plan("faces:256", out=out, preset=preset, settings=settings, own=own), console)
    return Folder(out)


def names(folder: Folder) -> list[str]:
    return [line["name"] for line in folder.findings()]


# Each provoked in a run, and silence where nothing is the matter


def swinging():
    """D is told every 20 steps to take real pictures for generated ones, and back."""
    steps = []

    def D(real, fake):
        steps.append(0)
        return USUAL.D(real, fake) if len(steps) // 20 % 2 == 0 else USUAL.D(fake, real)

    return planning.Own(loss=Loss(D, USUAL.G))


PROVOKED = {
    "D-won": {"lr": 0.0, "lr_D": 2e-2},
    "G-collapsed": {"size": 16, "optimizer": "sgd", "lr": 0.3, "lr_D": 0.3, "momentum": 0.9, "momentum_to": 0.9},
    "oscillation": {"own": swinging, "lr": 0.0, "lr_D": 3e-2, "beta2": 0.9, "steps": 230},
    "dead-units": {"size": 16, "lr": 0.05, "lr_D": 0.05, "norm_D": "none", "norm_G": "none", "activation_D": "relu"},
    "checkerboard": {"size": 16, "lr": 2e-3, "lr_D": 0.0, "norm_G": "none"},
}


@pytest.fixture(scope="module")
def ill(tmp_path_factory):
    """Runs by the finding that each is to provoke, made when asked for, and what was printed."""
    made = {}

    def get(name):
        if name not in made:
            said = []
            console = SimpleNamespace(say=said.append, progress=Console(quiet=True).progress)
            asked = dict(PROVOKED[name])
            own = asked.pop("own", lambda: None)()
            made[name] = train(tmp_path_factory.mktemp(name) / "run", own, console, **asked), said
        return made[name]

    return get


@pytest.mark.parametrize("name", PROVOKED)
def test_provoked_it_is_said_once(name, ill):
    """In the log, in the terminal, in `dcgan info`, with what to do about it."""
    folder, said = ill(name)
    (line,) = [line for line in folder.findings() if line["name"] == name]
    assert line.keys() == {"event", "name", "step", "words"}
    assert 0 < line["step"] <= folder.header().step
    assert said.count(f"step {line['step']:,}: {line['words']}") == 1
    assert sum(line["words"] in word for word in said) == 1
    assert "--" in line["words"]  # a flag that helps
    shown = about.run(folder.path)
    assert line in shown["findings"]
    assert f"  finding      step {line['step']:,}: {line['words']}" in about.run_in_words(shown)


@pytest.mark.parametrize(
    "settings",
    [{}, {"preset": "tutorial"}, {"k": 2}, {"norm_G": "none", "norm_D": "none"}, {"output": "sigmoid"}],
    ids=str,
)
def test_silent_where_all_is_well(settings, tmp_path):
    settings = {"m": 16, "width": 8, "steps": 150} | settings
    folder = train(tmp_path / "run", **settings)
    assert names(folder) == []
    assert len(folder.checks()) == 16
    assert doctor.examine(folder.path).sound


def test_under_a_paired_loss_the_margin_tells(tmp_path):
    """It is in the log there, and only there; and D wins by it."""
    folder = train(tmp_path / "run", loss="relativistic", **PROVOKED["D-won"])
    assert all("D_margin" in report for report in folder.reports())
    last = folder.reports()[-1]
    assert last["D_margin"] > 3
    logit = {name: np.log(last[name] / (1 - last[name])) for name in ("D_x", "D_Gz")}  # told as if it lay in the middle
    assert logit["D_x"] == pytest.approx(last["D_margin"] / 2, rel=1e-2)
    assert logit["D_Gz"] == pytest.approx(-last["D_margin"] / 2, rel=1e-2)
    assert "D-won" in names(folder)
    assert not any("D_margin" in report for report in train(tmp_path / "other", steps=5).reports())


def test_what_is_no_number_is_said_before_it_ends(tmp_path):
    with pytest.raises(UserError, match=r"at step 5 the losses are no numbers any more.*--recover"):
        train(tmp_path / "run", planning.Own(loss=Loss(USUAL.D, lambda fake: USUAL.G(fake) * float("nan"))))


def test_a_run_that_ended_so_is_not_called_sound(tmp_path):
    steps = []

    def G(fake):
        steps.append(0)
        return USUAL.G(fake) * (float("nan") if len(steps) > 40 else 1)

    with pytest.raises(UserError, match="at step 45 the losses are no numbers any more"):
        train(tmp_path / "run", planning.Own(loss=Loss(USUAL.D, G)), save_every=20)
    seen = doctor.examine(tmp_path / "run")
    assert [(line["name"], line["step"], line["still"]) for line in seen.findings] == [("no-number", 45, True)]
    assert not seen.sound
    assert any("--recover" in words for words in seen.advice)


# The measures


def grey(*levels, side=8):
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), side, side, 3))


def test_diversity_is_the_mean_distance_to_the_nearest():
    assert diagnosis.diversity(grey(0, 10, 30)) == pytest.approx((10 + 10 + 20) / 3, abs=1e-6)
    assert diagnosis.diversity(grey(0, 0, 200, 200)) == 0  # two pictures only, however far apart
    assert diagnosis.diversity(grey(7, 7, 7)) == 0
    noise = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 1), dtype=np.uint8)
    assert diagnosis.diversity(noise) < 0.5 * diagnosis.diversity(noise[:, ::4, ::4])  # made small, noise goes


def test_checkerboard_is_a_share_of_the_energy():
    y, x = np.mgrid[:16, :16]
    board = np.where((x + y) % 2, 1, -1)[None, :, :, None]
    stripes = np.where(x % 2, 1, -1)[None, :, :, None]
    wave = np.sin(2 * np.pi * x / 16)[None, :, :, None] * np.sqrt(2)  # of the same energy
    for pattern in (board, stripes):
        assert diagnosis.checkerboard(100 + 10 * pattern) == pytest.approx(1, abs=1e-6)
        assert diagnosis.checkerboard(100 + 10 * pattern + 10 * wave) == pytest.approx(0.5, abs=1e-6)
        assert diagnosis.checkerboard(100 + 10 * pattern + 30 * wave) == pytest.approx(0.1, abs=1e-6)
    assert diagnosis.checkerboard(100 + 10 * wave) == pytest.approx(0, abs=1e-6)
    assert diagnosis.checkerboard(grey(3, 200)) == 0


def test_a_dead_unit_gives_one_number():
    alive, late = torch.randn(4, 6, 3, 3), torch.randn(4, 4)
    alive[:, :2] = 0.7
    late[:, 0] = 0
    late[1, 1] = 9
    assert diagnosis.dead([alive]) == round(2 / 6, 4)
    assert diagnosis.dead([alive, late]) == round(2 / 6, 4)
    assert diagnosis.dead([late]) == 0.25
    assert diagnosis.dead([]) == 0


def test_samples_are_held_against_the_data():
    """Equal to the data they have diversity 1, whatever the set; of few pictures a memoriser may show some twice."""
    pictures = np.random.default_rng(1).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    data = diagnosis.Data(pictures, 32)
    twice = pictures[np.random.default_rng(2).integers(40, size=32)]
    assert 0.7 < data.check(twice)["diversity"] < 1.4  # the spread of such draws
    assert data.check(pictures[:32])["diversity"] > 1.5
    assert data.check(pictures[:1].repeat(32, 0))["diversity"] == 0
    alike = diagnosis.Data(pictures[:1], 32)
    assert alike.check(pictures[:32])["diversity"] is None  # of data that are all one picture nothing can be said
    json.dumps(data.check(twice), allow_nan=False)


# The rules, on either side of each threshold


def reports(leads, loss_D=0.7, **more):
    return [
        {
            "step": LATER + 50 * (i + 1),
            "loss_D": loss_D,
            "loss_G": 1.0,
            "D_x": 0.5 + lead / 2,
            "D_Gz": 0.5 - lead / 2,
            **more,
        }
        for i, lead in enumerate(leads)
    ]


def soon(lines):
    """The same at every tenth step of a run's beginning."""
    return [line | {"step": 10 * (i + 1)} for i, line in enumerate(lines)]


def checks(diversities=(), step=250, **more):
    usual = {"checkerboard": 0.001, "checkerboard_of_data": 0.001, "dead_G": 0.0, "dead_D": 0.0}
    return [
        {"step": step * (i + 1), "diversity": diversity, **usual, **more} for i, diversity in enumerate(diversities)
    ]


CONFIG = Config.build(steps=100_000)
LATER = 10_000  # the lines of most rules' tests begin there: what a run begins with has its own test


def found(reports=(), checks=(), config=CONFIG):
    return [finding.name for finding in diagnosis.find(config, reports, checks)]


def test_D_won_by_many_reports():
    assert found(reports([0.99] * 20, 0.002)) == ["D-won"]
    assert found(reports([0.99] * 19, 0.002)) == []
    assert found(reports([0.99] * 20, 0.004)) == []
    assert found(reports([0.99] * 40, 0.002) + reports([0.4] * 11)) == []  # it came back
    assert found(soon(reports([0.99] * 20, 0.002))) == []  # all begin so
    fading = reports([0.3] * 20, grad_G=10.0) + reports([0.99] * 20, 0.01, grad_G=0.2)
    (finding,) = diagnosis.find(CONFIG, fading, [])
    assert "its loss is 0.01, and G's gradient is 2 % of what it was" in finding.words
    behind = reports([0.3] * 20, grad_G=10.0) + reports([0.99] * 20, 0.01, grad_G=19.0)
    assert found(behind) == []  # it is told more than ever how to do better
    spike = reports([0.3] * 20, grad_G=1.0) + reports([0.3], grad_G=11.0) + reports([0.99] * 39, 0.03, grad_G=1.0)
    assert found(spike) == []
    saturated = reports([0.3] * 20, grad_G=10.0) + reports([0.93] * 20, 0.06, grad_G=0.05)  # log(1 - D(G(z)))
    assert found(saturated) == ["D-won"]
    own = CONFIG.replace(loss="own:wasserstein")  # its loss says nothing: it may be -3.2
    assert found(reports([0.99] * 40, -3.2, grad_G=1.0), config=own) == []
    assert found(reports([0.3] * 20, grad_G=1.0) + reports([0.99] * 20, -3.2, grad_G=0.001), config=own) == ["D-won"]


def test_where_only_the_margin_counts():
    """D's level is arbitrary under a paired loss: what D_x and D_Gz say does not matter."""
    even, far = ({"D_margin": margin, "D_x": 0.999, "D_Gz": 0.001} for margin in (0.2, 8.0))
    assert diagnosis.lead(even) == pytest.approx(0.0997, abs=1e-4)  # 2 P(real above generated) - 1
    assert diagnosis.lead(far) > 0.999
    low = [line | even for line in reports([0.0] * 20, 0.002)]
    assert found(low) == []
    assert found([line | far for line in low]) == ["D-won"]


def test_oscillation_is_many_swings():
    assert found(reports([0.8, -0.2] * 4)) == ["oscillation"]
    assert found(reports([0.8, -0.2] * 3)) == []  # five
    assert found(reports([0.8, 0.1] * 20)) == []  # never lost the lead
    assert found(reports([0.8, -0.2] * 20) + reports([0.5] * 100)) == []  # long ago
    slow = [0.9] * 7 + [-0.3] * 7  # 350 steps each way
    assert found(reports(slow * 3)) == []  # five
    assert found(reports(slow * 4)) == ["oscillation"]


def test_collapse_is_a_fall_or_never_a_rise():
    assert found(checks=checks([0.2, 0.9, 0.3, 0.3, 0.3])) == ["G-collapsed"]
    assert found(checks=checks([0.2, 0.9, 0.3, 0.3])) == []
    assert found(checks=checks([0.2, 0.9, 0.3, 0.55, 0.3])) == []
    assert found(checks=checks([0.9, 0.3, 0.3, 0.3])) == []  # at step 250 it was still as it began
    assert found(checks=checks([0.1] * 11)) == []  # it may still begin
    assert found(checks=checks([0.1] * 12)) == ["G-collapsed"]
    assert found(checks=checks([None] * 12)) == []
    assert found(checks=checks([0.1] * 4), config=CONFIG.replace(steps=2000)) == ["G-collapsed"]  # half of it is late


def test_stops_add_no_checks():
    """A sheet is drawn whenever the run stops: three stops in a row are one moment."""
    stopped = [check | {"step": 1251 + i} for i, check in enumerate(checks([0.3] * 3))]
    assert found(checks=checks([0.9] * 5) + stopped) == []
    assert found(checks=checks([0.9] * 5 + [0.3] * 3)) == ["G-collapsed"]


def test_sound_is_where_no_collapse_begins():
    """What lasts in runs that go on well does not keep a checkpoint from being kept; a collapse does, from its first
    sheet, also where there never was much to lose."""

    def sound(*diversities, **more):
        return diagnosis.sound(CONFIG, checks([0.0, *diversities], **more))

    assert sound()
    assert sound(0.9, 0.7)
    assert sound(0.9, 0.7, checkerboard=0.5, dead_D=0.9)
    assert not sound(0.9, 0.55)
    assert sound(0.5, 0.55)
    assert not sound(0.55, 0.05)


def test_advice_fits_the_run():
    """Rates by both names and their halves: --lr alone would raise D's; nothing that the run has, or cannot have."""

    def words(name, config, **lines):
        return next(one.words for one in diagnosis.find(config, **lines) if one.name == name)

    collapsed = {"reports": [], "checks": checks([0.9] * 3 + [0.1] * 3)}
    said = words("G-collapsed", CONFIG, **collapsed)
    assert "half the rates (--lr 0.0005 --lr-d 0.00015) and --recover" in said
    assert "another --out" in said
    assert "--augment" in said
    vae = Config.build("vae", steps=100_000, recover=True)
    said = words("G-collapsed", vae, **collapsed)
    assert not any(flag in said for flag in ("--augment", "--recover", "--lr-d"))
    board = {"reports": [], "checks": checks([0.9] * 12, checkerboard=0.5)}
    assert "--up nearest" in words("checkerboard", CONFIG, **board)
    assert "--up" not in words("checkerboard", CONFIG.replace(up="nearest"), **board)
    dead = {"reports": [], "checks": checks([0.9] * 5, dead_D=0.9)}
    assert "--activation-d" not in words("dead-units", CONFIG, **dead)  # it leaks already
    assert "--activation-d leaky" in words("dead-units", CONFIG.replace(activation_D="relu"), **dead)
    assert "--beta1" not in words(
        "oscillation", CONFIG.replace(optimizer="sgd"), reports=reports([0.8, -0.2] * 4), checks=[]
    )


def test_units_and_checkerboards():
    assert found(checks=checks([0.9] * 4, dead_G=0.5)) == ["dead-units"]
    assert found(checks=checks([0.9] * 4, dead_D=0.49)) == []
    assert found(checks=checks([0.9] * 3, dead_D=0.9)) == []
    assert found(checks=checks([0.9] * 12, checkerboard=0.0081)) == ["checkerboard"]
    assert found(checks=checks([0.9] * 12, checkerboard=0.0079)) == []
    assert found(checks=checks([0.9] * 11, checkerboard=0.5)) == []  # all begin so
    assert found(checks=checks([0.9] * 12, checkerboard=0.0019, checkerboard_of_data=0.0)) == []  # not to be seen


# --recover


DIVERGES = {"optimizer": "sgd", "lr": 0.8, "lr_D": 0.8, "momentum": 0.9, "momentum_to": 0.9, "width": 4}


@pytest.fixture(scope="module")
def recovered(tmp_path_factory):
    return train(tmp_path_factory.mktemp("recovered") / "run", recover=True, save_every=20, **DIVERGES)


def test_recover(recovered):
    """Each time back to a sound checkpoint, with steps half as large; counted in the State and in its file."""
    lines = [line for line in recovered.lines() if line.get("event") == "recover"]
    assert {line["name"] for line in lines} == {"no-number", "G-collapsed"}
    assert [line["recoveries"] for line in lines] == list(range(1, len(lines) + 1))
    assert all(line["step"] < line["at"] and line["step"] % 20 == 0 for line in lines)
    assert recovered.header().recoveries == len(lines)
    assert recovered.header().step == 130
    steps = [line["step"] for line in recovered.lines()]
    assert steps == sorted(steps)  # each step stands once
    words = "\n".join(about.run_in_words(about.run(recovered.path)))
    assert f"it went back to step {lines[0]['step']:,}" in words
    assert "went back" in doctor.examine(recovered.path).in_words()


def test_killed_while_it_goes_back(tmp_path, monkeypatch):
    """At any moment of it, the checkpoint and the log are of one run: what is on record was trained on."""
    rewind, moments = Folder.rewind, []

    def killed(folder, step):
        if folder.last.is_file() and folder.header().recoveries:
            moments.append(folder.header().step)
            raise KeyboardInterrupt
        rewind(folder, step)

    monkeypatch.setattr(Folder, "rewind", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", recover=True, save_every=20, **DIVERGES)
    monkeypatch.setattr(Folder, "rewind", rewind)
    done = train(tmp_path / "run", recover=True, save_every=20, **DIVERGES)
    steps = [line["step"] for line in done.reports()]
    assert moments
    assert steps == list(range(steps[0], 131, steps[1] - steps[0]))  # each once, none is missing


def test_the_best_checkpoint_survives_going_back(tmp_path, monkeypatch):
    """The scores of the way that was left are forgotten; what was kept for its score says it itself."""
    scores = iter([0.1, *[0.9] * 100])

    class Score:
        def __init__(self, *_):
            pass

        def __call__(self, model):
            return next(scores)

    monkeypatch.setattr("dcgan.session.score.Score", Score)
    done = train(tmp_path / "run", recover=True, save_every=20, evaluate_every=10, **DIVERGES)
    assert done.header().recoveries
    best = checkpoint.read_header(done.best)
    assert (best.step, best.score) == (10, 0.1)


def test_recovery_halves_the_step_and_changes_the_noise():
    from dcgan import algorithm

    c = Config(size=(8, 8), channels=3, width=4, lr=1e-3, lr_D=4e-4)
    state, drawn = algorithm.fresh(c), []
    for recoveries, scale in ((0, 1), (1, 0.5), (3, 0.125)):
        state.recoveries = recoveries
        algorithm.begin_step(c, state)
        assert state.opt_G.param_groups[0]["lr"] == pytest.approx(scale * 1e-3, rel=1e-12)
        assert state.opt_D.param_groups[0]["lr"] == pytest.approx(scale * 4e-4, rel=1e-12)
        drawn.append(torch.rand(8).tolist())
    assert drawn[0] != drawn[1] != drawn[2] != drawn[0]


def test_it_gives_up_in_the_end(tmp_path):
    bad = planning.Own(loss=Loss(USUAL.D, lambda fake: USUAL.G(fake) * float("nan")))
    with pytest.raises(UserError, match="at step 5, after 5 recoveries, the losses are no numbers any more"):
        train(tmp_path / "run", bad, recover=True)


def test_recover_is_asked_for_too_late(tmp_path):
    """A run that has collapsed and kept no other checkpoint has nowhere to go back to; it is left as it is."""
    folder = train(tmp_path / "run", **PROVOKED["G-collapsed"])
    before = [file.read_bytes() for file in (folder.last, folder.config_file, folder.log_file)]
    with pytest.raises(UserError, match=r"--recover: .*run shows a collapse already, and no earlier"):
        train(folder.path, recover=True, steps=260, **PROVOKED["G-collapsed"])
    assert [file.read_bytes() for file in (folder.last, folder.config_file, folder.log_file)] == before
    assert not folder.sound.exists()


def test_it_goes_back_to_the_best_where_that_is_what_was_kept(tmp_path, monkeypatch):
    """Of a run that has collapsed and stays so, whatever this machine's bits make of it: its diversity is set."""
    monkeypatch.setattr("dcgan.session.score.Score", lambda *_: lambda model: float(model.header.step))  # first is best
    check = diagnosis.Data.check
    monkeypatch.setattr(diagnosis.Data, "check", lambda *told: check(*told) | {"diversity": 0.01})
    folder = train(tmp_path / "run", evaluate_every=5)
    assert "G-collapsed" in names(folder)
    gone_on = train(folder.path, recover=True, steps=150, evaluate_every=5)
    first = next(line for line in gone_on.lines() if line.get("event") == "recover")
    assert (first["step"], first["recoveries"]) == (5, 1)
    assert about.run(folder.path)["best"]["step"] == 5


def test_a_run_that_ended_goes_on_with_recover(tmp_path):
    """The same command and --recover, as the sentence says."""
    with pytest.raises(UserError, match="--recover"):
        train(tmp_path / "run", **DIVERGES, save_every=5)
    assert train(tmp_path / "run", recover=True, **DIVERGES, save_every=5).header().recoveries > 0


# dcgan doctor


def test_doctor(ill, cli):
    folder, _ = ill("D-won")
    done = cli("doctor", folder.path)
    assert done.code == 0
    assert done.out.startswith(f"{folder.path}, step 130: something is the matter\n")
    assert "-> it seldom comes back from there: train anew, in another --out, with a lower rate of D" in done.out
    seen = cli("doctor", folder.path, "--json").json
    assert seen["sound"] is False
    assert "D-won" in [line["name"] for line in seen["findings"] if line["still"]]
    assert seen["signs"]["D's loss"]["now"] < diagnosis.WON
    assert seen["advice"]


def test_doctor_tells_what_is_gone(tmp_path, trained):
    import shutil

    folder = Folder(shutil.copytree(trained, tmp_path / "run"))
    folder.write(event="finding", name="D-won", step=10, words="D has won: it tells all apart; lower --lr-d")
    for step, score in ((10, 0.1), (30, 0.2)):
        folder.write(event="evaluate", step=step, score=score, metric="KID (lite0)")
    seen = doctor.examine(folder.path)
    assert seen.sound is None  # six reports are too few to tell
    assert seen.in_words().startswith(f"{folder.path}, step 30: too little to tell\n")
    assert seen.as_json()["sound"] is None
    assert "D has won: it tells all apart; since then it is gone" in seen.in_words()
    assert seen.score == {"best": 0.1, "last": 0.2, "step_of_best": 10, "metric": "KID (lite0)"}
    assert any("it was better at step 10" in words for words in seen.advice)


def test_doctor_of_a_run_without_a_log(tmp_path):
    from untrained import write

    folder = write(tmp_path / "run")
    seen = doctor.examine(folder.path)
    assert seen.sound is None
    assert "its log holds 0 reports" in seen.advice[0]
    header, tensors = checkpoint.read(folder.last)
    checkpoint.write(folder.last, tensors, dataclasses.replace(header, origin="netG.pth"))
    seen = doctor.examine(folder.path)
    assert seen.sound is None
    assert seen.advice[0] == "it was imported (netG.pth), and its training is not on record"


def test_checks_stand_in_the_log(trained):
    assert [line["step"] for line in log(trained) if line.get("event") == "check"] == [0, 10, 20, 30]
    assert not [line for line in told(trained) if line.get("event") in ("finding", "recover")]
