"""On a GPU: ours against the textbook loop, how near its arithmetic comes to the card's own, an epoch of MNIST.

    PYTHONPATH=src python benchmarks/gpu.py            rows of docs/results/gpu.json; from source, with $DCGAN_DATA

Goals: 8 times the textbook loop at 64 px, width 64, m 128; half of the card's bf16 rate, as its best matrix product
shows it in the same run, at width 128, m 512; an epoch of MNIST in less than a second.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from record import record
from torch.utils.flop_counter import FlopCounterMode
from train import ours, ports, rounds

COMMAND = "PYTHONPATH=src python benchmarks/gpu.py"
SIDE, EPOCH = 8192, 60_000


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit("gpu: torch finds no GPU here")
    about = {"command": COMMAND, "device": torch.cuda.get_device_name()}
    record("gpu", "textbook", against, goal=8.0, protocol="seconds a step of the textbook loop / ours, 64 px, width "
           "64, m 128, in turns", **about)  # fmt: skip
    record("gpu", "rate", rate, goal=0.5, protocol=f"FLOP/s of our step at 64 px, width 128, m 512 / those of a bf16 "
           f"product of {SIDE:,} x {SIDE:,} matrices", **about)  # fmt: skip
    record("gpu", "mnist", epoch, goal=1.0, protocol=f"seconds of {EPOCH:,} pictures at `--preset mnist`", **about)


def against(device: str = "cuda", size: int = 64, width: int = 64, m: int = 128) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        theirs = ports(Path(folder), size, width, m, device)
        _, _, steps = ours({"size": size, "width": width, "m": m}, device=device)
        seconds = rounds({"textbook": lambda: next(theirs), "ours": lambda: next(steps)}, wait(device))
    best = {name: min(each) for name, each in seconds.items()}
    ratio = best["textbook"] / best["ours"]
    speed = {name: round(m / each) for name, each in best.items()}
    return {"value": round(ratio, 2), "ok": ratio >= 8, "images_per_s": speed}


def rate(device: str = "cuda", size: int = 64, width: int = 128, m: int = 512, side: int = SIDE) -> dict[str, Any]:
    config, _, steps = ours({"size": size, "width": width, "m": m}, device=device)
    with FlopCounterMode(display=False) as counted:
        next(steps)
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    seconds = rounds({"step": lambda: next(steps), "product": lambda: a @ b}, wait(device))
    step = counted.get_total_flops() / min(seconds["step"])
    peak = 2 * side**3 / min(seconds["product"])
    speed = {"step": round(step / 1e12, 3), "product": round(peak / 1e12, 3)}
    return {"value": round(step / peak, 3), "ok": step >= peak / 2, "TFLOP_per_s": speed, "precision": config.precision}


def epoch(device: str = "cuda", pictures: str = "mnist") -> dict[str, Any]:
    config, _, steps = ours({}, pictures, "mnist", device)
    count = -(-EPOCH // config.m)
    for _ in range(10):
        next(steps)
    wait(device)()
    began = time.perf_counter()
    for _ in range(count):
        next(steps)
    wait(device)()
    seconds = time.perf_counter() - began
    return {"value": round(seconds, 3), "ok": seconds < 1, "steps": count, "precision": config.precision}


def wait(device: str):
    return torch.cuda.synchronize if device == "cuda" else lambda: None


if __name__ == "__main__":
    main()
