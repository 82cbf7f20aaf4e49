"""A million pictures in a folder: prepared and trained on within 1.5 GiB of anonymous memory beside the networks."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image
from record import record, workplace

COUNT = int(os.environ.get("DCGAN_FIGURES_MILLION", 1_000_000))
LINKS = 50_000  # names of one file; ext4 allows 65,000


def main() -> None:
    record("million", f"{COUNT}", measured, goal=1.5,
           command="dcgan train FOLDER --size 64 --width 16 --steps 300 --m 64",
           protocol=f"GiB of RssAnon, the peak of the command alone while it prepares and trains on {COUNT:,} PNGs "
                    "of 64x64 (names of few files) in 1,000 folders; `children`: of all decoding processes together; "
                    "`few`: the same command with 1,000 pictures, so networks and torch alone")  # fmt: skip


def measured() -> dict:
    folder = workplace() / f"million-{COUNT}"
    if not (folder / "complete").exists():
        _fill(folder / "pictures", COUNT)
        _fill(folder / "few", 1000)
        (folder / "complete").write_text("")
    few, _, _ = _watched(folder / "few", folder)
    own, others, seconds = _watched(folder / "pictures", folder)
    return {"value": round(own, 3), "ok": own <= 1.5, "few": round(few, 3), "children": round(others, 3),
            "seconds": round(seconds)}  # fmt: skip


def _fill(folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(count):
        place = folder / f"{i % 1000:03d}" / f"picture-{i:07d}.png"
        if i < 1000:
            place.parent.mkdir(parents=True, exist_ok=True)
        if i % LINKS == 0:
            first = place
            grain = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(grain).resize((64, 64), Image.Resampling.BICUBIC).save(place)
        else:
            os.link(first, place)


def _watched(pictures: Path, folder: Path) -> tuple[float, float, float]:
    """Peak RssAnon of the training process and of its children together, in GiB, and its seconds."""
    out, home = folder / "run", folder / "cache"
    for place in (out, home):
        shutil.rmtree(place, ignore_errors=True)
    command = [sys.executable, "-m", "dcgan", "train", pictures, "--size", "64", "--width", "16", "--steps", "300",
               "--m", "64", "--out", out, "--quiet"]  # fmt: skip
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | {"DCGAN_CACHE": str(home)})
    peaks, done = [0.0, 0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peaks[0] = max(peaks[0], _anonymous(process.pid))
            peaks[1] = max(peaks[1], sum(map(_anonymous, _children(process.pid))))

    thread = threading.Thread(target=watch)
    thread.start()
    code = process.wait()
    done.set()
    thread.join()
    for place in (out, home):
        shutil.rmtree(place, ignore_errors=True)
    assert code == 0
    return peaks[0], peaks[1], time.perf_counter() - start


def _anonymous(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 2**20
    except OSError:
        pass
    return 0.0


def _children(pid: int) -> list[int]:
    try:
        return [
            int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()
        ]
    except OSError:
        return []


if __name__ == "__main__":
    main()
