"""Whether G has collapsed, as this project's figures count it: by what a run's samples reach, and how they differ.

`diversity` is the mean distance of a sample to the one most like it, over the same of training pictures: 1 for samples
as different as the data are, 0 for a few pictures drawn again and again (diagnosis.py has the measure).

Recall counts by the features of a reader that was taught on such pictures. A network of photographs is so taken by
grain of a grey level that no drawn face lies in the support of the best run's samples; and of photographs themselves no
run of minutes reaches much, however different its samples are.
"""

from dcgan import diagnosis
from dcgan.data import Dataset
from dcgan.data.pictures import FACTORS
from dcgan.metrics.subject import parsed
from dcgan.sample import Model

COUNT = 1000  # samples
LEAST_RECALL, LEAST_DIVERSITY = 0.1, 0.5  # below either, a run has collapsed
READ = (*FACTORS, "mnist", "fashion-mnist")  # sets that a reader is taught on


def extractor(data: str) -> str:
    """By whose features recall is told."""
    return "reader" if parsed(data)[0] in READ else "lite0"


def diversity(model: Model, dataset: Dataset, count: int = COUNT) -> float:
    """Of the model's first seeds; 1 where the data are all one picture."""
    real = diagnosis.Data(dataset.images, count)
    found = real.check(model.sample(range(count)))["diversity"]
    return 1.0 if found is None else found


def collapsed(recall: float, diversity: float, by: str = "reader") -> bool:
    return diversity < LEAST_DIVERSITY or (by == "reader" and recall < LEAST_RECALL)
