"""Pictures streamed from shards: the same pixels as prepared ones, restored by position alone, read shard by shard."""

from pathlib import Path

import numpy as np
import pytest

import genuine
from dcgan import data
from dcgan.data import streamed
from dcgan.data.stream import _AHEAD
from dcgan.errors import UserError

N = 90
IMAGES = genuine.pictures(N, 12, 12)
LABELS = np.arange(N) % 5


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("kind", ["shards", "folder", "zip"])
def test_the_same_pixels_as_prepared(tmp_path: Path, home: Path, kind: str) -> None:
    path = {
        "shards": lambda: genuine.shards(tmp_path / "set", IMAGES, LABELS, count=6),
        "folder": lambda: genuine.folder(tmp_path / "set", IMAGES, LABELS),
        "zip": lambda: genuine.zipped(tmp_path / "set.zip", genuine.named(IMAGES, LABELS)),
    }[kind]()
    lazy = data.open(path, size=8, stream=True, workers=2)
    assert not (home / "prepared").exists()
    ready = data.open(path, size=8, workers=0)
    assert lazy.images.shape == ready.images.shape
    assert len(lazy) == N
    assert (lazy.size, lazy.channels, lazy.classes) == (ready.size, ready.channels, ready.classes)
    assert np.array_equal(lazy.images[:], ready.images)
    assert np.array_equal(lazy.images[7], ready.images[7])
    assert np.array_equal(lazy.images[-1], ready.images[-1])
    assert np.array_equal(lazy.images[10:50:3], ready.images[10:50:3])
    assert np.array_equal(lazy.images[np.array([5, 80, 5])], ready.images[[5, 80, 5]])
    assert np.array_equal(lazy.images[np.arange(N) == 4], ready.images[4:5])
    assert lazy.images[:0].shape == (0, 8, 8, 3)
    assert np.array_equal(lazy.labels, ready.labels)
    with pytest.raises(IndexError):
        lazy.images[N]


def test_position_restores_it_and_each_epoch_is_whole(tmp_path: Path) -> None:
    path = genuine.shards(tmp_path / "set", IMAGES, LABELS, count=6)
    ready = data.open(path, workers=0, size=12)
    dataset = data.open(path, size=12, stream=True, workers=2)
    stream = data.Stream(dataset, 5, mirror=True, translate=1)
    straight = [stream.batch(position, 25) for position in range(0, 250, 25)]
    again = data.Stream(data.open(path, size=12, stream=True, workers=1), 5, mirror=True, translate=1)
    for k in (9, 3, 4, 0):
        images, labels = again.batch(k * 25, 25)
        assert np.array_equal(images, straight[k][0])
        assert np.array_equal(labels, straight[k][1])
    plain = data.Stream(dataset, 5)
    images, labels = plain.batch(0, 2 * N)
    index = np.concatenate([plain.order(0), plain.order(1)])
    assert sorted(index[:N].tolist()) == sorted(index[N:].tolist()) == list(range(N))
    assert index[:N].tolist() != index[N:].tolist()
    assert np.array_equal(images, ready.images[index])
    assert np.array_equal(labels, ready.labels[index])


def test_a_range_of_streamed_pictures_is_streamed(tmp_path: Path) -> None:
    path = genuine.shards(tmp_path / "set", IMAGES, LABELS, count=6)
    ready, lazy = (data.open(path, size=12, workers=0, stream=stream).part(7, 50) for stream in (False, True))
    assert lazy.streamed
    assert len(lazy.images) == 43
    assert np.array_equal(lazy.images[:], ready.images)
    images, labels = data.Stream(lazy, 3).batch(0, 43)
    assert sorted(map(bytes, images)) == sorted(map(bytes, ready.images))
    assert np.array_equal(np.sort(labels), np.sort(ready.labels))


@pytest.mark.parametrize("processes", [1, 2, 8])
def test_what_comes_next_is_decoded_ahead(tmp_path: Path, processes: int) -> None:
    """Where other processes take some of each minibatch too: every picture that is decoded is one of ours."""
    dataset = data.open(genuine.shards(tmp_path / "set", IMAGES, LABELS, count=6), size=12, stream=True, workers=0)
    asked: list[int] = []
    images: streamed.Streamed = dataset.images  # type: ignore[assignment]
    request = images.request
    images.request = lambda index: asked.extend(index.tolist()) or request(index)  # type: ignore[method-assign]
    stream, m = data.Stream(dataset, 0), 16
    for i in range(6):
        stream.batch(i * m, m // processes, m)
    ours = [stream.numbers(i * m, m // processes)[0].tolist() for i in range(6 + _AHEAD)]
    assert asked == [number for batch in ours for number in batch]


def test_windows_of_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a window all is shuffled, and it holds few shards; the windows change from epoch to epoch."""
    monkeypatch.setattr(streamed, "WINDOW", 1000)
    rng = np.random.default_rng(0)
    shards = np.repeat(np.arange(40), rng.integers(50, 150, 40))
    orders = []
    for epoch in range(2):
        random = np.random.Philox(key=np.array([1, epoch], np.uint64))
        order = streamed.windowed(shards, random.random_raw(len(shards)), random)
        assert np.array_equal(np.sort(order), np.arange(len(shards)))
        orders.append(order)
        met = [set(shards[order[i : i + 500]].tolist()) for i in range(0, len(order) - 500, 500)]
        assert max(map(len, met)) <= 24  # two windows of some ten shards, where a full shuffle meets all 40
        assert min(map(len, met)) >= 8  # and no shard is read by itself
        first = shards[order[:900]]
        assert abs(np.corrcoef(np.arange(900), first)[0, 1]) < 0.1
    assert set(shards[orders[0][:900]].tolist()) != set(shards[orders[1][:900]].tolist())


def test_a_bad_picture_gives_way_to_the_next(tmp_path: Path) -> None:
    folder = genuine.folder(tmp_path / "set", IMAGES, LABELS)
    order = np.argsort(LABELS, kind="stable")
    for number in (10, 11, N - 1):
        path = sorted(folder.rglob("*.png"))[number]
        path.write_bytes(b"no picture")
    dataset = data.open(folder, size=12, stream=True, workers=1, max_bad=0.1)
    wanted = IMAGES[order].copy()
    wanted[10], wanted[11], wanted[N - 1] = wanted[12], wanted[12], wanted[0]
    assert np.array_equal(dataset.images[:], wanted)
    assert [Path(one.path).name for one in dataset.skipped] == [
        sorted(folder.rglob("*.png"))[number].name for number in (10, 11, N - 1)
    ]
    _, labels = data.Stream(dataset, 0).batch(0, N)
    kept = LABELS[order].copy()
    kept[10], kept[11], kept[N - 1] = kept[12], kept[12], kept[0]
    assert np.array_equal(labels, kept[data.Stream(dataset, 0).order(0)])


def test_too_many_bad_ones_stop_it(tmp_path: Path) -> None:
    folder = genuine.folder(tmp_path / "set", IMAGES)
    for path in sorted(folder.glob("*.png"))[::2]:
        path.write_bytes(b"no picture")
    dataset = data.open(folder, size=12, stream=True, workers=1)
    with pytest.raises(
        UserError, match=r"set: \d+ of the \d+ pictures looked at so far cannot be read, more than --max-bad 0.1"
    ):
        dataset.images[:]


def test_what_cannot_be_streamed_says_so_and_what_needs_no_preparing_is_not(tmp_path: Path) -> None:
    packed = genuine.tarred(tmp_path / "set.tar.gz", genuine.named(IMAGES))
    with pytest.raises(UserError, match="cannot be streamed"):
        data.open(packed, stream=True)
    assert data.open(IMAGES, stream=True).images is not None
    assert len(data.open("numbers:5", stream=True, workers=0)) == 5


def test_a_set_larger_than_the_disk_is_streamed(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = genuine.shards(tmp_path / "set", IMAGES, LABELS)
    told: list[str] = []
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    dataset = data.open(path, size=12, workers=1, progress=lambda what, done, total: told.append(what))
    assert isinstance(dataset.images, streamed.Streamed)
    assert told == ["set is larger than the free disk: it is decoded while it is read"]
    assert len(list(home.rglob("*.npy"))) == 0
