"""What `import dcgan` offers: the command's verbs as functions, and a loss, an optimizer or networks of one's own."""

import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from torch import nn

import dcgan
from dcgan.config import Config
from dcgan.errors import UserError
from dcgan.folder import Folder
from support import FACES, TINY, differing, flags, log, reports


def train(out, data=FACES, **asked):
    return dcgan.train(data, out=out, quiet=True, **TINY | {"steps": 4} | asked)


def test_all_that_it_offers():
    assert set(dcgan.__all__) == {"Loss", "Model", "UserError", "follow", "load", "train"}
    for name in dcgan.__all__:
        assert getattr(dcgan, name) is not None
    with pytest.raises(AttributeError, match="module 'dcgan' has no attribute 'Trainer'"):
        _ = dcgan.Trainer


def test_importing_it_is_light():
    """Numbers, pictures and networks are imported when they are used."""
    code = "import sys, dcgan; print([m for m in ('torch', 'numpy', 'PIL', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_train_is_what_the_command_does(tmp_path, cli):
    made = train(tmp_path / "api", save_every=2)
    assert isinstance(made, dcgan.Model)
    assert cli("train", FACES, *flags(TINY), "--steps", 4, "--save-every", 2, "--out", tmp_path / "cli").code == 0
    assert differing(tmp_path / "api", tmp_path / "cli") == []
    assert Folder(tmp_path / "api").config() == Folder(tmp_path / "cli").config()
    for use in (made, dcgan.load(tmp_path / "api"), dcgan.load(str(tmp_path / "cli"))):
        assert np.array_equal(use.sample([17]), made.sample([17]))


def test_it_goes_on_and_says_so(tmp_path, capsys):
    train(tmp_path)
    assert capsys.readouterr().out == ""
    dcgan.train(out=tmp_path, steps=6)
    assert f"{tmp_path}: 48 pictures of 8x8, on cpu, on from step 4\n" in capsys.readouterr().out
    assert [line["step"] for line in log(tmp_path) if "event" not in line] == [4, 5, 6]


def test_settings_are_checked(tmp_path):
    for asked, sentence in (
        ({"witdh": 5}, "setting 'witdh': there is no such setting; did you mean 'width'?"),
        ({"m": 1.5}, "--m 1.5: it must be a whole number"),
        ({"size": "50"}, "--size 50: the generator doubles"),
        ({"loss": "wgan"}, "--loss wgan: there is no such choice"),
        ({"optimizer": "lion"}, "--optimizer lion: there is no such choice"),
        ({"loss": 3}, "loss 3: it must be dcgan.Loss(D, G), two functions of logits, or a name"),
        ({"loss": nn.functional.mse_loss}, "loss <function mse_loss"),
        ({"optimizer": 3}, "optimizer 3: it must be a function of the parameters, or a name"),
        ({"networks": (nn.Linear,)}, "networks: they must be a pair (G, D) of classes, or functions, of the Config"),
    ):
        with pytest.raises(UserError) as caught:
            train(tmp_path / "run", **asked)
        assert str(caught.value).startswith(sentence)
    assert not (tmp_path / "run").exists()


def test_arrays(tmp_path, cli, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 1), np.uint8)
    settings = TINY | {"steps": 4}
    settings.pop("size")
    made = dcgan.train(pictures, quiet=True, **settings)
    run = made.folder.path
    assert run == tmp_path.__class__("runs/array-8")
    assert made.sample([1]).shape == (1, 8, 8, 1)
    with pytest.raises(UserError, match="this run was made with other pictures"):
        dcgan.train(255 - pictures, out=run, steps=6, quiet=True)
    result = cli("train", "--out", run, "--steps", 6)
    assert (result.code, result.err) == (
        2,
        "dcgan: --data own:array: this run was begun in Python with pictures handed over as an array, which its folder "
        "does not hold; go on there, with dcgan.train(array, out=...)\n",
    )
    assert dcgan.train(pictures, out=run, steps=6, quiet=True).header.step == 6


def half(real, fake):
    """Mao et al. (2017): least squares."""
    return 0.5 * ((real - 1) ** 2).mean() + 0.5 * (fake**2).mean()


def other_half(fake):
    return 0.5 * ((fake - 1) ** 2).mean()


def test_a_loss_of_one_s_own(tmp_path, cli):
    squares = dcgan.Loss(D=half, G=other_half)
    train(tmp_path / "run", loss=squares, steps=2)
    made = train(tmp_path / "run", loss=squares)
    train(tmp_path / "straight", loss=squares)
    train(tmp_path / "usual")
    assert made.config.loss == "own:other_half"
    assert differing(tmp_path / "run", tmp_path / "straight") == []
    assert differing(tmp_path / "run", tmp_path / "usual")
    assert reports(tmp_path / "run")[0]["loss_D"] == pytest.approx(0.5, abs=0.3)  # at first D is near 0 on both
    # the command draws from it, and cannot train it on
    assert cli("sample", tmp_path / "run").code == 0
    for words in (
        ["train", "--out", tmp_path / "run", "--steps", 9],
        ["train", "--out", tmp_path / "run", "--dry-run"],
    ):
        result = cli(*words)
        assert (result.code, result.err) == (
            2,
            "dcgan: --loss own:other_half: this run was begun in Python with a loss of its own, which its folder does "
            "not hold; go on there, with dcgan.train(..., out=..., loss=...)\n",
        )
    with pytest.raises(UserError, match="loss: the checkpoint has own:other_half, you asked for minimax"):
        train(tmp_path / "run", loss="minimax")
    with pytest.raises(UserError, match="you asked for own:half"):
        train(tmp_path / "run", loss=dcgan.Loss(half, half))


def rms(parameters):
    return torch.optim.RMSprop(parameters, lr=1e-3)


def test_an_optimizer_of_one_s_own(tmp_path, cli):
    train(tmp_path / "run", optimizer=rms, steps=2)
    made = train(tmp_path / "run", optimizer=rms)
    train(tmp_path / "straight", optimizer=rms)
    assert made.config.optimizer == "own:rms"
    assert differing(tmp_path / "run", tmp_path / "straight") == []
    assert cli("train", "--out", tmp_path / "run", "--steps", 9).err.startswith(
        "dcgan: --optimizer own:rms: this run was begun in Python with an optimizer of its own, "
    )


def test_its_schedules_hold_for_it_too(tmp_path):
    rates = []

    class Noted(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            super().step()

    train(tmp_path, optimizer=lambda parameters: Noted(parameters, lr=0.01), fade_from=1, fade_to=5)
    assert rates[::2] == pytest.approx([0.01, 0.01, 0.0075, 0.005])


class MyG(nn.Module):
    """The least that a generator may be."""

    def __init__(self, config: Config):
        super().__init__()
        self.shape = (config.channels, *config.size)
        self.linear = nn.Linear(config.z_dim, int(np.prod(self.shape)))

    def forward(self, z, y=None):
        return self.linear(z).tanh().view(-1, *self.shape)


class MyD(nn.Module):
    def __init__(self, config: Config):
        super().__init__()
        self.norm = nn.BatchNorm1d(config.channels * config.size[0] * config.size[1])
        self.linear = nn.Linear(self.norm.num_features, 1)

    def forward(self, x, y=None):
        return self.linear(self.norm(x.flatten(1))).squeeze(1)


def test_networks_of_one_s_own(tmp_path, cli):
    mine = (MyG, MyD)
    train(tmp_path / "run", networks=mine, steps=2)
    made = train(tmp_path / "run", networks=mine)
    train(tmp_path / "straight", networks=mine)
    assert differing(tmp_path / "run", tmp_path / "straight") == []
    drawn = made.sample(range(3))
    assert drawn.shape == (3, 8, 8, 3)
    assert np.array_equal(dcgan.load(tmp_path / "run", networks=mine).sample(range(3)), drawn)
    # torch's own batch norm keeps running statistics, and is used with them: no picture depends on its neighbours
    assert np.array_equal(made.score(drawn)[:1], made.score(drawn[:1]))
    with pytest.raises(UserError, match=r"features: this run's own discriminator has no maps\(x, y\)"):
        made.features(drawn)
    with pytest.raises(UserError) as caught:
        dcgan.load(tmp_path / "run")
    sentence = (
        f"{tmp_path / 'run'}: it was trained with networks of your own (own:MyG); load it in Python with "
        "dcgan.load(..., networks=(G, D))"
    )
    assert str(caught.value) == sentence
    assert cli("sample", tmp_path / "run").err == f"dcgan: {sentence}\n"
    assert cli("train", "--out", tmp_path / "run", "--steps", 9).err.startswith(
        "dcgan: --network own:MyG: this run was begun in Python with networks of its own, "
    )
    assert cli("info", tmp_path / "run").code == 0
    assert cli("info", tmp_path / "run", "--figure", tmp_path / "a.png").code == 2
    with pytest.raises(UserError, match="its D does not fit"):
        dcgan.load(tmp_path / "run", networks=(MyG, MyG))


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread")
@pytest.mark.parametrize(("number", "leaves"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_stopped(number, leaves, tmp_path):
    """All is saved; the program that called ends as one that was stopped, and the same call goes on."""
    armed = [number]

    def interrupted(fake):
        if armed:
            signal.raise_signal(armed.pop())
        return other_half(fake)

    own = dcgan.Loss(half, interrupted)
    with pytest.raises(leaves):
        train(tmp_path, loss=own)
    assert Folder(tmp_path).header().step == 1
    assert train(tmp_path, loss=own).header.step == 4
