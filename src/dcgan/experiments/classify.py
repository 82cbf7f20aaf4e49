"""Classes from D's features (Radford et al., section 5, tables 1 and 2): it never saw a label, a linear SVM reads them.

"We train on Imagenet-1k and then use the discriminator's convolutional features from all layers, maxpooling each
layers representation to produce a 4 x 4 spatial grid. These features are then flattened and concatenated ... and a
regularized linear L2-SVM classifier is trained on top of them": 82.8 % on CIFAR-10 (table 1); 22.48 % error on SVHN
with 1000 labels (table 2), where a supervised CNN of D's shape has 28.87 %.

Beside them: the pixels, a D before training, one layer of k-means (80.6 % in table 1), D's layers trained with labels,
strided and with max-pooling; with all labels and with so many of each class. And D's features without any label at
all: k-means clusters of them, by purity and by normalised mutual information. Every choice (C) is made on held-out
training pictures; the test pictures' labels are used once, to count.

`mirror` goes beyond the paper: where a mirror image is of the same class, features are pooled over both views as they
are over places, and the supervised networks learn from both and are asked about both.

You should see D's features well above the pixels and a random D, above k-means (a goal of its own, which ten minutes of
CIFAR-10 do not reach), and near or above the supervised network where labels are few.
"""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dcgan import data, images, networks, plots, sample
from dcgan.console import Console
from dcgan.errors import UserError, suggest
from dcgan.experiments import filters, kmeans, pictures, result, supervised, svm
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.sample import Model

EACH = 400  # labels a class, where they are few (CIFAR-10 in the works that table 1 compares with)
CENTRES = 400  # of k-means; 4,800 for table 1's figure
STEPS = 4000  # minibatches of the supervised networks; fewer where labels are few
SHOWN = 10  # pictures of each cluster
CALLED = {
    "D": "D's features",
    "pixels": "pixels",
    "random": "random D",
    "kmeans": "k-means features",
    "cnn": "supervised, D's layers",
    "pooling": "supervised, max-pooling",
}


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name, source = "classify", "section 5, tables 1 and 2"
    paper = (
        "CIFAR-10: 82.8 % (one-layer k-means 80.6 %), D trained on ImageNet; SVHN, 1,000 labels: 22.48 % error, "
        "the same CNN supervised 28.87 %"
    )
    clusters: list[np.ndarray]  # of each: uint8 [SHOWN, H, W, C], its pictures nearest to its centre
    named: list[str]  # of each: its most common class, and how common


@dataclass(frozen=True)
class Labelled:
    """Pictures uint8 [N, H, W, C] and their classes [N]."""

    pictures: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, dataset: data.Dataset, most: int | None, seed: int) -> "Labelled":
        order = data.Stream(dataset, seed).order(0)[:most]
        assert dataset.labels is not None
        return cls(dataset.images[order], np.asarray(dataset.labels[order]))

    def few(self, each: int, seed: int) -> np.ndarray:
        """Rows: so many of each class."""
        random = np.random.default_rng(seed)
        kinds = [np.flatnonzero(self.labels == label) for label in np.unique(self.labels)]
        return np.sort(np.concatenate([random.permutation(rows)[:each] for rows in kinds]))


@dataclass(frozen=True)
class Task:
    """What every method is given: pictures with their classes to learn from, others to be judged by, and how much."""

    model: Model
    train: data.Dataset
    test: data.Dataset
    _: KW_ONLY
    each: int = EACH  # labels of a class, where they are few
    most: int | None = None  # pictures of either set
    centres: int = CENTRES
    steps: int = STEPS
    mirror: bool = False
    seed: int = 0
    console: Console | None = None

    def __post_init__(self) -> None:
        train, test = self.train, self.test
        classes = self.classes
        if test.labels is None or test.classes != train.classes:
            raise UserError(
                f"--test {test.name}: its classes are not those of {train.name}; name pictures with the same"
            )
        if self.model.config.conditional:
            raise UserError(
                f"{result.subject(self.model)}: its D is told the class, so its features know it; use a run without "
                "classes"
            )
        count = len(self.learn.labels)
        if count < 10 * classes:
            raise UserError(f"{train.name}: {count} pictures of {classes} classes; {10 * classes} are needed")

    @cached_property
    def learn(self) -> Labelled:
        return Labelled.of(self.train, self.most, self.seed)

    @cached_property
    def judge(self) -> Labelled:
        return Labelled.of(self.test, self.most, self.seed)

    @cached_property
    def few(self) -> np.ndarray | None:
        """Rows of `learn`, `each` a class; None where that is all of them."""
        rows = self.learn.few(self.each, self.seed)
        return rows if len(rows) < len(self.learn.labels) else None

    @property
    def classes(self) -> int:
        return pictures.labelled(self.train)

    @property
    def protocol(self) -> dict[str, Any]:
        sets = {"train": (self.learn, self.train), "test": (self.judge, self.test)}
        about = {name: f"{len(held.labels):,} of {dataset.name}" for name, (held, dataset) in sets.items()}
        return about | ({"views": "each picture and its mirror image"} if self.mirror else {})

    def say(self, method: str) -> None:
        if self.console:
            self.console.say(f"{CALLED[method]} ...")

    def features(self, method: str) -> tuple[Tensor, Tensor]:
        """Of the pictures to learn from, and of those to judge by: float32 [N, features]."""
        self.say(method)
        of = _extractor(method, self.model, self.learn.pictures, self.centres, self.mirror, self.seed)
        return of(self.learn.pictures), of(self.judge.pictures)

    def right(self, method: str, features: tuple[Tensor, Tensor] | None = None) -> dict[str, Figure]:
        """What a method gets right of the pictures to judge by: with all labels, and with few of each class."""
        if method in ("cnn", "pooling"):
            self.say(method)
            read, about = partial(self._supervised, method == "pooling"), {"minibatch": supervised.BATCH}
        else:
            x, unseen = features or self.features(method)
            chosen_by = "linear L2-SVM, C chosen on a fifth of the training pictures"
            read, about = partial(self._linear, x, unseen), {"features": x.shape[1], "classifier": chosen_by}
        asked = {"all labels": None} | ({} if self.few is None else {f"{self.each} labels a class": self.few})
        told = {}
        for words, rows in asked.items():
            right, chosen = read(rows)
            told[words] = Figure(f"{CALLED[method]}, {words}", right, self.protocol | about | chosen, str(self.seed))
        return told

    def _linear(self, x: Tensor, unseen: Tensor, rows: np.ndarray | None) -> tuple[float, dict[str, Any]]:
        y, truth = (torch.as_tensor(one.labels, device=x.device) for one in (self.learn, self.judge))
        picked = slice(None) if rows is None else torch.as_tensor(rows, device=x.device)
        trained = svm.judge(x[picked], y[picked], unseen, truth, self.classes, self.seed)
        return trained.right, {"C": trained.C, "held out": trained.held_out}

    def _supervised(self, pooling: bool, rows: np.ndarray | None) -> tuple[float, dict[str, Any]]:
        picked = slice(None) if rows is None else rows
        shown, labels = self.learn.pictures[picked], self.learn.labels[picked]
        enough = min(self.steps, max(100, 100 * len(shown) // supervised.BATCH))  # 100 passes over few are enough
        config = self.model.config.replace(mirror=self.mirror or self.model.config.mirror)
        network = supervised.train(
            config, shown, labels, self.classes,
            pooling=pooling, steps=enough, seed=self.seed, device=self.model.device, console=self.console,
        )  # fmt: skip
        told = supervised.predict(network, self.judge.pictures, config.output, self.mirror).cpu()
        about = {"steps": enough, "passes": round(enough * supervised.BATCH / len(shown), 1)}
        return float((told == torch.as_tensor(self.judge.labels)).float().mean()), about


def compute(
    model: Model,
    train: data.Dataset,
    test: data.Dataset,
    *,
    methods: Sequence[str] = tuple(CALLED),
    **how: Any,
) -> Result:
    """What each method gets right, and the clusters of D's features; `how` is Task's."""
    for method in methods:
        if method not in CALLED:
            raise UserError(f"--methods {method}: there is no such method{suggest(method, CALLED)}")
    task = Task(model, train, test, **how)
    right, of_D = {}, None
    for method in methods:
        if method == "D":
            of_D = task.features("D")
        right[method] = task.right(method, of_D if method == "D" else None)
    figures = _against({(method, words): one for method, told in right.items() for words, one in told.items()})
    labels = task.judge.labels
    away, which = cluster(*(of_D or task.features("D")), task.classes, task.seed)
    chance = np.random.default_rng(task.seed).permutation(labels)
    counted = task.protocol | {
        "clusters": task.classes,
        "of": "D's features of the test pictures, by k-means on the training ones",
    }
    figures += [
        Figure(f"{name} of clusters", of(which, labels), counted, str(task.seed), control=of(which, chance))
        for name, of in (("purity", purity), ("mutual information", mutual))
    ]
    shown, named = _examples(away, which, task.judge, train.classes or ())
    best = ", ".join(f"{CALLED[method]} {told['all labels'].value:.1%}" for method, told in right.items())
    return Result(
        subject=f"{result.subject(model)}; {train.name} and {test.name}",
        found=f"right with all labels: {best}; clusters without labels: purity {purity(which, labels):.1%}",
        figures=figures,
        clusters=shown,
        named=named,
    )


def _against(told: dict[tuple[str, str], Figure]) -> list[Figure]:
    """What each method got right; D's features are held against the better of the pixels and a random D, and in a
    figure of its own against k-means."""
    figures = []
    for (method, words), figure in told.items():
        beside = [told[other, words].value for other in ("pixels", "random") if (other, words) in told]
        figures.append(_over(figure, max(beside)) if method == "D" and beside else figure)
    for words in (words for method, words in told if method == "D" and ("kmeans", words) in told):
        name = f"{CALLED['D']} above k-means, {words}"
        figures.append(_over(replace(told["D", words], name=name), told["kmeans", words].value))
    return figures


def _over(figure: Figure, bound: float) -> Figure:
    return replace(figure, goal=bound, side=">", ok=figure.value > bound)


Features = Callable[[np.ndarray], Tensor]


def _extractor(method: str, model: Model, seen: np.ndarray, centres: int, mirror: bool, seed: int) -> Features:
    """uint8 [N, H, W, C] -> float32 [N, features]; nothing in it has seen a label."""
    if method == "pixels":
        return _of_views(lambda shown: torch.from_numpy(shown.reshape(len(shown), -1)).to(model.device).float(), mirror)
    if method == "kmeans":
        return _of_views(kmeans.Layer.learn(seen, centres, seed, model.device).features, mirror)
    D = model.D if method == "D" else filters.random_D(model, seen[: sample.CHUNK * 32], None, seed)
    if D is None or not hasattr(D, "maps"):
        raise UserError(f"{result.subject(model)}: it has no discriminator with maps; use a run that was trained here")
    maps: Callable = D.maps  # type: ignore[assignment]

    @torch.no_grad()
    def features(shown: np.ndarray) -> Tensor:
        parts = (shown[i : i + 256] for i in range(0, len(shown), 256))
        to_float = (images.to_float(np.ascontiguousarray(part), model.config.output, model.device) for part in parts)
        return torch.cat([networks.pooled(maps(x)) for x in to_float])

    return _of_views(features, mirror, greatest=True)


def _of_views(features: Features, mirror: bool, greatest: bool = False) -> Features:
    """Of each picture; where mirrored ones count, of both, pooled as they are over places: the greater, or the mean."""
    if not mirror:
        return features

    def of_both(shown: np.ndarray) -> Tensor:
        one, other = features(shown), features(np.ascontiguousarray(shown[:, :, ::-1]))
        return torch.maximum(one, other, out=one) if greatest else one.lerp_(other, 0.5)

    return of_both


def cluster(seen: Tensor, shown: Tensor, k: int, seed: int) -> tuple[Tensor, np.ndarray]:
    """How far each of `shown` is from each of k centres of `seen` [N, k], and which is its nearest."""
    scale = svm.Scale.of(seen)
    centres, _ = kmeans.clusters(scale.apply_(seen.clone()), k, seed)
    away = torch.cdist(scale.apply_(shown.clone()), centres)
    return away, away.argmin(1).cpu().numpy()


def purity(which: np.ndarray, labels: np.ndarray) -> float:
    """The share that belongs to the most common class of its cluster."""
    return float(_table(which, labels).max(1).sum() / len(labels))


def mutual(which: np.ndarray, labels: np.ndarray) -> float:
    """Mutual information over the mean of both entropies: 0 unrelated, 1 the same."""
    p = _table(which, labels) / len(labels)
    rows, columns = p.sum(1), p.sum(0)
    both = np.outer(rows, columns)
    shared = float((p[p > 0] * np.log(p[p > 0] / both[p > 0])).sum())
    entropy = -sum(float((q[q > 0] * np.log(q[q > 0])).sum()) for q in (rows, columns)) / 2
    return shared / entropy if entropy > 0 else 1.0


def _table(which: np.ndarray, labels: np.ndarray) -> np.ndarray:
    counts = np.zeros((int(which.max()) + 1, int(labels.max()) + 1))
    np.add.at(counts, (which, labels), 1)
    return counts


def _examples(
    away: Tensor, which: np.ndarray, judge: Labelled, classes: Sequence[str]
) -> tuple[list[np.ndarray], list[str]]:
    """Of each cluster: the pictures nearest to its centre, its most common class and how common."""
    shown, named = [], []
    for number in np.unique(which):
        rows = np.flatnonzero(which == number)
        order = np.argsort(away[:, number].cpu().numpy()[rows], kind="stable")
        shown.append(judge.pictures[rows[order[:SHOWN]]])
        common = np.bincount(judge.labels[rows], minlength=len(classes))
        named.append(f"{classes[int(common.argmax())]} {common.max() / len(rows):.0%}")
    return shown, named


def figure(found: Result) -> bytes:
    """A row for each cluster of D's features: its pictures nearest to the middle, its most common class."""
    rows = [Row(words, shown) for words, shown in zip(found.named, found.clusters, strict=True)]
    table = [f"{one.name}: {one.value:.1%}" for one in found.figures if one.name.partition(", ")[0] in CALLED.values()]
    return plots.sheet("What D's features put together, without a label", rows, ["; ".join(table) + "."])
