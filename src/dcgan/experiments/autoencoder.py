"""Beside the game, the lectures' other generative model: a variational autoencoder with the same generator (vae.py).

Radford et al. have it in a sentence (section 2.2): there are such models, and their samples are often blurry. Here it
is trained on the same pictures for as many steps, its decoder the same network, and asked the same: KID by lite0, what
a reader of true drawings can read, and how much of their sharpness is there (the mean squared difference of a pixel
from the next, over that of training pictures). Unlike the game, it has a way from a picture to its z, which is drawn.

You should see smeared faces, hair and glasses of several laid over each other; and pictures that it never saw come back
nearly as they were. The game's samples are to be better by all three.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dcgan import images, networks, plots, vae
from dcgan.console import Console
from dcgan.experiments import pictures, result
from dcgan.metrics import truth
from dcgan.metrics.evaluate import evaluate
from dcgan.metrics.result import Figure
from dcgan.plots import Row
from dcgan.sample import Model

SHOWN = 10
ENCODED, BATCH = 2048, 128  # training pictures that batch norm's statistics are taken of
BETTER = {"KID (lite0)": "<", "readable": ">", "sharpness": ">"}  # how the game's is to lie to the autoencoder's


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name, source = "vae", "section 2.2, and the lectures"
    paper = "of variational autoencoders, in words: their samples are often blurry"
    drawn: list[np.ndarray]  # uint8 [2 SHOWN, H, W, C] of the game and of the autoencoder: the same seeds
    unseen: np.ndarray  # uint8 [SHOWN, H, W, C]: pictures that neither saw ...
    back: np.ndarray  # ... encoded and decoded


def compute(
    game: Model, autoencoder: Model, *, count: int, reader: truth.Reader, console: Console | None = None
) -> Result:
    """Two runs on the same built-in pictures, held against each other by so many samples."""
    console = console or Console(quiet=True)
    real = pictures.of_run(autoencoder, None, console).images
    own, others = (list(_measured(model, real[:count], reader, console)) for model in (game, autoencoder))
    figures = []
    for ours, theirs in zip(own, others, strict=True):
        if side := BETTER.get(ours.name):
            ok = ours.value > theirs.value if side == ">" else ours.value < theirs.value
            ours = replace(ours, goal=theirs.value, side=side, ok=ok)
        figures += [replace(ours, name=f"{ours.name}, the game"), replace(theirs, name=f"{theirs.name}, autoencoder")]
    unseen = pictures.unseen(autoencoder, autoencoder.config.data, None, "--test", console).images[:SHOWN]
    told = {figure.name: figure.value for figure in figures}
    return Result(
        subject=f"{result.subject(game)}; {result.subject(autoencoder)}",
        found=f"readable: {told['readable, the game']:.1%} of the game's samples, "
        f"{told['readable, autoencoder']:.1%} of the autoencoder's; sharpness, of the training pictures': "
        f"{told['sharpness, the game']:.0%} and {told['sharpness, autoencoder']:.0%}",
        figures=figures,
        drawn=[model.sample(range(2 * SHOWN)) for model in (game, autoencoder)],
        unseen=unseen,
        back=encoded(autoencoder, real[:ENCODED], unseen),
    )


def _measured(model: Model, real: np.ndarray, reader: truth.Reader, console: Console) -> Iterator[Figure]:
    """By as many samples as there are of `real`."""
    judged = evaluate(model, metrics=("kid", "truth"), count=len(real), reader=reader, console=console)
    yield from judged.figures.values()
    protocol = {"of": "samples, over training pictures", "measure": "mean squared difference of neighbouring pixels"}
    samples = model.sample(range(len(real)))
    yield Figure("sharpness", sharpness(samples) / sharpness(real), protocol, f"0-{len(samples) - 1}")


def sharpness(shown: np.ndarray) -> float:
    """The mean squared difference of a pixel from the next one, across and down; pictures uint8 [N, H, W, C]."""
    x = shown.astype(np.float32)
    return float(np.mean([np.square(np.diff(x, axis=axis)).mean() for axis in (1, 2)]))


@torch.no_grad()
def encoded(model: Model, seen: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Each picture decoded from the mean of its q(z | x).

    Batch norm's statistics are those of z's that the training pictures `seen` were encoded to, as in training. For use
    they are of drawn z's, which lie a little elsewhere: with those what comes back has 1.3 times its contrast.
    """
    encoder, decoder, c = model.D, copy.deepcopy(model.G), model.config
    assert encoder is not None

    def encode(some: np.ndarray) -> tuple[Tensor, Tensor]:
        return encoder(images.to_float(np.ascontiguousarray(some), c.output, model.device)).chunk(2, 1)

    def drawn() -> Iterator[tuple[Tensor]]:
        random = torch.Generator().manual_seed(0)
        for start in range(0, max(1, len(seen) - BATCH + 1), BATCH):
            mean, log_variance = encode(seen[start : start + BATCH])
            yield (vae.code(mean, log_variance, torch.randn(mean.shape, generator=random).to(mean.device)),)

    networks.measure(decoder, drawn())
    return images.to_uint8(decoder.eval()(encode(shown)[0]), c.output)


def figure(found: Result) -> bytes:
    rows = []
    for words, drawn in zip(("the game", "the autoencoder"), found.drawn, strict=True):
        rows += [Row(words if i == 0 else "", part) for i, part in enumerate(np.split(drawn, 2))]
    rows += [Row("never seen", found.unseen), Row("encoded, decoded", found.back)]
    return plots.sheet("The game, and an autoencoder with the same generator", rows, [found.found + "."])
