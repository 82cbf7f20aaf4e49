"""Exports: nothing is written that does not draw the same, nothing is overwritten, and what cannot be says why."""

import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import untrained
from dcgan import config, images, sample
from dcgan.cli import main
from dcgan.errors import UserError
from dcgan.export import compare, export, onnx, pt2, tutorial
from dcgan.export.public import about
from dcgan.folding import Blocks, folded, quickened


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return untrained.write(tmp_path_factory.mktemp("runs") / "demo", width=4, data="/home/ann/photos").path


@pytest.mark.parametrize(("output", "level"), [("tanh", 2 / 255), ("sigmoid", 1 / 255)])
def test_half_a_grey_level_is_the_most(output, level, tmp_path):
    model = sample.load(untrained.write(tmp_path / "run", width=4, output=output).path)

    def away(by):
        return lambda z, y: model.G(torch.from_numpy(z)).detach().numpy() + by

    assert compare.compare(model, away(0.45 * level), compare.LIMIT_HALF, "it") == pytest.approx(0.45 * level, abs=1e-5)
    with pytest.raises(UserError, match=r"^it: its pictures differ from torch's by .* nothing was written$"):
        compare.compare(model, away(0.55 * level), compare.LIMIT_HALF, "it")


@pytest.mark.parametrize(
    ("to", "out", "words"),
    [
        ("page", "page.html", "it is a folder of files; name one, or add --single-file to --to page"),
        ("onnx", ".", "it is a folder, and a file is written; name one in it"),
    ],
)
def test_a_file_is_no_folder(run, tmp_path, monkeypatch, to, out, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=words):
        export(run, to, Path(out))
    assert not list(tmp_path.iterdir())


# Batch norm folded away


def apart(one, other, c):
    """The largest difference between pictures of two generators."""
    z = torch.rand(5, c.z_dim, dtype=torch.float64) * 2 - 1
    y = torch.arange(5) % c.classes if c.conditional else None
    return (one(z, y) - other(z, y)).abs().max()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"up": "nearest", "kernel": 5, "norm_G_out": True},
        {"norm_project": "unit", "dense": 16, "norm_affine": False},
        {"conditional": True, "classes": 3},
        {"norm_G": "none"},
        {"norm_G": "none", "norm_G_out": True},
        {"network": "mlp"},
    ],
    ids=str,
)
def test_folded_networks_draw_the_same_without_batch_norm(settings):
    model = untrained.model(**settings)
    c = model.config
    G = model.G.double()
    without = folded(G)
    assert not any("norm" in key for key in without.state_dict())
    assert apart(without, G, c) <= 1e-12
    normed = c.network == "dcgan" and (c.norm_G == "batch" or c.norm_G_out)
    assert any("norm" in key for key in G.state_dict()) == normed  # the original keeps it


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"size": (16, 24), "channels": 1},
        {"conditional": True, "classes": 3},
        {"norm_G": "none"},
        {"norm_G_out": True},
    ],
    ids=str,
)
def test_the_last_layer_as_blocks_draws_the_same(settings):
    model = untrained.model(**settings)
    G = model.G.double()
    quick = quickened(G)
    assert isinstance(quick.out.linear, Blocks)
    assert apart(quick, G, model.config) <= 1e-12


@pytest.mark.parametrize("settings", [{"up": "nearest"}, {"kernel": 5}], ids=str)
def test_other_last_layers_stay(settings):
    assert not isinstance(quickened(untrained.model(**settings).G).out.linear, Blocks)


# The comparison before anything is written


def test_a_file_that_draws_something_else_is_not_written(run, tmp_path, monkeypatch):
    def wrong(network):
        other = folded(network)
        with torch.no_grad():
            next(other.parameters()).mul_(1.01)
        return other

    monkeypatch.setattr(pt2, "folded", wrong)
    monkeypatch.setattr(sample, "quickened", wrong)  # what draws here may have the same fault
    with pytest.raises(UserError, match=r"--to pt2: its pictures differ from torch's by .*; nothing was written"):
        export(run, "pt2", tmp_path / "generator.pt2")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("shift", "accepted"), [(0.0, True), (9e-5, True), (1.1e-4, False), (float("nan"), False)])
def test_the_comparison_knows_a_difference(run, shift, accepted):
    model = sample.load(run)

    def draw(z, labels):
        return model.G(torch.from_numpy(z)).numpy() + np.float32(shift)

    if accepted:
        assert compare.compare(model, draw, compare.LIMIT, "it") == pytest.approx(shift, abs=1e-6)
    else:
        with pytest.raises(UserError, match="it: its pictures differ"):
            compare.compare(model, draw, compare.LIMIT, "it")


def test_the_comparison_asks_for_batches_of_more_than_one_size(run):
    model, sizes = sample.load(run), set()

    def draw(z, labels):
        sizes.add(len(z))
        return model.floats(z).numpy()

    compare.compare(model, draw, compare.LIMIT, "it")
    assert len(sizes) == 2


# pt2


def test_pt2_draws_the_same_and_says_what_it_is(run, tmp_path):
    done = export(run, "pt2", tmp_path / "generator.pt2")
    assert done.files == {str(tmp_path / "generator.pt2"): (tmp_path / "generator.pt2").stat().st_size}
    assert 0 <= done.difference <= 1e-5
    said = {"dcgan.json": ""}
    program = torch.export.load(tmp_path / "generator.pt2", extra_files=said).module()
    z = torch.rand(3, 100)
    assert (program(z) - sample.load(run).G(z)).abs().max() <= 1e-5
    assert json.loads(said["dcgan.json"])["config"]["size"] == [32, 32]
    held = (tmp_path / "generator.pt2").read_bytes()
    assert not any(path in held for path in (b"/home/ann", b"networks.py", b"site-packages"))


def test_a_conditional_pt2_takes_labels(tmp_path):
    run = untrained.write(tmp_path / "run", conditional=True, classes=3, width=4)
    export(run.path, "pt2", tmp_path / "generator.pt2")
    program = torch.export.load(tmp_path / "generator.pt2").module()
    z, y = torch.rand(4, 100), torch.tensor([0, 1, 2, 0])
    assert (program(z, y) - sample.load(run.path).G(z, y)).abs().max() <= 1e-5


def test_what_a_file_says_of_itself_does_not_say_where_the_pictures_lie(run):
    said = about(sample.load(run))
    assert said["config"]["data"] == "photos"
    assert said["z"].startswith("float32 [N, 100], U(-1, 1)")
    assert said["images"].startswith("float32 [N, 3, 32, 32] in [-1, 1]; a pixel of 0 to 255 is round((x + 1) * 127.5)")


# The tutorial's layout: which runs have a place in it


def test_the_tutorial_preset_fits_and_width_z_and_channels_are_free():
    c = config.Config.build("tutorial", size=(64, 64), channels=1, width=8, width_D=16, z_dim=7, z="uniform")
    assert tutorial.why_not(c) == []


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"size": (32, 32)}, "size 32x32"),
        ({"size": (64, 96)}, "size 64x96"),
        ({"kernel": 5}, "kernels of 5"),
        ({"up": "nearest"}, "nearest-neighbour upsampling"),
        ({"conditional": True, "classes": 3}, "classes"),
        ({"dense": 8}, "a hidden dense layer"),
        ({"norm_G": "none"}, "no batch norm in G"),
        ({"norm_D": "none"}, "no batch norm in D"),
        ({"norm_G_out": True}, "batch norm on G's output"),
        ({"norm_D_in": True}, "batch norm on D's first layer"),
        ({"norm_project": "unit"}, "a norm for each unit of the projection"),
        ({"norm_eps": 1e-8}, "an epsilon of 1e-08 in batch norm (theirs is 1e-05)"),
        ({"activation_G": "leaky"}, "leaky rectifiers in G"),
        ({"activation_D": "relu"}, "plain rectifiers in D"),
        ({"slope": 0.1}, "slope 0.1 in D (theirs is 0.2)"),
        ({"output": "sigmoid"}, "a sigmoid output"),
        ({"network": "mlp"}, "--network mlp"),
    ],
    ids=str,
)
def test_another_network_has_no_place_there(setting, words):
    c = config.Config.build("tutorial", **{"size": (64, 64), "channels": 3, **setting})
    assert tutorial.why_not(c) == [words]


def test_all_reasons_stand_in_one_sentence(run, tmp_path):
    with pytest.raises(UserError) as said:
        export(run, "tutorial", tmp_path / "theirs")
    assert str(said.value) == (
        "--to tutorial: the tutorial's network is another one, and this run has size 32x32; train with --preset "
        "tutorial at --size 64 for it, or export to onnx or pt2"
    )
    assert os.listdir(tmp_path) == []


def test_a_generator_alone_gives_its_file_alone():
    model = untrained.model("tutorial", size=(64, 64), width=2)
    model.D = None
    assert list(tutorial.make(model)) == ["netG.pth"]


# The command


def cli(capsys, *words):
    try:
        main([str(word) for word in words])
        code = 0
    except SystemExit as left:
        code = left.code
    seen = capsys.readouterr()
    return code, seen.out, seen.err


def test_pictures_are_those_that_sample_draws(run, capsys, tmp_path):
    code, out, _ = cli(capsys, "export", run, "--to", "images", "--seeds", "3,17", "--out", tmp_path / "p", "--json")
    assert (code, json.loads(out)["images"]) == (0, 2)
    assert sorted(os.listdir(tmp_path / "p")) == ["000003.png", "000017.png"]
    assert np.array_equal(images.read_picture(tmp_path / "p" / "000017.png"), sample.load(run).sample([17])[0])


def test_a_thousand_pictures_unless_told(run, capsys, tmp_path):
    assert cli(capsys, "export", run, "--to", "images", "--out", tmp_path / "p", "--quiet")[0] == 0
    assert len(os.listdir(tmp_path / "p")) == 1000
    assert Image.open(io.BytesIO((tmp_path / "p" / "000999.png").read_bytes())).size == (32, 32)


def test_it_goes_below_the_run_unless_told_and_is_not_overwritten(run, capsys):
    code, out, err = cli(capsys, "export", run, "--to", "pt2")
    place = run / "exported" / "generator.pt2"
    assert (code, err) == (0, "")
    assert re.fullmatch(
        rf"{re.escape(str(place))}: 0\.\d MiB\n  compared with torch on 33 pictures: at most \d\.\de-\d\d apart\n", out
    )
    place.write_bytes(b"mine")
    code, out, err = cli(capsys, "export", run, "--to", "pt2")
    assert (code, out) == (2, "")
    assert "there is such a file already" in err
    assert place.read_bytes() == b"mine"
    code, out, _ = cli(capsys, "export", run, "--to", "pt2", "--overwrite", "--json")
    assert (code, json.loads(out)["files"]) == (0, {str(place): place.stat().st_size})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "pt2", "--half"], "--half: only onnx is written with half the bytes, and --to says pt2"),
        (["--to", "onnx", "--count", "3"], "--count: it is for --to images, and --to says onnx"),
        (["--to", "pt2", "--seeds", "3"], "--seeds: it is for --to images, and --to says pt2"),
        (["--to", "onnxx"], "onnx"),
        ([], "--to"),
    ],
)
def test_what_does_not_go_together_is_said(run, words, said, capsys):
    code, out, err = cli(capsys, "export", run, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_a_checkpoint_outside_a_run_needs_a_place(run, capsys, tmp_path):
    lone = tmp_path / "some.safetensors"
    lone.write_bytes((run / "checkpoints" / "last.safetensors").read_bytes())
    assert "say where the export should go" in cli(capsys, "export", lone, "--to", "pt2")[2]


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_without_the_extra_it_says_what_to_install(run, missing, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, missing, None)
    with pytest.raises(UserError, match=rf"the package {missing} is missing; pip install 'dcgan\[export\]'"):
        onnx.make(sample.load(run))
