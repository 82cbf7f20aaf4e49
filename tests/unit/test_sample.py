"""A seed is the same picture alone, in any batch, in any order; D's score and features are a picture's own too."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import dcgan
import untrained
from dcgan import images, latents, planning, sample
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.latents import Point, Term
from dcgan.use import FIXED
from support import FACES, TINY


@pytest.fixture(scope="module")
def model(trained):
    return dcgan.load(trained)


@pytest.fixture(scope="module")
def digits(classes):
    """A conditional run."""
    return dcgan.load(classes)


def same(a, b) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b)


def test_pictures(model):
    drawn = model.sample(range(40))
    assert (drawn.dtype, drawn.shape) == (np.uint8, (40, 16, 16, 3))
    assert len({picture.tobytes() for picture in drawn}) == 40
    assert model.sample([]).shape == (0, 16, 16, 3)


@settings(max_examples=15)
@given(seeds=st.lists(st.integers(0, latents.MAX_SEED), max_size=70), place=st.integers(0, 70))
def test_a_seed_is_the_same_picture_anywhere(model, seeds, place):
    seeds.insert(place, 17)
    assert same(model.sample(seeds)[seeds.index(17)], model.sample([17])[0])


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 64, 65])
def test_of_any_number(n, model, digits):
    for one in (model, digits):
        assert same(one.sample(range(n)), one.sample(range(100))[:n])


def test_in_any_order(model):
    order = np.random.default_rng(0).permutation(70)
    assert same(model.sample(order), model.sample(range(70))[order])


def test_neighbours_do_not_matter_for_floats_either(model):
    """Rounding to 256 greys does not hide a difference; D's numbers are not rounded at all."""
    z = latents.draw(range(50), model.config.z_dim, model.config.z)
    whole = model.floats(z)
    pictures = model.generate(z)
    score, features = model.score(pictures), model.features(pictures)
    for i in (0, 31, 32, 49):
        assert torch.equal(model.floats(z[i : i + 1])[0], whole[i])
        assert same(model.score(pictures[i : i + 1])[0], score[i])
        assert same(model.features(pictures[i : i + 1])[0], features[i])


def test_in_a_fresh_process(model, trained, tmp_path):
    code = f"import dcgan, numpy; numpy.save('a.npy', dcgan.load({str(trained)!r}).sample([99, 17, 3]))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert same(np.load(tmp_path / "a.npy"), model.sample([99, 17, 3]))


def test_a_point_is_its_latent(model):
    z = latents.draw([12, 40], model.config.z_dim, model.config.z).astype(np.float64)
    half = (0.5 * z[0] + 0.5 * z[1]).astype(np.float32)
    mean = (-1 * z.mean(0)).astype(np.float32)
    assert same(model.sample(["0.5*12 + 0.5*40", "-12,40"]), model.generate(np.stack([half, mean])))


def test_ways_to_say_17(model):
    expected = model.sample([17])
    for points in (17, "17", np.array([17]), [np.int32(17)], (17,), Point((Term(1.0, (17,)),)), ["+17"], ["2*17 - 17"]):
        assert same(model.sample(points), expected)
    assert same(np.concatenate(list(model.stream(17))), expected)


@pytest.mark.parametrize("seed", [-1, 2**53, np.int64(-5)])
def test_what_is_no_seed(seed, model):
    with pytest.raises(UserError) as caught:
        model.sample([3, seed])
    assert str(caught.value) == f"seed {seed}: it must be a whole number from 0 to 9007199254740991"


def test_a_saved_point(trained, tmp_path):
    own = dcgan.load(shutil.copytree(trained, tmp_path / "run"))
    own.folder.save_point("smile", z := np.linspace(-1, 1, own.config.z_dim))
    assert same(own.sample(["#smile"]), own.generate(z[None]))
    assert same(own.sample(["2*#smile"]), own.generate(2 * z[None]))


def test_generate_takes_latents_of_any_kind(model):
    z = latents.draw(range(3), model.config.z_dim, model.config.z)
    expected = model.generate(z)
    assert same(model.generate(torch.from_numpy(z)), expected)
    assert same(model.generate(z.astype(np.float64)), expected)
    assert same(model.generate(z.tolist()), expected)
    assert model.generate(z[:0]).shape == (0, 16, 16, 3)
    for wrong in (z[0], z[:, 1:], z[None]):
        with pytest.raises(UserError) as caught:
            model.generate(wrong)
        assert str(caught.value) == f"generate: z has shape {list(wrong.shape)}; this run needs [N, 100]"


def test_scores_and_features(model):
    """Section 5.1: all of D's convolutional layers, each max-pooled to 4x4. Width 4 at 16 px: 4 maps, then 8."""
    pictures = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    score, features = model.score(pictures), model.features(pictures)
    assert (score.dtype, score.shape) == (np.float32, (5,))
    assert (features.dtype, features.shape) == (np.float32, (5, (4 + 8) * 16))
    assert np.isfinite(features).all()
    assert len(set(score.tolist())) == 5
    assert model.score(pictures[:0]).shape == (0,)
    assert model.features(pictures[:0]).shape == (0, 192)
    with torch.no_grad():
        x = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() * 2 / 255 - 1
        assert score == pytest.approx(model.D(x).numpy(), abs=1e-5)  # another batch: other bits, not other numbers


@pytest.mark.parametrize(
    ("pictures", "seen"),
    [
        (np.zeros((2, 16, 16, 3)), "type float64 and shape [2, 16, 16, 3]"),
        (np.zeros((2, 16, 16, 1), np.uint8), "type uint8 and shape [2, 16, 16, 1]"),
        (np.zeros((16, 16, 3), np.uint8), "type uint8 and shape [16, 16, 3]"),
        (np.zeros((2, 3, 16, 16), np.uint8), "type uint8 and shape [2, 3, 16, 16]"),
    ],
)
def test_pictures_of_another_kind(pictures, seen, model):
    for use in (model.score, model.features):
        with pytest.raises(UserError) as caught:
            use(pictures)
        assert str(caught.value) == f"pictures of {seen}: this run needs uint8 [N, 16, 16, 3]"


def test_pictures_in_any_memory(model):
    pictures = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    flipped = pictures[:, :, ::-1]
    flipped.flags.writeable = False
    assert same(model.score(flipped), model.score(np.ascontiguousarray(flipped)))


def test_a_class_is_the_seed_s_unless_it_is_named(digits):
    drawn = digits.sample(range(20))
    assert same(drawn, digits.sample([f"{seed}@{seed % 10}" for seed in range(20)]))
    assert not same(drawn[3], digits.sample(["3@4"])[0])
    assert same(digits.sample(["+12,40 @7"]), digits.generate(digits.latents(["+12,40"])[0], [7]))
    assert digits.latents(["40 + 12"])[1].tolist() == [0]


@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        (lambda m: m.sample(["3@10"]), "point '3 @10': there is no class 10; they go from 0 to 9"),
        (
            lambda m: m.generate(np.zeros((2, 100))),
            "labels: this run is conditional and needs a class from 0 to 9 for each of 2 pictures",
        ),
        (
            lambda m: m.score(np.zeros((2, 8, 8, 3), np.uint8), [1]),
            "labels: this run is conditional and needs a class from 0 to 9 for each of 2 pictures",
        ),
        (lambda m: m.generate(np.zeros((2, 100)), [0, 10]), "labels: classes go from 0 to 9"),
        (lambda m: m.generate(np.zeros((2, 100)), [-1, 0]), "labels: classes go from 0 to 9"),
    ],
)
def test_classes_that_are_wrong_or_missing(do, sentence, digits):
    with pytest.raises(UserError) as caught:
        do(digits)
    assert str(caught.value) == sentence


def test_labels_where_there_are_no_classes(model):
    with pytest.raises(UserError, match="labels: this run was not trained with classes; leave them out"):
        model.generate(np.zeros((1, 100)), [3])


def test_the_best(model, digits):
    for one, label in ((model, None), (digits, 3)):
        seeds = list(range(50, 120))
        points = [str(seed) if label is None else f"{seed}@{label}" for seed in seeds]
        z, labels = one.latents(points)
        scores = one.score(one.generate(z, labels), labels)
        told = []
        kept = sample.best(one, seeds, 5, label, told.append)
        assert kept == [seeds[i] for i in np.argsort(-scores)[:5]]
        assert told == [32, 64, 70]


def test_the_statistics_for_use_are_those_of_the_checkpoint(trained):
    """Computed at each save from 1,024 latents: G, used, gives batches whose maps have mean 0 and variance 1."""
    model = dcgan.load(trained)
    header = Folder(trained).header()
    z = torch.from_numpy(latents.draw(range(FIXED), header.config.z_dim, header.config.z, stream=3))
    seen = []
    norm = model.G.project.norm
    norm.register_forward_hook(lambda module, given, made: seen.append(made))
    with torch.no_grad():
        model.G(z)
    normed = (seen[0] - norm.bias[:, None, None]) / norm.weight[:, None, None]
    assert normed.mean((0, 2, 3)).abs().max() < 1e-4  # float32 over 16,384 numbers
    assert (normed.var((0, 2, 3), correction=0) - 1).abs().max() < 2e-3  # eps, beside a small variance


def test_used_networks_learn_nothing(model):
    before = {name: tensor.clone() for name, tensor in model.G.state_dict().items()}
    model.sample(range(3))
    assert not any(parameter.requires_grad for parameter in [*model.G.parameters(), *model.D.parameters()])
    assert not model.G.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.G.state_dict().items())


def test_from_a_file_as_from_its_run(model, trained, tmp_path):
    file = Folder(trained).last
    assert same(dcgan.load(file).sample([17]), model.sample([17]))
    assert dcgan.load(file).folder.path == trained
    elsewhere = tmp_path / "mine.safetensors"
    elsewhere.write_bytes(file.read_bytes())
    alone = dcgan.load(str(elsewhere))
    assert same(alone.sample([17]), model.sample([17]))
    assert alone.folder is None
    with pytest.raises(UserError, match="#smile is a point saved in a run, and there is none here"):
        alone.sample(["#smile"])


def test_a_run_without_a_checkpoint_yet(tmp_path):
    plan = planning.plan(FACES, out=tmp_path / "run", settings=TINY)
    plan.folder.path.mkdir()
    plan.folder.config_file.write_text(plan.config.to_json())
    with pytest.raises(UserError) as caught:
        dcgan.load(tmp_path / "run")
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: nothing is saved in it yet; train on, or wait for its first checkpoint"
    )


def test_maps_are_switched_off_by_words(tmp_path, cli):
    folder = untrained.write(tmp_path / "run")
    model, changed = sample.load(folder.path), sample.load(folder.path)
    changed.switch_off("1:3, 5;0:0")
    gates = [torch.ones(maps) for maps in (32, 16, 8)]
    gates[1][[3, 5]] = gates[0][0] = 0
    z, _ = model.latents([17])
    with torch.inference_mode():
        wanted = images.to_uint8(model.G.maps(torch.from_numpy(z), None, gates)[-1])
    apart = np.abs(changed.sample([17]).astype(int) - wanted)
    assert apart.max() <= 1  # batches of another size round elsewhere
    assert np.abs(changed.sample([17]).astype(int) - model.sample([17])).max() > 10
    drawn = tmp_path / "off.png"
    assert cli("sample", folder.path, "--point", "17", "--off", "1:3,5;0:0", "--out", drawn).code == 0
    with Image.open(drawn) as opened:
        assert opened.text["dcgan:off"] == "1:3,5;0:0"
        assert np.array_equal(np.asarray(opened), changed.sample([17])[0])
    for words, said in (
        ("1", "'1' is no layer and its maps"),
        ("1:3;;", "'' is no layer and its maps"),
        ("3:0", "there is no layer 3; they go from 0 to 2"),
        ("1:16", "layer 1 has no map 16; they go from 0 to 15"),
    ):
        done = cli("sample", folder.path, "--off", words)
        assert (done.code, done.out) == (2, "")
        assert f"dcgan: --off {words}: {said}" in done.err
