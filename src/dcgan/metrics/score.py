"""A run's score while it trains, on a small budget: `train --evaluate-every` logs it, and keeps the best checkpoint.

KID of 1,000 samples, always of the same seeds, against as many training pictures, always the same, by lite0. KID and
not FID, because it has no bias: of 1,000 pictures in 1,280 dimensions FID would be mostly that. Lower is better.
"""

from dcgan import data
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.metrics import distances, features, lite0, sets
from dcgan.sample import Model

BUDGET = 1000  # samples, and training pictures: about 20 s on a core
FEW = 20  # training pictures: of fewer a score says nothing
METRIC = "KID (lite0)"


def check(dataset: data.Dataset) -> None:
    """Say it before training begins where a score could not be had."""
    lite0.weights()
    if len(dataset) < FEW:
        raise UserError(
            f"--evaluate-every: {dataset.name} has {len(dataset)} pictures, and a score needs {FEW}; leave it out"
        )


class Score:
    def __init__(self, dataset: data.Dataset, device: str, console: Console):
        self.extractor = features.load("lite0", device)
        self.real = sets.features(self.extractor, sets.of_dataset(dataset).first(BUDGET), console)

    def __call__(self, model: Model) -> float:
        samples = sets.of_model(model, BUDGET, "samples")
        return distances.kid(sets.features(self.extractor, samples, Console(quiet=True)), self.real).value
