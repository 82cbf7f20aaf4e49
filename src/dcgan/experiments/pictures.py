"""The pictures that an experiment looks at: those of a run, others made to fit as they were, and ones it never saw."""

from dcgan import data
from dcgan.console import Console
from dcgan.data.spec import BUILT_IN, Spec
from dcgan.errors import UserError
from dcgan.metrics import subject
from dcgan.sample import Model


def of_run(model: Model, spec: Spec | None, console: Console) -> data.Dataset:
    """Those that it learned from, or `spec`, made to fit as they were."""
    if spec is None and model.config.data.startswith("own:"):
        raise UserError(f"DATA: this run learned from pictures ({model.config.data}) that no command finds; name some")
    with console.data_progress() as progress:
        return data.like(model.config, model.config.data if spec is None else spec, progress=progress)


def unseen(model: Model, spec: str, test: Spec | None, flag: str, console: Console) -> data.Dataset:
    """`test`; else another part of a published set than `spec` names, or built-in pictures. Those are drawn anew:
    `numbers:800` beside `numbers` would else be its first 800."""
    test = subject.others(spec) if test is None else test
    if test is None:
        raise UserError(f"{flag}: pictures like {spec}, not learned from, are wanted too; name some with {flag} DATA")
    seed = int(subject.parsed(str(test))[0] in BUILT_IN)
    with console.data_progress() as progress:
        return data.like(model.config, test, progress=progress, seed=seed, dedup=False)


def labelled(dataset: data.Dataset) -> int:
    """How many classes it has."""
    if dataset.labels is None or not dataset.classes:
        raise UserError(f"{dataset.name}: it has no classes; put each class in a folder of its own")
    return len(dataset.classes)
