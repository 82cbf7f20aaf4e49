"""A generator that copies is caught, in part and in disguise; one that draws anew is not, however smooth."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from dcgan import data
from dcgan.config import Config
from dcgan.console import Console
from dcgan.metrics import copies as copies_of
from dcgan.metrics import memorisation as module
from dcgan.metrics import sets
from dcgan.metrics.memorisation import memorisation, nearest
from dcgan.metrics.result import Result
from dcgan.metrics.subject import Subject

T, H, N = 600, 500, 400


@pytest.fixture(scope="module")
def real() -> dict[str, np.ndarray]:
    """Discs of any colour, place and size on any ground: trained on, held out, and more of the same."""
    u = np.random.default_rng(0).random((T + H + N, 9, 1, 1, 1))
    y, x = np.mgrid[:16, :16][..., None] / 16
    inside = (y - u[:, 0]) ** 2 + (x - u[:, 1]) ** 2 < (0.1 + 0.4 * u[:, 2]) ** 2
    ground, disc = (np.concatenate([u[:, i + k] for k in range(3)], -1) for i in (3, 6))
    images = (255 * np.where(inside, disc, ground)).astype(np.uint8)
    return {"seen": images[:T], "unseen": images[T : T + H], "fresh": images[T + H :]}


def found(samples: np.ndarray, real: dict[str, np.ndarray]) -> module.Memory:
    return memorisation([samples], real["seen"], [real["unseen"]])


def copies(real: dict[str, np.ndarray], n: int = N) -> np.ndarray:
    return real["seen"][np.random.default_rng(1).permutation(T)[:n]]


def blurred(images: np.ndarray, side: int) -> np.ndarray:
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    x = F.interpolate(F.interpolate(x, (side, side), mode="area"), images.shape[1:3], mode="bilinear")
    return x.round().byte().permute(0, 2, 3, 1).numpy()


def test_new_pictures_are_no_copies(real):
    memory = found(real["fresh"], real)
    assert memory.ok
    assert abs(memory.copied) < 3 * memory.error
    assert abs(memory.floor) < 4 * memory.error * math.sqrt(N / (H / 2))
    assert memory.verbatim == 0
    assert 0.02 < memory.error < 0.15
    assert len(memory.distances) == N
    assert len(memory.held_out) == H // 2


def test_copies_are_copies(real):
    memory = found(copies(real), real)
    assert memory.copied == 1
    assert memory.ok is False
    assert (memory.distances == 0).all()
    assert np.array_equal(real["seen"][memory.nearest], copies(real))


@pytest.mark.parametrize("disguise", ["grain", "softness", "shade"])
def test_disguised_copies_are_copies(real, disguise):
    images = copies(real).astype(float)
    if disguise == "grain":
        images += np.random.default_rng(2).normal(0, 30, images.shape)
    elif disguise == "softness":
        images = blurred(copies(real), 8).astype(float)
    else:
        images = images * 0.8 + 20
    memory = found(images.clip(0, 255).astype(np.uint8), real)
    assert memory.copied > 0.7
    assert memory.ok is False


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_number_is_the_share_of_copies(real, share):
    samples = real["fresh"].copy()
    n = int(share * N)
    samples[:n] = copies(real, n)
    memory = found(samples, real)
    assert memory.copied == pytest.approx(share, abs=3 * memory.error)
    assert memory.ok is False


@pytest.mark.parametrize("side", [8, 5, 3])
def test_smooth_new_pictures_are_no_copies(real, side):
    """Although many of them lie nearer to a training picture than held-out ones do."""
    memory = found(blurred(real["fresh"], side), real)
    assert memory.ok is not False
    assert memory.copied < memory.goal


def test_collapse_onto_one_training_picture_is_a_copy(real):
    """All samples have one neighbour, from which shares tell nothing; their distances do."""
    memory = found(np.repeat(real["seen"][:1], N, 0), real)
    assert memory.goal > 1
    assert (memory.verbatim, memory.ok) == (1, False)


def test_what_has_too_few_neighbours_cannot_be_told(real):
    memory = found(np.full_like(real["fresh"], 128), real)
    assert (memory.verbatim, memory.ok) == (0, None)


def test_mirrored_copies_are_seen_where_mirrors_are_looked_at(real):
    samples = copies(real)[:, :, ::-1]
    assert found(samples, real).copied < 0.5
    memory = memorisation([samples, samples[:, :, ::-1]], real["seen"], [real["unseen"], real["unseen"][:, :, ::-1]])
    assert memory.copied == 1


def test_few_training_pictures_compared_stand_for_all(real):
    """Half of them compared: half of the copies go unnoticed, and the estimate makes up for that."""
    memory = memorisation([copies(real)], real["seen"][: T // 2], [real["unseen"]]).scaled(2)
    assert memory.copied == pytest.approx(1, abs=3 * memory.error)
    assert memory.ok is False


def test_its_error_is_that_of_chance():
    """Of 200 fair generators, the estimate over its error has no bias and a deviation of one, though the samples of
    each crowd round few pictures: counted as if each sample stood alone, it would come out at three or so."""
    scores, crowds = [], []
    for seed in range(200):
        draw = np.random.default_rng(seed)
        seen, unseen = draw.normal(size=(60, 2)), draw.normal(size=(40, 2))
        samples = draw.normal(size=(100, 2)) * 0.3  # in the middle, where few pictures are
        memory = memorisation([samples], seen, [unseen])
        scores.append(memory.copied / memory.error)
        crowds.append(memory.error / (math.sqrt(0.6 / 0.4 / 100)))
    assert abs(np.mean(scores)) < 3 / math.sqrt(200)
    assert 0.8 < np.std(scores) < 1.15  # the labels are drawn without putting back: a little less than one
    assert np.mean(crowds) > 2


def test_nearest_is_a_search_of_all(monkeypatch):
    draw = np.random.default_rng(0)
    x, pool = draw.normal(size=(31, 7)) + 100, draw.normal(size=(97, 7)) + 100
    apart = np.linalg.norm(x[:, None] - pool, axis=2)
    for numbers in (1 << 25, 16 * 7):
        monkeypatch.setattr(module, "NUMBERS", numbers)
        distances, which = nearest([x], pool)
        assert np.array_equal(which, apart.argmin(1))
        np.testing.assert_allclose(distances, apart.min(1), rtol=1e-5)  # float32 rows, a hundred from zero


def test_of_many_pictures_some_of_all_classes_are_compared(monkeypatch):
    """However they are ordered: a folder's come class by class."""
    from dcgan.metrics import copies as asked

    monkeypatch.setattr(asked, "SEEN", 100)
    classes = np.repeat(np.arange(10), 55)
    some, step = asked.spread(classes)
    assert len(some) <= 100
    assert set(some) == set(range(10))
    assert np.array_equal(classes[step * np.arange(len(some))], some)
    assert np.array_equal(asked.spread(classes[:100])[0], classes[:100])


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([True, True], "no sign of copies"),
        ([True, None], "no sign of copies"),
        ([None, None], "whether it copies cannot be told"),
        ([None, False], "copies were found"),
        ([True, False], "copies were found"),
    ],
)
def test_what_they_come_to(told, said):
    from dcgan.metrics.copies import verdict
    from dcgan.metrics.result import Figure

    assert verdict([Figure("copied", 0.0, {}, "0", ok=ok) for ok in told]) == said


@pytest.mark.parametrize("mirror", [True, False])
def test_a_mirrored_copy_is_a_copy_where_training_mirrored(mirror, real, monkeypatch):
    """Also where nothing was held out, and copies to the letter are all that can be told."""
    seen, samples = data.open(real["seen"]), data.open(real["seen"][:100, :, ::-1].copy())
    monkeypatch.setattr(sets, "features", lambda extractor, pictures, console: pictures.flat())
    config = Config(mirror=mirror)
    judged = Subject("mine", sets.of_dataset(samples), seen, "array", 100, 0, config=config, training=seen)
    told = Result("")
    copies_of.copies(told, judged, SimpleNamespace(name="stub"), None, Console(quiet=True))
    assert (told.figures["copied to the letter (pixels)"].value == 1) is mirror  # some discs are their own mirror image
