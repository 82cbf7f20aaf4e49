"""CIFAR-10, table 1: D's features, learned from its pictures alone, under a linear SVM; beside every other way.

    python benchmarks/features.py choose       five minutes of each recipe, judged on training pictures held out
    python benchmarks/features.py              that, and the best for two hours of two cores; a row for each method,
                                               the supervised ones of 25 passes, and one of D against k-means; then
                                               all of it with mirrored pictures, which the paper does not look at
    python benchmarks/features.py small        ten minutes of one core; every protocol says how few pictures it has seen

The recipe, like C, is chosen on pictures 40,000 to 50,000 of the training set; test labels are used once, to count.
Minutes are the wall's, of two quiet cores: see recipe.py.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import recipe
import torch
from record import chosen, record, workplace

import dcgan
from dcgan import algorithm, data
from dcgan.checkpoint import Header
from dcgan.experiments import classify
from dcgan.files import write_whole
from dcgan.metrics.result import Figure
from dcgan.sample import Model

GOAL = 0.76  # of D's features, from two hours of two cores
PAPER = {
    "D": "82.8 % (D trained on ImageNet)",
    "kmeans": "80.6 % (4,800 centres)",
}
MINUTES = {"choice": 5, "two hours": 120}
SEED = 0
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
VIEWS = (False, True)  # as the paper has it, and with mirrored pictures
SUPERVISED = 20_000  # minibatches of 64 of the networks that learn with labels: 25.6 passes over 50,000 pictures


def choose(threads: int) -> None:
    for name in recipe.FEATURES:
        record(
            "features-choice",
            name,
            lambda name=name: judged(name, threads),
            command="python benchmarks/features.py choose",
            protocol="trained on cifar10[:40000], SVM of 10,000 of them, right of 5,000 of cifar10[40000:]",
            minutes=MINUTES["choice"],
            seeds=str(SEED),
        )


def judged(name: str, threads: int) -> dict[str, Any]:
    model = dcgan.load(trained("choice", name, threads, "cifar10[:40000]"), last=True)
    learned, held_out = (data.open(spec, size=32) for spec in ("cifar10[:40000]", "cifar10[40000:]"))
    found = classify.compute(model, learned, held_out.part(0, 5000), methods=["D"], most=10_000)
    return {"value": found.figures[0].value, "steps": model.header.step}


def trained(stage: str, name: str, threads: int, pictures: str = "cifar10") -> Path:
    steps = recipe.steps_by_the_wall("cifar10", f"features, {name}", MINUTES[stage])
    return recipe.trained("features", stage, pictures, f"features, {name}", steps, SEED, threads)


def measure(
    budget: str, name: str, train: Callable[[], Path], *, each: int, centres: int, most: int | None = None,
    steps: int, mirror: bool, methods: tuple[str, ...] = tuple(classify.CALLED), **settings: Any,
) -> None:  # fmt: skip
    """A row for each method, and one that holds D's features against k-means; the picture of D's clusters. `settings`:
    of the run that `train` leads to, beside its recipe's."""
    budget += ", mirrored" if mirror else ""
    made = {}
    for method in methods:

        def compute(method: str = method) -> dict[str, Any]:
            sets = data.open("cifar10", size=32), data.open("cifar10:test", size=32)
            how = {"each": each, "most": most, "centres": centres, "steps": steps, "mirror": mirror}
            if method != "D":
                told = classify.Task(untrained(name, **settings), *sets, **how).right(method)
                return _row(*told.values())
            model = dcgan.load(train(), device=DEVICE, last=True)
            found = classify.compute(model, *sets, methods=["D"], **how)
            write_whole(workplace() / f"features-{budget}.png", classify.figure(found))
            *told, pure, shared = found.figures
            row = _row(*told) | {figure.name: figure.value for figure in (pure, shared)}
            return row | {"ok": row["value"] >= GOAL, "goal": GOAL, "steps": model.header.step}

        made[method] = record(
            "features",
            f"{budget}: {method}",
            compute,
            command="python benchmarks/features.py",
            paper=PAPER.get(method),
            recipe=name,
            seeds=str(SEED),
            few=each,
        )
    if {"D", "kmeans"} <= made.keys():
        own, other = made["D"]["value"], made["kmeans"]["value"]
        about = {"command": "python benchmarks/features.py", "recipe": name, "seeds": str(SEED)}
        record(
            "features",
            f"{budget}: D above k-means",
            lambda: {"value": own, "goal": other, "side": ">", "ok": own > other},
            **about,
        )


def untrained(name: str, **settings: Any) -> Model:
    """What the other methods ask of a run: its settings. So their rows need no D of two hours."""
    config = recipe.plan("cifar10", f"features, {name}", **settings).config
    state = algorithm.fresh(config)
    return Model(Header(config, 0), state.G, state.D, None, DEVICE)


def _row(all_: Figure, few: Figure | None = None) -> dict[str, Any]:
    return {"value": all_.value, "few labels": few and few.value, "protocol": all_.protocol}


def small() -> None:
    def train() -> Path:
        steps = recipe.steps_for("cifar10", "features, m 64", 10 / recipe.CORES, 1)
        return recipe.trained("features", "small", "cifar10", "features, m 64", steps, SEED, 1)

    for mirror in VIEWS:
        measure(
            "ten minutes, one core", "m 64", train, each=100, centres=200, most=10_000, steps=1500, mirror=mirror,
            methods=("D", "pixels", "random", "kmeans", "cnn"),
        )  # fmt: skip


def main(words: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description="see the first lines of benchmarks/features.py")
    parser.add_argument("stage", nargs="?", default="all", choices=("all", "choose", "small"))
    parser.add_argument("--threads", type=int, default=1, help="of a run; the steps do not depend on it")
    asked = parser.parse_args(list(words))
    if asked.stage == "small":
        small()
    else:
        choose(asked.threads)
    if asked.stage == "all":
        best = chosen("features-choice")["key"]
        for mirror in VIEWS:
            measure(
                "two hours", best, lambda: trained("two hours", best, asked.threads),
                each=400, centres=1600, steps=SUPERVISED, mirror=mirror,
            )  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
