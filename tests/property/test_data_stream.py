"""The order of the pictures is a function of (seed, position): nothing is lost, doubled, or remembered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import genuine
from dcgan import data
from dcgan.errors import UserError


def numbered(count: int, side: int = 6) -> data.Dataset:
    """Picture i says i in its first pixels, whatever is done to it by moving: all pixels of a channel are equal."""
    images = np.zeros((count, side, side, 3), np.uint8)
    images[..., 0] = (np.arange(count) % 256)[:, None, None]
    images[..., 1] = (np.arange(count) // 256)[:, None, None]
    return data.Dataset("numbered", images, "x", labels=np.arange(count, dtype=np.int64), classes=None)


def read(images: np.ndarray) -> np.ndarray:
    return images[:, 0, 0, 0].astype(int) + 256 * images[:, 0, 0, 1].astype(int)


@given(
    count=st.integers(1, 60), seed=st.integers(0, 2**64 - 1), cuts=st.lists(st.integers(1, 90), min_size=1, max_size=8)
)
def test_cut_anywhere_it_is_the_same(count: int, seed: int, cuts: list[int]) -> None:
    stream = data.Stream(numbered(count), seed)
    total = sum(cuts)
    images, labels = data.Stream(numbered(count), seed).batch(0, total)
    assert np.array_equal(read(images), labels)
    position = 0
    for m in cuts:
        part, known = stream.batch(position, m)
        assert np.array_equal(part, images[position : position + m])
        assert np.array_equal(known, labels[position : position + m])
        position += m
    backwards = data.Stream(numbered(count), seed)
    for position in range(total - 1, -1, -7):
        assert np.array_equal(backwards.batch(position, 1)[0][0], images[position])


@given(count=st.integers(1, 40), seed=st.integers(0, 1000), epochs=st.integers(1, 4))
def test_each_epoch_shows_each_picture_once(count: int, seed: int, epochs: int) -> None:
    images, _ = data.Stream(numbered(count), seed).batch(0, count * epochs)
    shown = read(images).reshape(epochs, count)
    assert (np.sort(shown, axis=1) == np.arange(count)).all()


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    stream = data.Stream(numbered(500), 3)
    orders = [stream.order(epoch) for epoch in range(3)] + [data.Stream(numbered(500), 4).order(0)]
    for i, one in enumerate(orders):
        for other in orders[:i]:
            assert (one == other).mean() < 0.02  # two permutations agree in one place on average
    steps = np.abs(np.diff(orders[0]))
    assert 500 / 3 * 0.85 < steps.mean() < 500 / 3 * 1.15  # neighbours are as far apart as chance has it


def test_the_order_is_for_ever() -> None:
    """Runs that exist depend on these numbers."""
    stream = data.Stream(numbered(12), 7)
    assert stream.order(0).tolist() == [8, 4, 1, 6, 3, 2, 11, 7, 5, 9, 10, 0]
    assert stream.order(5).tolist() == [0, 4, 3, 9, 2, 10, 5, 8, 11, 6, 1, 7]


def test_mirror_and_shift_are_as_they_are_described() -> None:
    images = genuine.pictures(40, 10, 14)
    dataset = data.Dataset("set", images, "x")
    plain = data.Stream(dataset, 1)
    stream = data.Stream(dataset, 1, mirror=True, translate=3)
    seen = set()
    for position in range(0, 400, 50):
        index, epoch = plain.numbers(position, 50)
        batch, labels = stream.batch(position, 50)
        assert labels is None
        for one, i in zip(batch, index, strict=True):
            padded = np.pad(images[i], ((3, 3), (3, 3), (0, 0)), mode="symmetric")
            found = [
                (flip, down, right)
                for flip in (False, True)
                for down in range(-3, 4)
                for right in range(-3, 4)
                if np.array_equal(one, (padded[3 - down : 13 - down, 3 - right : 17 - right])[:, :: -1 if flip else 1])
            ]
            assert len(found) == 1, "neither a mirrored nor a shifted form of its picture"
            seen.add((*found[0], i, int(epoch[0])))
    flips = np.array([one[0] for one in seen])
    assert 0.4 < flips.mean() < 0.6
    for axis in (1, 2):
        counts = np.bincount([one[axis] + 3 for one in seen], minlength=7)
        assert counts.min() > 0.5 * len(seen) / 7
        assert counts.max() < 1.6 * len(seen) / 7
    again = data.Stream(dataset, 1, mirror=True, translate=3).batch(123, 9)[0]
    assert np.array_equal(again, stream.batch(120, 12)[0][3:])
    only = data.Stream(dataset, 1, mirror=True).batch(0, 40)[0]
    assert {np.array_equal(a, b) for a, b in zip(only, images[plain.numbers(0, 40)[0]], strict=True)} == {True, False}


@pytest.mark.parametrize("translate", [-1, 6, 100])
def test_shifts_that_make_no_sense(translate: int) -> None:
    with pytest.raises(
        UserError, match=rf"--translate {translate}: a shift must be at least 0 and less than .* 6 pixels"
    ):
        data.Stream(numbered(3), 0, translate=translate)


def test_a_range_of_a_set() -> None:
    whole = numbered(30)
    part = whole.part(5, 12)
    assert part.labels is not None
    assert part.labels.tolist() == list(range(5, 12))
    assert part.fingerprint != whole.fingerprint
    assert part.fingerprint != whole.part(5, 13).fingerprint
    assert whole.part(None, None) is whole
    assert whole.part(0, 99) is whole
    with pytest.raises(UserError, match=r"numbered\[40:50\]: there are 30 pictures, and none of them is in this range"):
        whole.part(40, 50)
