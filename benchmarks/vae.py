"""The lecture's two models side by side: the same generator, pictures and number of steps, the same measures.

python benchmarks/vae.py           8,000 steps of each on faces at 32 px, 3 seeds
python benchmarks/vae.py small     1,200 steps, one seed, one core
"""

import sys
from typing import Any

from record import record, workplace

import dcgan
from dcgan.metrics.evaluate import evaluate

MODELS = {"gan": "default", "vae": "vae"}
METRICS = ("fid", "pr", "truth")


def main() -> None:
    for seed in range(3):
        beside("8,000 steps", seed, 5000, {"steps": 8000})


def small() -> None:
    beside("1,200 steps", 0, 1000, {"steps": 1200, "threads": 1})


def beside(length: str, seed: int, count: int, settings: dict[str, Any]) -> None:
    for name, preset in MODELS.items():

        def compute(name: str = name, preset: str = preset) -> dict[str, Any]:
            out = workplace() / f"vae-{name}-{settings['steps']}-{seed}"
            model = dcgan.train("faces", out=out, preset=preset, size=32, seed=seed, **settings)
            found = evaluate(model, metrics=METRICS, count=count)
            told = {figure.name: round(figure.value, 4) for figure in found.figures.values()}
            return {"value": next(iter(told.values())), "figures": told, "notes": found.notes}

        record(
            "vae",
            f"{length}: {name}, seed {seed}",
            compute,
            command="python benchmarks/vae.py",
            seeds=str(seed),
            protocol=f"faces, 32 px, {count:,} samples against as many training pictures; lower is better",
        )


if __name__ == "__main__":
    {"small": small}.get(" ".join(sys.argv[1:]), main)()
