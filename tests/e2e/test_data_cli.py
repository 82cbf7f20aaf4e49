"""`dcgan data` on each kind of source, as a command: what it says, and a contact sheet that is right side up and in
right colours (the pictures of `genuine` have no symmetry).
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genuine

N = 25
IMAGES = genuine.pictures(N, 32, 32)
GREY = genuine.pictures(N, 28, 28, 1)
LABELS = np.arange(N) % 5

SOURCES: dict[str, Callable[[Path], Path | str]] = {
    "folder": lambda at: genuine.folder(at / "set", IMAGES, LABELS),
    "zip": lambda at: genuine.zipped(at / "set.zip", genuine.named(IMAGES, LABELS)),
    "tar.gz": lambda at: genuine.tarred(at / "set.tar.gz", genuine.named(IMAGES, LABELS)),
    "pattern": lambda at: f"{genuine.folder(at / 'set', IMAGES)}/*.png",
    "shards": lambda at: genuine.shards(at / "set", IMAGES, LABELS),
    "mnist": lambda at: genuine.mnist(at / "set", GREY, LABELS),
    "emnist": lambda at: genuine.emnist(at / "set", GREY, LABELS),
    "cifar10": lambda at: genuine.cifar10(at / "set", np.concatenate([IMAGES, IMAGES[:5]]), np.arange(30) % 5),
    "cifar10-python": lambda at: genuine.cifar10_python(at / "set", np.concatenate([IMAGES, IMAGES[:5]]), np.arange(30) % 5),  # noqa: E501
    "stl10": lambda at: genuine.stl10(at / "set", genuine.pictures(N, 96, 96), LABELS),
    "svhn": lambda at: genuine.svhn(at / "train_32x32.mat", IMAGES, LABELS),
    "lsun": lambda at: genuine.lsun(at / "set", IMAGES, lossless=True),
    "celeba": lambda at: genuine.celeba(at / "celeba", np.concatenate([IMAGES, IMAGES[:2]]), np.ones((N + 2, 4), int)),
    "npz": lambda at: (np.savez(at / "set.npz", images=IMAGES), at / "set.npz")[1],
    "parquet": lambda at: genuine.parquet(at / "set.parquet", IMAGES, LABELS),
}  # fmt: skip


def dcgan(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DCGAN_CACHE": str(home / "cache"), "COLUMNS": "200"}
    command = [sys.executable, "-m", "dcgan", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def tiles(sheet: Path, side: int, gap: int = 2) -> set[bytes]:
    """The pictures on a sheet."""
    image = np.asarray(Image.open(sheet))
    rows, columns = ((length - gap) // (side + gap) for length in image.shape[:2])
    assert columns == 10
    places = [
        (gap + row * (side + gap), gap + column * (side + gap)) for row in range(rows) for column in range(columns)
    ]
    return {image[y : y + side, x : x + side].tobytes() for y, x in places}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_data(name: str, tmp_path: Path) -> None:
    spec = SOURCES[name](tmp_path)
    sheet = tmp_path / "sheet.png"
    done = dcgan("data", spec, "--json", "--out", sheet, home=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["images"] == N
    assert told["skipped"] == []
    wanted = GREY if "mnist" in name else genuine.pictures(N, 96, 96) if name == "stl10" else IMAGES
    side = (
        64 if name in ("folder", "zip", "tar.gz", "pattern", "shards", "lsun", "celeba", "parquet") else wanted.shape[1]
    )
    if name == "celeba":
        wanted = np.stack(
            [np.asarray(Image.open(io.BytesIO(genuine.encoded(one, "JPEG", quality=95)))) for one in wanted]
        )
    for one in wanted:
        assert np.asarray(genuine.image(one).resize((side, side))).tobytes() in tiles(sheet, side)


def test_trouble_is_told_and_training_stops_before_it_starts(tmp_path: Path) -> None:
    folder = genuine.folder(tmp_path / "set", IMAGES[:4])
    (folder / "bad.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("notes")
    done = dcgan("data", folder, "--json", home=tmp_path)
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["images"] == 4
    assert {Path(one["path"]).name: one["reason"] for one in told["skipped"]} == {
        "bad.jpg": "text, not a picture",
        "notes.txt": "not a picture",
    }
    done = dcgan("data", folder, home=tmp_path)
    assert "text, not a picture" in done.stdout
    done = dcgan("train", folder, "--out", tmp_path / "run", home=tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("dcgan: set: 1 of 5 pictures cannot be read, more than --max-bad 0.1 allows (bad.jpg: text")
    assert not (tmp_path / "run").exists()
    done = dcgan("data", "--clear", "--json", home=tmp_path)
    assert json.loads(done.stdout)["freed"] > 0
    assert not list((tmp_path / "cache").rglob("*.npy"))
