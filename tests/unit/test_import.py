"""What cannot be imported, and what is said of it; nothing in a stranger's file is run, and nothing is left behind."""

import itertools
import os
import pickle
import sys
import types
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import untrained
from dcgan import planning
from dcgan.cli import main
from dcgan.errors import UserError
from dcgan.export import importing, layouts


def their_G(depth=1, width=3, channels=3, z=5, root="main."):
    """A generator's state dict in the tutorial's layout."""
    shapes = {}
    maps = [z, *(width * 2**i for i in reversed(range(depth))), channels]
    for i, (a, b) in enumerate(itertools.pairwise(maps)):
        shapes[f"{root}{3 * i}.weight"] = (a, b, 4, 4)
        if i < depth:
            shapes |= {f"{root}{3 * i + 1}.{part}": (b,) for part in layouts.NORM}
    return {key: torch.rand(shape) for key, shape in shapes.items()}


def their_D(depth=1, width=3, channels=3):
    shapes = {"main.0.weight": (width, channels, 4, 4)}
    for i in range(1, depth):
        b = width * 2**i
        shapes[f"main.{3 * i - 1}.weight"] = (b, b // 2, 4, 4)
        shapes |= {f"main.{3 * i}.{part}": (b,) for part in layouts.NORM}
    return {
        key: torch.rand(s)
        for key, s in (shapes | {f"main.{3 * depth - 1}.weight": (1, width << depth - 1, 4, 4)}).items()
    }


def write(path, held):
    torch.save(held, path)
    return path


def refused(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    seen = capsys.readouterr()
    assert (left.value.code, seen.out) == (2, "")
    assert seen.err.startswith("dcgan: ")
    assert seen.err.count("\n") == 1
    return seen.err.removeprefix("dcgan: ").strip()


def succeeds(capsys, *words):
    main([str(word) for word in words])
    return capsys.readouterr().out


# A file that wants to run code


class Attack:
    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (self.trace,)


@pytest.mark.parametrize("how", ["zip", "protocol 2", "protocol 4", "beside tensors"])
def test_a_pickle_that_would_run_code_is_refused_and_did_not_run(how, tmp_path, capsys):
    file, trace = tmp_path / "netG.pth", tmp_path / "it ran"
    held = {"main": Attack(str(trace))} | (their_G() if how == "beside tensors" else {})
    if how.startswith("protocol"):
        file.write_bytes(pickle.dumps(held, int(how[-1])))
    else:
        torch.save(held, file)
    said = refused(capsys, "import", file, "--out", tmp_path / "run")
    assert "nothing in the file was run" in said
    assert "protocol 4" in how or "mkdir" in said
    assert os.listdir(tmp_path) == ["netG.pth"]
    with suppress(RuntimeError):  # the attack is a real one
        torch.load(file, weights_only=False)
    assert trace.is_dir()


def test_a_whole_module_is_refused_with_the_remedy(tmp_path, capsys):
    said = refused(capsys, "import", write(tmp_path / "netG.pth", torch.nn.Linear(2, 2)))
    assert "torch.nn.modules.linear.Linear" in said
    assert "torch.save(netG.state_dict(), ...)" in said


@pytest.mark.parametrize("module", ["models.utils.config", "pytorch_lightning.utilities.parsing"])
def test_bags_of_settings_beside_the_tensors_do_no_harm(module, tmp_path, monkeypatch):
    """pytorch_GAN_zoo keeps an object of its own in each checkpoint, and so did Lightning."""
    name = "BaseConfig" if module.startswith("models") else "AttributeDict"
    kind = type(name, (dict,) if name == "AttributeDict" else (), {"__module__": module})
    for part in (".".join(module.split(".")[: i + 1]) for i in range(module.count(".") + 1)):
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    setattr(sys.modules[module], name, kind)
    settings = kind()
    if name == "AttributeDict":
        settings["latent_dim"] = 5
    else:
        settings.lossCriterion = "DCGAN"
    write(tmp_path / "netG.pth", {"config": settings, "netG": their_G()})
    monkeypatch.undo()
    assert importing.import_run([tmp_path / "netG.pth"], tmp_path / "run").z_dim == 5


def test_a_generator_without_a_last_function_is_refused(tmp_path, monkeypatch):
    kind = type("BaseConfig", (), {"__module__": "models.utils.config"})
    for part in ("models", "models.utils", "models.utils.config"):
        monkeypatch.setitem(sys.modules, part, types.ModuleType(part))
    sys.modules["models.utils.config"].BaseConfig = kind
    settings = kind()
    settings.lossCriterion = "WGANGP"
    write(tmp_path / "zoo.pth", {"config": settings, "netG": their_G()})
    monkeypatch.undo()
    with pytest.raises(UserError, match="trained as a WGAN-GP, with nothing after G's last layer"):
        importing.import_run([tmp_path / "zoo.pth"], tmp_path / "run")


# Files that are something else


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello, this is a letter", "torch cannot read it"),
        (b"", "torch cannot read it (EOFError)"),
        (b"\x20\0\0\0\0\0\0\0{not json at all.............", "it is damaged"),
    ],
)
def test_what_is_no_checkpoint_is_said_to_be_none(content, said, tmp_path, capsys):
    (tmp_path / "netG.pth").write_bytes(content)
    assert said in refused(capsys, "import", tmp_path / "netG.pth", "--out", tmp_path / "run")
    assert os.listdir(tmp_path) == ["netG.pth"]


def test_a_file_cut_short(tmp_path, capsys):
    file = write(tmp_path / "netG.pth", their_G())
    file.write_bytes(file.read_bytes()[:-1000])
    assert "torch cannot read it (RuntimeError: PytorchStreamReader" in refused(capsys, "import", file)


def test_no_file_and_a_file_that_is_not_there(tmp_path, capsys):
    assert "no file is named" in refused(capsys, "import")
    assert "No such file" in refused(capsys, "import", tmp_path / "netG.pth")


def test_our_own_checkpoints_need_no_import(tmp_path):
    folder = untrained.write(tmp_path / "run")
    with pytest.raises(UserError, match="it is a checkpoint of dcgan's own; every verb takes it as it is"):
        importing.import_run([folder.last], tmp_path / "again")


# Other networks: what was expected, what was found


def test_a_near_layout_is_named_with_what_differs(tmp_path):
    held = their_G(depth=2) | {"main.0.bias": torch.zeros(6)}
    del held["main.4.running_var"]
    with pytest.raises(UserError) as said:
        importing.import_run([write(tmp_path / "netG.pth", held)], tmp_path / "run")
    assert str(said.value) == (
        f"{tmp_path / 'netG.pth'}: no DCGAN that dcgan knows; found main.0.weight [5, 6, 4, 4], main.1.weight [6], "
        "main.1.bias [6], main.1.running_mean [6] and 7 more; expected, as nearest, a generator of 16 pixels as "
        "pytorch/examples, its tutorial or huggan writes it, but it lacks main.4.running_var and it has besides "
        "main.0.bias"
    )


def test_a_far_one_gets_the_list_of_layouts(tmp_path):
    with pytest.raises(UserError) as said:
        importing.import_run([write(tmp_path / "x.pth", {"conv1.weight": torch.rand(2, 3)})], tmp_path / "run")
    assert "found conv1.weight [2, 3]; expected one of these: pytorch/examples" in str(said.value)
    assert "lightning-bolts: generator.gen.0.0.weight [z, maps, 4, 4]" in str(said.value)
    assert "pytorch_GAN_zoo: formatLayer.weight" in str(said.value)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({}, "found no tensors"),
        ([torch.zeros(1)], "it holds a list, and a dict of tensors is needed"),
        (their_D(), "it holds a discriminator alone, and a run needs a generator"),
        (their_G(channels=2), "pictures of 2 channels; 1 (grey), 3 or 4 (alpha) can be imported"),
        ({"a": their_G(), "b": their_G()}, "2 generators are there (a.main., b.main.), and a run has one"),
        ({"netG": their_G(depth=2), "netD": their_D()}, "looks at 8 pixels, and the generator draws 16"),
        (their_G() | {"main.3.weight": torch.zeros(3, 3)}, "layers that are no convolutions"),
        (their_G() | {"main.3.weight": torch.rand(3, 3, 5, 5)}, "[3, 3, 5, 5], and in a generator of 8 pixels"),
    ],
)
def test_what_does_not_fit_is_named(held, said, tmp_path):
    with pytest.raises(UserError) as error:
        importing.import_run([write(tmp_path / "netG.pth", held)], tmp_path / "run")
    assert said in str(error.value)
    assert os.listdir(tmp_path) == ["netG.pth"]


def test_nothing_is_overwritten(tmp_path):
    file = write(tmp_path / "netG.pth", their_G())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "diary.txt").write_text("mine")
    with pytest.raises(UserError, match="something is there already, and nothing is overwritten"):
        importing.import_run([file], tmp_path / "run")
    assert os.listdir(tmp_path / "run") == ["diary.txt"]


def test_a_write_that_fails_leaves_no_half_a_run(tmp_path, monkeypatch):
    file = write(tmp_path / "netG.pth", their_G())

    def full(*_):
        raise UserError("the disk is full")

    monkeypatch.setattr(importing.files, "write_whole", full)
    with pytest.raises(UserError, match="the disk is full"):
        importing.import_run([file], tmp_path / "run")
    assert os.listdir(tmp_path) == ["netG.pth"]


# What an imported run is


def test_the_command_makes_a_run_named_after_the_file(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"netG": their_G(), "netD": their_D()}, "theirs.pth")
    said = succeeds(capsys, "import", "theirs.pth", "--z", "uniform")
    assert said.startswith(f"{Path('runs/theirs')}: generator and discriminator, as pytorch/examples")
    assert "8x8, colour, width 3, z of 5 uniform numbers" in said
    assert "imported     from theirs.pth (pytorch/examples" in succeeds(capsys, "info", "runs/theirs")


def test_it_is_not_trained_on_but_can_be_started_from(tmp_path):
    importing.import_run([write(tmp_path / "netG.pth", their_G())], tmp_path / "run")
    with pytest.raises(UserError, match=r"imported from netG\.pth .* start from its weights with .* --from"):
        planning.plan(out=tmp_path / "run")
