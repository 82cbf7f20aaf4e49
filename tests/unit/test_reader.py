"""The factor reader: what it reads is right, and where there is nothing to read it says so."""

import os

import numpy as np
import pytest
import torch

import dcgan.data
import untrained
from dcgan.data import pictures
from dcgan.errors import UserError
from dcgan.images import to_float, to_uint8
from dcgan.metrics import damage
from dcgan.metrics.distances import support
from dcgan.metrics.reader import SURE, TOLERANCE, Factor, Reader, truths

HELD_OUT = 400
REAL = os.environ.get("DCGAN_DATA", "")


@pytest.fixture(scope="module")
def rooms() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return pictures.draw("rooms", range(2000 + HELD_OUT), 32)


@pytest.fixture(scope="module")
def reader(rooms) -> Reader:
    images, factors = rooms
    return Reader.train(images[HELD_OUT:], cut(truths("rooms", factors), slice(HELD_OUT, None)), steps=200)


@pytest.fixture(scope="module")
def untaught() -> Reader:
    """A reader of grey pictures that has seen too little to be right, for what does not depend on that."""
    return Reader.train(*grey_set(), steps=3, m=16)


def grey_set() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    images, factors = pictures.draw("numbers", range(40), 16)
    return images.mean(3, keepdims=True).astype(np.uint8), {"digit": factors["digit"], "turn": factors["turn"]}


def cut(truth: dict[str, np.ndarray], piece: slice) -> dict[str, np.ndarray]:
    return {name: values[piece] for name, values in truth.items()}


def test_a_category_goes_through_probabilities_and_back():
    truth = np.array([2, -1, 0, 1])
    factor = Factor.of("hair", truth)
    value, confidence, error = factor.decode(factor.encode(truth).log())
    assert (factor.kinds, factor.hides, factor.outputs, error) == (3, True, 4, None)
    assert value.tolist() == truth.tolist()
    assert confidence.tolist() == [1, 1, 1, 1]


def test_a_continuous_value_goes_through_bins_and_back():
    truth = np.array([-3, np.nan, 0.3, 2.9, 5], np.float32)
    factor = Factor.of("turn", truth)
    value, confidence, error = factor.decode((factor.encode(truth) + 1e-12).log())
    np.testing.assert_allclose(value, truth, atol=1e-4)  # bins are 0.5 apart: the mean of two shares is exact
    assert error is not None
    assert (error[[0, 2, 3, 4]] <= 0.25 + 1e-4).all()  # no further than half a bin
    assert error[1].isnan()
    assert (confidence > 0.99).all()  # the tolerance is 1: four of the largest errors


def test_what_cannot_be_told_has_little_confidence():
    kinds, values = Factor.of("hair", np.arange(4)), Factor.of("turn", np.linspace(-1, 1, 9))
    assert kinds.decode(torch.zeros(1, 4))[1].item() == pytest.approx(1 / 4)
    value, confidence, error = values.decode(torch.zeros(1, values.outputs))
    assert error is not None
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert error.item() == pytest.approx((1 / 3 * 18 / 16) ** 0.5, abs=1e-5)  # of 17 equal bins from -1 to 1
    assert confidence.item() == pytest.approx(0.317, abs=1e-3)  # of a normal error, within 0.25 of 0


def test_hidden_factors_are_marked():
    factors = {name: values[:300] for name, values in pictures.draw("rooms", range(300), 16)[1].items()}
    truth = truths("rooms", factors)
    assert "detail" not in truth
    none = factors["bed"] == 0
    assert 100 < none.sum() < 200
    np.testing.assert_array_equal(truth["bed_colour"] == -1, none)
    np.testing.assert_array_equal(np.isnan(truth["bed_place"]), none)
    np.testing.assert_array_equal(truth["bed_colour"][~none], factors["bed_colour"][~none])
    np.testing.assert_array_equal(truth["turn"], factors["turn"])


@pytest.mark.slow
def test_true_pictures_are_read_right_and_surely(reader, rooms):
    images, factors = rooms[0][:HELD_OUT], truths("rooms", cut(rooms[1], slice(HELD_OUT)))
    reading = reader.read(images)
    for name in ("window", "bed", "door", "lamp"):
        assert (reading.values[name] == factors[name]).mean() >= 0.98, name
    off = reading.values["turn"] - factors["turn"]
    assert np.sqrt((off**2).mean()) < 0.12  # of a range of 2; a guess is off by 0.58
    assert 0.8 < np.sqrt(((off / reading.errors["turn"]) ** 2).mean()) < 1.25  # it knows how far off it is
    sure = reading.confidences["window"] > SURE
    assert (sure & (reading.values["window"] == factors["window"])).mean() >= 0.95
    assert reading.readable() >= 0.95


@pytest.mark.slow
def test_held_out_pictures_say_what_it_is_good_at(reader, rooms):
    images, factors = rooms[0][:HELD_OUT], truths("rooms", cut(rooms[1], slice(HELD_OUT)))
    reading = reader.read(images)
    for factor in reader.factors:
        read, true = reading.values[factor.name], factors[factor.name]
        if factor.span is None:
            right = read == true
        else:
            right = (np.isnan(read) & np.isnan(true)) | (np.abs(read - true) <= TOLERANCE * np.ptp(factor.span))
        # Shares of 200 and of 400 pictures: five standard errors of their difference.
        slack = 5 * np.sqrt(max(factor.right * (1 - factor.right), 0.004) * (1 / 200 + 1 / 400))
        assert abs(right.mean() - factor.right) < slack, factor.name


@pytest.mark.slow
def test_ruined_pictures_are_not_readable(reader, rooms):
    g = torch.Generator().manual_seed(5)
    parts = [damage.mud(part, g) for part in to_float(rooms[0][:360], "sigmoid").split(36)]  # four of each kind
    ruined, spoilt = (torch.cat(each) for each in zip(*parts, strict=True))
    reading = reader.read(to_uint8(ruined, "sigmoid"))
    sure = (reading.confidence > SURE).reshape(10, 9, 4) & spoilt.numpy().reshape(10, 9, 4)
    assert spoilt.float().mean() > 0.9
    assert sure[:, :2].mean() < 0.20  # blends of two; 0.06 after as many steps as by default
    assert sure[:, 3:].mean() < 0.05  # what is left of one


@pytest.mark.slow
def test_what_no_damage_made_is_not_readable_either(reader, rooms):
    images, rng = rooms[0][:HELD_OUT], np.random.default_rng(0)
    x = to_float(images, "sigmoid")
    assert reader.read(untrained.model().sample(range(300))).readable() < 0.10
    assert reader.read(rng.integers(0, 256, (300, 32, 32, 3), np.uint8)).readable() < 0.10
    assert reader.read(rng.integers(0, 256, (300, 1, 1, 3), np.uint8).repeat(32, 1).repeat(32, 2)).readable() < 0.10
    assert reader.read(images[:, ::-1]).readable() < 0.10  # upside down
    assert reader.read(255 - images).readable() < 0.10
    assert reader.read(to_uint8(torch.stack([x.roll(i, 0) for i in range(8)]).mean(0), "sigmoid")).readable() < 0.10
    assert reader.read(pictures.draw("faces", range(60), 32)[0]).readable() < 0.10


@pytest.mark.slow
def test_slight_softness_and_grain_are_forgiven(reader, rooms):
    x, g = to_float(rooms[0][:HELD_OUT], "sigmoid"), torch.Generator().manual_seed(5)
    assert reader.read(to_uint8(damage.soften(x), "sigmoid")).readable() >= 0.90
    assert reader.read(to_uint8(damage.mild(x, g), "sigmoid")).readable() >= 0.75


@pytest.mark.slow
def test_pictures_of_another_size_read_the_same(reader, rooms):
    small, large = reader.read(rooms[0][:60]), reader.read(pictures.draw("rooms", range(60), 64)[0])
    assert (small.values["window"] == large.values["window"]).all()
    assert np.abs(small.values["turn"] - large.values["turn"]).max() < 0.2
    assert large.readable() >= 0.9


def test_its_features_are_what_its_last_layer_reads(reader, rooms):
    images = rooms[0][:HELD_OUT]
    found = reader.extractor("reader")(images)
    p = reader.network[-1](torch.from_numpy(found))[:, -1].sigmoid()
    np.testing.assert_allclose(p, reader.read(images).drawn, atol=1e-5)


def test_by_its_features_grain_loses_nothing_and_collapse_all(reader, rooms):
    real, others = rooms[0][HELD_OUT : 2 * HELD_OUT], rooms[0][:HELD_OUT]
    grain = np.random.default_rng(0).integers(-6, 7, others.shape)
    extractor = reader.extractor("reader")
    sets = {
        "true": others,
        "grainy": (others + grain).clip(0, 255).astype(np.uint8),
        "few": (np.concatenate([others[:20]] * (HELD_OUT // 20)) + grain).clip(0, 255).astype(np.uint8),
    }
    recall = {name: support(extractor(real), extractor(images)).recall for name, images in sets.items()}
    assert recall["true"] > 0.7
    assert recall["grainy"] > 0.6
    assert recall["few"] < 0.1


def test_readers_are_told_apart(reader, untaught):
    assert reader.extractor("reader").key != untaught.extractor("reader").key


def test_features_of_colours_are_those_of_their_grey(untaught):
    grey, _ = grey_set()
    extractor = untaught.extractor("reader")
    assert np.array_equal(extractor(grey), extractor(grey.repeat(3, 3)))


def test_training_is_a_function_of_its_seed(untaught):
    before = torch.get_rng_state()
    again, other = Reader.train(*grey_set(), steps=3, m=16), Reader.train(*grey_set(), steps=3, m=16, seed=1)
    assert torch.equal(torch.get_rng_state(), before)  # a reader trained during a run leaves the run as it was
    same = untaught.network.state_dict()
    assert all(torch.equal(same[key], tensor) for key, tensor in again.network.state_dict().items())
    assert not torch.equal(same["0.weight"], other.network.state_dict()["0.weight"])


def test_a_picture_is_read_alone_as_among_others(untaught):
    images, _ = grey_set()
    together, alone = untaught.read(images), untaught.read(images[7:8])
    np.testing.assert_allclose(together.values["turn"][7], alone.values["turn"][0], atol=1e-5)
    np.testing.assert_allclose(together.confidence[7], alone.confidence[0], atol=1e-5)


def test_colour_and_alpha_are_read_as_they_look(untaught):
    images, _ = grey_set()
    grey = untaught.read(images).values["turn"]
    assert np.ptp(grey) > 1e-3  # little is learned, and yet a hundred times what must agree
    colour = images.repeat(3, 3)
    np.testing.assert_allclose(untaught.read(colour).values["turn"], grey, atol=1e-5)
    clear = np.concatenate([colour, np.zeros_like(images)], 3)
    on_white = untaught.read(np.full_like(images, 255)).values["turn"]
    np.testing.assert_allclose(untaught.read(clear).values["turn"], on_white, atol=1e-5)


def test_a_reader_comes_back_from_its_file(untaught, tmp_path):
    untaught.save(tmp_path / "reader.safetensors")
    back = Reader.load(tmp_path / "reader.safetensors")
    assert back.factors == untaught.factors
    images, _ = grey_set()
    a, b = untaught.read(images), back.read(images)
    np.testing.assert_array_equal(a.confidence, b.confidence)
    np.testing.assert_array_equal(a.errors["turn"], b.errors["turn"])


def test_another_file_is_refused_in_a_sentence(untaught, tmp_path):
    import safetensors.torch

    path = tmp_path / "reader.safetensors"
    untaught.save(path)
    whole = path.read_bytes()
    for content in (b"", b"not a reader", whole[:-100], safetensors.torch.save({"a": torch.zeros(1)})):
        path.write_bytes(content)
        with pytest.raises(UserError, match="it holds no reader of pictures"):
            Reader.load(path)
    with pytest.raises(UserError, match="it holds no reader of pictures"):
        Reader.load(tmp_path / "none")


def test_it_is_trained_once_for_the_same_pictures(tmp_path, monkeypatch):
    images, truth = grey_set()
    trained = []
    train = Reader.train
    monkeypatch.setattr(Reader, "train", lambda *given, **how: trained.append(how) or train(*given, **how))
    first, second = (Reader.kept(tmp_path, images, truth, steps=2, m=16) for _ in range(2))
    assert len(trained) == 1
    np.testing.assert_array_equal(first.read(images).confidence, second.read(images).confidence)

    Reader.kept(tmp_path, images, truth, steps=3, m=16)
    Reader.kept(tmp_path, images, truth | {"digit": truth["digit"][::-1]}, steps=2, m=16)
    Reader.kept(tmp_path, 255 - images, truth, steps=2, m=16)
    assert len(trained) == 4
    for file in tmp_path.iterdir():
        file.write_bytes(b"damaged")
    Reader.kept(tmp_path, images, truth, steps=2, m=16)
    assert len(trained) == 5


def test_damage_that_changed_nothing_does_not_count():
    g = torch.Generator().manual_seed(0)
    same = torch.rand(1, 3, 32, 32, generator=g).expand(40, -1, -1, -1)
    blank = torch.zeros(40, 3, 32, 32)
    assert not damage.mud(same, g)[1][:12].any()  # blends of a picture with itself
    ruined, spoilt = damage.mud(torch.rand(45, 3, 8, 8, generator=g), g)
    assert spoilt.float().mean() > 0.9
    assert ruined.shape == (45, 3, 8, 8)
    assert 0 <= ruined.min() < ruined.max() <= 1
    assert damage.mild(blank, g).max() < 0.5


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="DCGAN_DATA names no folder with MNIST")
def test_digits_by_people():
    train, test = dcgan.data.open("mnist[:10000]"), dcgan.data.open("mnist:test[:2000]")
    assert train.labels is not None
    reader = Reader.train(train.images, {"digit": train.labels}, steps=200)
    reading = reader.read(test.images)
    assert (
        reading.values["digit"] == test.labels
    ).mean() >= 0.95  # 0.99 after as many steps as by default, on all 60,000
    sure = reading.confidence > SURE
    assert sure.mean() > 0.80
    assert (reading.values["digit"] == test.labels)[sure].mean() >= 0.98
    assert reader.read(test.images[:, ::-1, ::-1].transpose(0, 2, 1, 3)).readable() < 0.5  # most digits, turned over
