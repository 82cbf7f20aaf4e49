"""Preparing 20,000 JPEGs (341x256) to 64 px against a plain loop in as many processes, pairwise; and a second start."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from record import record, workplace

from dcgan import data
from dcgan.data import children

COUNT = int(os.environ.get("DCGAN_FIGURES_JPEGS", 20_000))
PAIRS = 5
PROTOCOL = (
    f"{COUNT} JPEGs of 341x256, quality 90, in the page cache; median over {PAIRS} pairs of (plain / ours), each from "
    "an empty cache and new processes; plain: Image.open(path).convert('RGB').resize((64, 64)) -> array, in a pool of "
    "as many processes"
)


def main() -> None:
    folder = workplace() / f"jpegs-{COUNT}"
    if not (folder / "complete").exists():
        with get_context("spawn").Pool(children.cores()) as pool:
            pool.map(photographs, [(folder, first) for first in range(0, COUNT, 200)], chunksize=1)
        (folder / "complete").write_text("")
    for key, fast, goal in (("default", False, 1.5), ("fast", True, 2.2)):
        record("prepare", key, lambda fast=fast, goal=goal: pairs(folder, fast, goal), goal=goal, protocol=PROTOCOL,
               command=f"dcgan data JPEGS{' --fast' * fast}")  # fmt: skip
    record("prepare", "second start", lambda: second_start(folder), goal=3.0, command="dcgan train JPEGS",
           protocol="seconds from the command to the start of training, in a new process; median of 5")  # fmt: skip


def photographs(where: tuple[Path, int]) -> None:
    """200 pictures with the spectrum of photographs: noise of all scales, and edges."""
    folder, first = where
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(first)
    for i in range(first, min(first + 200, COUNT)):
        if (i - first) % 10 == 0:
            scene = _scene(rng)
        view = np.roll(scene, rng.integers(0, 256, 2), axis=(0, 1))[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
        image = Image.fromarray((view * rng.uniform(0.8, 1.1)).clip(0, 255).astype(np.uint8))
        image.save(folder / "pictures" / f"{i:05d}.jpg", quality=90)


def _scene(rng: np.random.Generator, height: int = 256, width: int = 341) -> np.ndarray:
    out = np.zeros((height, width, 3))
    for octave in range(1, 9):
        n = 2**octave
        light = rng.normal(size=(max(2, n * height // width + 2), n + 2))
        layers = light[..., None] * 0.85 + rng.normal(size=(*light.shape, 3)) * 0.3
        for c in range(3):
            layer = Image.fromarray(layers[..., c].astype(np.float32))
            out[..., c] += 0.72**octave * np.asarray(layer.resize((width, height), Image.Resampling.BICUBIC))
    out = (out - out.mean()) / out.std() * 52 + 124
    for _ in range(5):
        x, y = rng.integers(0, width - 20), rng.integers(0, height - 20)
        out[y : y + 90, x : x + 120] = out[y : y + 90, x : x + 120] * 0.5 + rng.uniform(0, 255, 3) * 0.5
    return out


def pairs(folder: Path, fast: bool, goal: float) -> dict:
    paths = sorted((folder / "pictures").iterdir())
    for path in paths:
        path.read_bytes()
    plain, ours = [], []
    for _ in range(PAIRS):
        plain.append(timed(lambda: plain_loop(paths)))
        ours.append(timed(lambda: prepared(folder, fast)))
    ratios = [one / other for one, other in zip(plain, ours, strict=True)]
    value = round(statistics.median(ratios), 3)
    return {"value": value, "ok": value >= goal, "ratios": [round(one, 3) for one in ratios],
            "plain_s": round(statistics.median(plain), 2), "ours_s": round(statistics.median(ours), 2)}  # fmt: skip


def timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain_loop(paths: list[Path]) -> None:
    with get_context("fork" if sys.platform == "linux" else "spawn").Pool(children.cores()) as pool:
        images = np.stack(pool.map(_load, paths, chunksize=64))
    assert images.shape == (len(paths), 64, 64, 3)


def _load(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB").resize((64, 64)))


def prepared(folder: Path, fast: bool) -> None:
    os.environ["DCGAN_CACHE"] = str(folder / "cache")
    shutil.rmtree(folder / "cache", ignore_errors=True)
    assert data.open(folder / "pictures", size=64, fast=fast).images.shape == (COUNT, 64, 64, 3)


def second_start(folder: Path) -> dict:
    """From the command to the line that training begins with, torch's import and all."""
    prepared(folder, False)
    seconds = []
    for i in range(5):
        out = folder / f"run{i}"
        shutil.rmtree(out, ignore_errors=True)
        command = [sys.executable, "-m", "dcgan", "train", folder / "pictures", "--size", "64", "--out", out, "--quiet"]
        start = time.perf_counter()
        process = subprocess.Popen(command)
        while not ((log := out / "log.jsonl").exists() and '"event"' in log.read_text()):
            assert process.poll() is None, "it ended before it began"
            time.sleep(0.01)
        seconds.append(time.perf_counter() - start)
        process.kill()
        process.wait()
        shutil.rmtree(out)
    value = round(statistics.median(seconds), 2)
    return {"value": value, "ok": value <= 3, "seconds": [round(one, 2) for one in seconds]}


if __name__ == "__main__":
    main()
