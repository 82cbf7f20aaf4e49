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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dcgan import data, images, networks, plots, sample
from dcgan.config import Config
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


def compute(
    model: Model,
    train: data.Dataset,
    test: data.Dataset,
    *,
    methods: Sequence[str] = tuple(CALLED),
    each: int = EACH,
    most: int | None = None,
    centres: int = CENTRES,
    steps: int = STEPS,
    mirror: bool = False,
    seed: int = 0,
    console: Console | None = None,
) -> Result:
    """What each method gets right of `test`, with all labels of `train` (`most` pictures) and with `each` a class."""
    console = console or Console(quiet=True)
    for method in methods:
        if method not in CALLED:
            raise UserError(f"--methods {method}: there is no such method{suggest(method, CALLED)}")
    classes = pictures.labelled(train)
    if test.labels is None or test.classes != train.classes:
        raise UserError(f"--test {test.name}: its classes are not those of {train.name}; name pictures with the same")
    if model.config.conditional:
        raise UserError(
            f"{result.subject(model)}: its D is told the class, so its features know it; use a run without classes"
        )
    learn, judge = Labelled.of(train, most, seed), Labelled.of(test, most, seed)
    rows = learn.few(each, seed)
    if len(learn.pictures) < 10 * classes:
        raise UserError(f"{train.name}: {len(learn.pictures)} pictures of {classes} classes; {10 * classes} are needed")
    few_labels = len(rows) < len(learn.pictures)
    protocol = {"train": f"{len(learn.pictures):,} of {train.name}", "test": f"{len(judge.pictures):,} of {test.name}"}
    protocol |= {"views": "each picture and its mirror image"} if mirror else {}
    told: dict[tuple[str, str], Figure] = {}
    of_D = None
    for method in methods:
        console.say(f"{CALLED[method]} ...")
        if method in ("cnn", "pooling"):
            config = model.config.replace(mirror=mirror or model.config.mirror)
            result_of = _supervised(
                config, learn, judge, classes, method == "pooling", steps, mirror, seed, model.device, console
            )
            extra: dict[str, Any] = {"minibatch": supervised.BATCH}
        else:
            features = _extractor(method, model, learn.pictures, centres, mirror, seed)
            x, unseen = features(learn.pictures), features(judge.pictures)
            if method == "D":
                of_D = x, unseen
            result_of = _linear(x, learn.labels, unseen, judge.labels, classes, seed)
            extra = {
                "features": x.shape[1],
                "classifier": "linear L2-SVM, C chosen on a fifth of the training pictures",
            }
        for words, picked in (("all labels", None), (f"{each} labels a class", rows)):
            if picked is not None and not few_labels:
                continue
            right, chosen = result_of(picked)
            told[method, words] = Figure(f"{CALLED[method]}, {words}", right, protocol | extra | chosen, str(seed))
    figures = _against(told)
    if of_D is None:
        features = _extractor("D", model, learn.pictures, centres, mirror, seed)
        of_D = features(learn.pictures), features(judge.pictures)
    away, which = cluster(*of_D, classes, seed)
    pure, shared = purity(which, judge.labels), mutual(which, judge.labels)
    counted = protocol | {
        "clusters": classes,
        "of": "D's features of the test pictures, by k-means on the training ones",
    }
    chance = np.random.default_rng(seed).permutation(judge.labels)
    figures += [
        Figure("purity of clusters", pure, counted, str(seed), control=purity(which, chance)),
        Figure("mutual information of clusters", shared, counted, str(seed), control=mutual(which, chance)),
    ]
    shown, named = _examples(away, which, judge, train.classes or ())
    best = ", ".join(f"{CALLED[method]} {told[method, 'all labels'].value:.1%}" for method in methods)
    return Result(
        subject=f"{result.subject(model)}; {train.name} and {test.name}",
        found=f"right with all labels: {best}; clusters without labels: purity {pure:.1%}",
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


def _linear(x: Tensor, labels: np.ndarray, unseen: Tensor, truth: np.ndarray, classes: int, seed: int) -> Callable:
    y, told = (torch.as_tensor(one, device=x.device) for one in (labels, truth))

    def of(rows: np.ndarray | None) -> tuple[float, dict]:
        picked = slice(None) if rows is None else torch.as_tensor(rows, device=x.device)
        trained = svm.judge(x[picked], y[picked], unseen, told, classes, seed)
        return trained.right, {"C": trained.C, "held out": trained.held_out}

    return of


def _supervised(
    config: Config,
    learn: Labelled,
    judge: Labelled,
    classes: int,
    pooling: bool,
    steps: int,
    mirror: bool,
    seed: int,
    device: str,
    console: Console,
) -> Callable:
    def of(rows: np.ndarray | None) -> tuple[float, dict]:
        picked = slice(None) if rows is None else rows
        shown, labels = learn.pictures[picked], learn.labels[picked]
        enough = min(steps, max(100, 100 * len(shown) // supervised.BATCH))  # 100 passes over few are enough
        network = supervised.train(
            config, shown, labels, classes,
            pooling=pooling, steps=enough, seed=seed, device=device, console=console,
        )  # fmt: skip
        told = supervised.predict(network, judge.pictures, config.output, mirror).cpu()
        protocol = {"steps": enough, "passes": round(enough * supervised.BATCH / len(shown), 1)}
        return float((told == torch.as_tensor(judge.labels)).float().mean()), protocol

    return of


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
