"""The figures that want a GPU, in one command, from source: CIFAR-10's features at length, ten million digits.

    PYTHONPATH=src python benchmarks/paper_gpu.py              both; goes on where it was stopped
    PYTHONPATH=src python benchmarks/paper_gpu.py features
    PYTHONPATH=src python benchmarks/paper_gpu.py one-nn

It needs torch, numpy, Pillow, safetensors and matplotlib, and the sets' files in $DCGAN_DATA or the net. Runs lie under
$DCGAN_FIGURES, rows in docs/results/features.json and one-nn.json. It runs on a CPU too, in days.
"""

import sys
from pathlib import Path
from typing import Any

import features
import one_nn
import recipe
from record import workplace

import dcgan

# D of 128-256-512 maps: 14,336 features, of 60,000 pictures 3.4 GB
FEATURES = {"width": 64, "width_D": 128, "m": 128, "save_every": 5000, "sample_every": 5000}
DIGITS = {"steps": 39_062, "save_every": 5000, "sample_every": 5000}  # the preset as the authors' code has it


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in ("features", "one-nn")]
    if unknown:
        sys.exit(f"paper_gpu: there is no {unknown[0]!r}; there are: features, one-nn")
    if not names or "features" in names:
        for mirror in features.VIEWS:
            features.measure(
                "a GPU's hour", "m 64", an_hour, each=400, centres=4800, steps=20_000, mirror=mirror, **FEATURES
            )
    if not names or "one-nn" in names:
        one_nn.measure("the preset's length", "mnist", DIGITS, (50_000, 1_000_000, 10_000_000))


def an_hour() -> Path:
    out = workplace() / "features-a-GPUs-hour"
    settings: dict[str, Any] = recipe.OTHERS["features, m 64"] | FEATURES
    dcgan.train("cifar10", out=out, seed=features.SEED, minutes=60, **settings)
    return out


if __name__ == "__main__":
    main(sys.argv[1:])
