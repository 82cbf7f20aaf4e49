"""Duplicates: exact ones, and the same picture saved again; and none where pictures merely resemble each other."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genuine
from dcgan import data
from dcgan.data import dedup, pictures
from dcgan.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def dataset(images: np.ndarray) -> data.Dataset:
    return data.Dataset("set", images, "x")


def again(image: Image.Image, quality: int, scale: float = 1, light: float = 1) -> Image.Image:
    """Saved as JPEG at some size and light."""
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    file = io.BytesIO()
    image.point(lambda value: min(255, round(value * light))).save(file, "JPEG", quality=quality)
    return Image.open(file)


def small(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((64, 64)))


def test_exact() -> None:
    images = genuine.pictures(30, 16, 16)
    images[[7, 20, 29]] = images[3]
    images[11] = images[10]
    wanted = np.full(30, -1)
    wanted[[7, 20, 29]], wanted[11] = 3, 10
    assert np.array_equal(dedup.duplicates(dataset(images)), wanted)


@pytest.mark.parametrize("name", ["faces", "rooms"])
def test_saved_again(name: str) -> None:
    large = [Image.fromarray(one) for one in pictures.draw(name, range(40), 200)[0]]
    others = pictures.draw(name, range(1000, 1300), 64)[0]
    kept = np.stack([small(one) for one in large])
    for how in ({"quality": 90}, {"quality": 60}, {"quality": 70, "scale": 0.5}, {"quality": 90, "light": 0.9}):
        copies = np.stack([small(again(one, **how)) for one in large])
        assert not (copies == kept).all(axis=(1, 2, 3)).any()
        of = dedup.duplicates(dataset(np.concatenate([others, kept, copies])))
        assert np.array_equal(of[340:], np.arange(300, 340)), how
        assert (of[:340] == -1).mean() > 0.99  # the paper's bound: false ones below 1 in 100


def test_what_resembles_is_not_taken_for_the_same() -> None:
    """Each of 400 faces is another; so are noises, and pictures of one shade each."""
    faces = pictures.draw("faces", range(400), 32)[0]
    noise = np.random.default_rng(0).integers(0, 255, (200, 32, 32, 3)).astype(np.uint8)
    shades = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None, None], (200, 32, 32, 3))
    mirrored = faces[:50, :, ::-1]
    assert (dedup.duplicates(dataset(np.concatenate([faces, noise, shades, mirrored]))) == -1).all()


def test_much_lighter_is_another_picture() -> None:
    one = pictures.draw("rooms", [5], 64)[0][0]
    images = np.stack([one, (one * 0.95).astype(np.uint8), (one * 0.6).astype(np.uint8)])
    assert dedup.duplicates(dataset(images)).tolist() == [-1, 0, -1]


@pytest.mark.parametrize("shape", [(5, 9, 1), (16, 16, 4), (28, 28, 1), (8, 20, 3)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    images = genuine.pictures(20, *shape)
    images[13] = images[4]
    of = dedup.duplicates(dataset(images))
    assert of[13] == 4
    assert (of >= 0).sum() == 1


def test_left_out_of_a_folder(tmp_path: Path, home: Path) -> None:
    images = genuine.pictures(12, 64, 64)
    folder = genuine.folder(tmp_path / "set", images, [i % 2 for i in range(12)])
    genuine.image(images[4]).save(folder / "class1" / "00098.png")
    again(genuine.image(images[2]), 85).save(folder / "class0" / "99.jpg")
    (folder / "broken.png").write_bytes(b"")
    report = data.scan(folder, workers=0, dedup=True)
    assert report.images == 12
    assert report.dataset.facts["duplicates"] == 2
    assert {Path(one.path).name: one.reason for one in report.skipped} == {
        "broken.png": "an empty file",
        "99.jpg": "a duplicate of class0/00002.png",
        "00098.png": "a duplicate of class0/00004.png",
    }
    assert report.classes == {"class0": 6, "class1": 6}
    assert [Path(name).name for name in report.dataset.names or []] == [
        f"{i:05d}.png" for i in (*range(0, 12, 2), *range(1, 12, 2))
    ]
    whole = data.open(folder, workers=0, max_bad=1)
    assert len(whole) == 14
    assert whole.fingerprint != report.dataset.fingerprint
    assert data.open(folder, workers=0, max_bad=1, dedup=True).fingerprint == report.dataset.fingerprint
    assert "duplicates" not in whole.facts
    unique = data.open(genuine.folder(tmp_path / "other", images), workers=0, dedup=True)
    assert unique.facts["duplicates"] == 0
    with pytest.raises(UserError, match="--dedup-by exactly: no such method"):
        data.open(folder, workers=0, max_bad=1, dedup=True, dedup_by="exactly")


def test_a_class_that_repeats_another_goes(tmp_path: Path) -> None:
    """And names are those of today, also where the same pixels were looked through under other names."""
    folder = genuine.folder(tmp_path / "set", genuine.pictures(4, 32, 32), [0, 0, 1, 1])
    (folder / "class2").mkdir()
    shutil.copy(folder / "class0" / "00000.png", folder / "class2" / "again.png")
    found = data.open(folder, workers=0, dedup=True)
    assert found.classes == ("class0", "class1")
    assert found.labels is not None
    assert found.labels.tolist() == [0, 0, 1, 1]
    (folder / "class2" / "again.png").rename(folder / "class2" / "renamed.png")
    again = data.open(folder, workers=0, dedup=True)
    assert [Path(one.path).name for one in again.skipped] == ["renamed.png"]


def test_labels_and_factors_follow() -> None:
    found = data.open("numbers:40", size=16, workers=0)
    doubled = data.Dataset(
        "twice", np.concatenate([found.images, found.images[::-1]]), "y",
        labels=np.concatenate([found.labels, found.labels[::-1]]), classes=found.classes,
        factors={name: np.concatenate([values, values[::-1]]) for name, values in found.factors.items()},
    )  # fmt: skip
    once = dedup.leave_out(doubled, dedup.duplicates(doubled), "perceptual")
    assert np.array_equal(once.images, found.images)
    assert np.array_equal(once.labels, found.labels)
    for name, values in found.factors.items():
        assert np.array_equal(once.factors[name], values)
    assert once.skipped[0].reason == "a duplicate of picture 39"
