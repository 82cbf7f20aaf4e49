"""Whether G has collapsed, as this project's figures count it: by what a run's samples reach, and how they differ.

`diversity` is the mean distance of a sample to the one most like it, over the same of training pictures: 1 for samples
as different as the data are, 0 for a few pictures drawn again and again (diagnosis.py has the measure).
"""

from dcgan import diagnosis
from dcgan.data import Dataset
from dcgan.sample import Model

COUNT = 1000  # samples
LEAST_RECALL, LEAST_DIVERSITY = 0.1, 0.5  # below either, a run has collapsed


def diversity(model: Model, dataset: Dataset, count: int = COUNT) -> float:
    """Of the model's first seeds; 1 where the data are all one picture."""
    real = diagnosis.Data(dataset.images, count)
    found = real.check(model.sample(range(count)))["diversity"]
    return 1.0 if found is None else found


def collapsed(recall: float, diversity: float) -> bool:
    return recall < LEAST_RECALL or diversity < LEAST_DIVERSITY
