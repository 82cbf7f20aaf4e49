"""`make figures`: everything that takes longer than a test, each row made once, going on where it was stopped.

make figures                    all of them
python benchmarks/figures.py demo mnist
"""

import importlib
import sys

FIGURES = (
    "demo",
    "mnist",
    "prepare",
    "fuzz",
    "million",
    "train",
    "sample",
    "start",
    "scale",
    "studio",
    "drag",
    "features",
    "one_nn",
    "vae",
    "recipe",
    "guidelines",
    "stability",
    "small_data",
    "time_to_quality",
    "precision",
    "quality",
    "paper",
)  # each a module here with main(): what it shows is its first line


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        sys.exit(f"figures: there is no {unknown[0]!r}; there are: {', '.join(FIGURES)}")
    for name in names or FIGURES:
        importlib.import_module(name).main()


if __name__ == "__main__":
    main(sys.argv[1:])
