"""CIFAR-10, table 1: D's features, learned from its pictures alone, under a linear SVM; beside every other way.

    python benchmarks/features.py choose       ten minutes of each recipe, judged on training pictures held out
    python benchmarks/features.py              that, and the best for two hours of two cores; a row for each method,
                                               the supervised ones of 25 passes, and one of D against k-means
    python benchmarks/features.py small        minutes, for one core; every protocol says how few pictures it has seen

The recipe, like C, is chosen on pictures 40,000 to 50,000 of the training set; test labels are used once, to count.
"""

import sys
from typing import Any

import torch
from record import chosen, record, workplace

import dcgan
from dcgan import data
from dcgan.experiments import classify
from dcgan.files import write_whole

GOAL = 0.76  # of D's features, from two hours of two cores
PAPER = {
    "D": "82.8 % (D trained on ImageNet)",
    "kmeans": "80.6 % (4,800 centres)",
}
SHARED: dict[str, Any] = {"size": 32, "mirror": True, "width": 32, "width_D": 64}  # D's features: 7,168 numbers
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "m 64": {"m": 64},
    "equal rates": {"m": 64, "lr": 5e-4},
    "spectral norm": {"norm_D": "spectral", "m": 64},
    "augment": {"augment": True, "m": 64},
    "wide D": {"m": 64, "width_D": 128},
}
SEED = 0
SUPERVISED = 20_000  # minibatches of 64 of the networks that learn with labels: 25.6 passes over 50,000 pictures


def main() -> None:
    choose()
    measure("two hours", chosen("features-choice")["key"], 120, each=400, centres=1600, steps=SUPERVISED)


def choose() -> None:
    for name in RECIPES:
        record(
            "features-choice",
            name,
            lambda name=name: judged(name),
            command="python benchmarks/features.py choose",
            protocol="10 minutes; trained on cifar10[:40000], SVM of 10,000 of them, right of 5,000 of cifar10[40000:]",
            seeds=str(SEED),
        )


def judged(name: str) -> dict[str, Any]:
    model = train(f"choice-{name}", name, 10, "cifar10[:40000]")
    learned, held_out = (data.open(spec, size=32) for spec in ("cifar10[:40000]", "cifar10[40000:]"))
    found = classify.compute(model, learned, held_out.part(0, 5000), methods=["D"], most=10_000)
    return {"value": found.figures[0].value, "steps": model.header.step}


def train(out: str, recipe: str, minutes: float, pictures: str = "cifar10", **more: Any) -> dcgan.Model:
    path = workplace() / f"features-{out}"
    dcgan.train(pictures, out=path, seed=SEED, minutes=minutes, **SHARED | RECIPES[recipe] | more)
    return dcgan.load(path, device="cuda" if torch.cuda.is_available() else "cpu")


def measure(
    budget: str, recipe: str, minutes: float, *, each: int, centres: int, most: int | None = None,
    steps: int, methods: tuple[str, ...] = tuple(classify.CALLED), **more: Any,
) -> None:  # fmt: skip
    """A row for each method, and one that holds D's features against k-means; the picture of D's clusters."""
    made = {}
    for method in methods:

        def compute(method: str = method) -> dict[str, Any]:
            model = train(budget.replace(" ", "-"), recipe, minutes, **more)
            seen, unseen = data.open("cifar10", size=32), data.open("cifar10:test", size=32)
            found = classify.compute(
                model, seen, unseen, methods=[method], each=each, most=most, centres=centres, steps=steps
            )
            if method == "D":
                write_whole(workplace() / f"features-{budget}.png", classify.figure(found))
            told = {figure.name: figure for figure in found.figures}
            all_, few = (
                told.get(f"{classify.CALLED[method]}, {words}") for words in ("all labels", f"{each} labels a class")
            )
            assert all_ is not None
            row = {"value": all_.value, "few labels": few and few.value, "protocol": all_.protocol}
            if method == "D":
                row |= {"ok": all_.value >= GOAL, "goal": GOAL, "steps": model.header.step}
                row |= {name: told[name].value for name in ("purity of clusters", "mutual information of clusters")}
            return row

        made[method] = record(
            "features",
            f"{budget}: {method}",
            compute,
            command="python benchmarks/features.py",
            paper=PAPER.get(method),
            minutes=minutes,
            recipe=recipe,
            seeds=str(SEED),
            few=each,
        )
    if {"D", "kmeans"} <= made.keys():
        own, other = made["D"]["value"], made["kmeans"]["value"]
        about = {"command": "python benchmarks/features.py", "recipe": recipe, "seeds": str(SEED)}
        record(
            "features",
            f"{budget}: D above k-means",
            lambda: {"value": own, "goal": other, "side": ">", "ok": own > other},
            **about,
        )


def small() -> None:
    measure(
        "ten minutes, one core", "m 64", 10, each=100, centres=200, most=10_000, steps=1500,
        methods=("D", "pixels", "random", "kmeans", "cnn"), threads=1,
    )  # fmt: skip


if __name__ == "__main__":
    {"choose": choose, "small": small}.get(" ".join(sys.argv[1:]), main)()
