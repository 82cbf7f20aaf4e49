"""`--preset mnist`, five minutes on two cores: >= 95 % of digits are read as their class, by a reader of real ones."""

import numpy as np
from record import record, workplace

import dcgan
from dcgan import data
from dcgan.metrics.reader import Reader

COMMAND = "dcgan train mnist --preset mnist --minutes 5 --seed {seed}"


def main() -> None:
    for seed in range(3):
        record(
            "mnist",
            f"seed {seed}",
            lambda seed=seed: digits(seed),
            command=COMMAND.format(seed=seed),
            goal=0.95,
            protocol="fraction of 1,000 generated digits that a classifier of the 60,000 training digits reads as "
            "the class they were drawn for; each class at least half as good",
        )


def digits(seed: int) -> dict:
    real, test = data.open("mnist"), data.open("mnist:test")
    assert real.labels is not None
    reader = Reader.train(real.images, {"class": real.labels})
    model = dcgan.train("mnist", preset="mnist", minutes=5, seed=seed, out=workplace() / f"mnist-{seed}")
    read = reader.read(model.sample(range(1000))).values["class"]
    right = read == np.arange(1000) % 10
    each = [float(right[c::10].mean()) for c in range(10)]
    on_real = float((reader.read(test.images).values["class"] == test.labels).mean())
    return {
        "value": float(right.mean()),
        "each": each,
        "real": on_real,
        "steps": model.header.step,
        "ok": bool(right.mean() >= 0.95 and min(each) >= 0.5),
    }
