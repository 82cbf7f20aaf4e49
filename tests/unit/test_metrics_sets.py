"""Sets of pictures: read in parts, shuffled, mirrored; their features computed once."""

from dataclasses import replace

import numpy as np
import pytest

from dcgan import data
from dcgan.console import Console
from dcgan.data import cache
from dcgan.metrics import sets, subject
from dcgan.metrics.features import Extractor
from dcgan.metrics.sets import PART, Pictures

QUIET = Console(quiet=True)


def noise(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 4, 5, 3), np.uint8)


@pytest.fixture
def counting(tmp_path, monkeypatch):
    """An extractor of mean colours that counts the pictures it is shown; a cache of its own."""
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path))
    shown = []

    def network(x):
        shown.append(len(x))
        return x.float().mean((2, 3))

    return Extractor("colours", "colours", "none", lambda x: x, network, chunk=1), shown


def of_array(images: np.ndarray, key: str | None = "noise") -> Pictures:
    return Pictures("noise", len(images), lambda start, stop: images[start:stop], "all", key)


def test_a_sets_order_is_its_seeds_and_holds_each_picture_once():
    dataset = data.open(noise(40))
    one, other = sets.of_dataset(dataset, seed=1), sets.of_dataset(dataset, seed=2)
    assert one.key != other.key
    whole = one.read(0, 40)
    assert np.array_equal(np.concatenate([one.read(0, 7), one.read(7, 40)]), whole)
    assert not np.array_equal(whole, other.read(0, 40))
    assert sorted(map(bytes, whole)) == sorted(map(bytes, dataset.images))
    assert np.array_equal(one.first(10).flat(), whole[:10].reshape(10, -1))


def test_shuffled_pixels_are_the_same_pixels():
    images = noise(6)
    shuffled = of_array(images).shuffled()
    found = shuffled.read(0, 6)
    assert np.array_equal(np.concatenate([shuffled.read(0, 1), shuffled.read(1, 6)]), found)
    orders = set()
    for before, after in zip(images.reshape(6, 20, 3), found.reshape(6, 20, 3), strict=True):
        assert sorted(map(tuple, before)) == sorted(map(tuple, after))  # colours stay whole
        orders.add(tuple(np.flatnonzero((before[:, None] == after).all(2))))
    assert len(orders) == 6  # each in an order of its own
    assert np.array_equal(images, noise(6))  # the set itself is as it was


def test_mirrored_pictures_have_features_of_their_own():
    pictures = of_array(noise(3))
    assert np.array_equal(pictures.mirrored().read(0, 3), noise(3)[:, :, ::-1])
    assert pictures.mirrored().key not in (None, pictures.key)


def test_features_are_computed_once_and_fewer_are_the_beginning_of_more(counting):
    extractor, shown = counting
    pictures = of_array(noise(30))
    ten = np.array(sets.features(extractor, pictures.first(10), QUIET))
    assert sum(shown) == 10
    whole = sets.features(extractor, pictures, QUIET)
    assert sum(shown) == 40
    np.testing.assert_allclose(whole, noise(30).mean((1, 2)), rtol=1e-5)
    assert np.array_equal(sets.features(extractor, pictures.first(10), QUIET), ten)
    assert np.array_equal(sets.features(extractor, pictures, QUIET), whole)
    assert sum(shown) == 40
    assert len(list((cache.home() / "features").glob("*.npy"))) == 1  # fewer of the same gave way
    for other, key in ((replace(extractor, key="other"), "noise"), (extractor, "other pictures")):
        sets.features(other, of_array(noise(5), key), QUIET)
    assert sum(shown) == 50
    sets.features(extractor, of_array(noise(5), None), QUIET)  # what is met once is not kept
    assert sum(shown) == 55
    assert len(list((cache.home() / "features").glob("*.npy"))) == 3
    assert cache.clear() > 0
    assert not (cache.home() / "features").exists()


def test_an_interrupted_computation_leaves_nothing_to_be_taken_for_features(counting):
    extractor, _ = counting
    images = noise(2 * PART)

    def breaks(start: int, stop: int) -> np.ndarray:
        if start:
            raise KeyboardInterrupt
        return images[start:stop]

    with pytest.raises(KeyboardInterrupt):
        sets.features(extractor, replace(of_array(images), read=breaks), QUIET)
    np.testing.assert_allclose(sets.features(extractor, of_array(images), QUIET), images.mean((1, 2)), rtol=1e-5)


def test_pictures_are_never_held_all_at_once(counting):
    extractor, _ = counting
    asked = []

    def read(start: int, stop: int) -> np.ndarray:
        asked.append(stop - start)
        return np.zeros((stop - start, 1, 1, 3), np.uint8)

    for key in (None, "zeros"):
        found = sets.features(extractor, Pictures("zeros", 2 * PART + 3, read, "all", key), QUIET)
        assert found.shape == (2 * PART + 3, 3)
    assert asked == [PART, PART, 3] * 2


@pytest.mark.parametrize("spec", [None, "numbers:60"])
def test_held_out_pictures_that_code_draws_are_others_than_the_training_ones(monkeypatch, spec):
    """Named by the user or not: drawn from the training pictures' own seed, they would be those pictures."""
    monkeypatch.setattr(subject, "HELD_OUT", 60)
    seen = data.open("numbers:60", size=16)
    judged = subject.Subject("it", sets.of_dataset(seen), seen, "numbers:60", 60, 0)
    others = subject.held_out(judged, spec, QUIET)
    assert (len(others), others.size) == (60, (16, 16))
    assert not {one.tobytes() for one in others.images} & {one.tobytes() for one in seen.images}
