"""Whether samples are copies: how far they lie from their nearest training pictures, and the nearest pairs.

Held-out real pictures are the measure: samples of a generator that copies lie nearer than they do, and the pairs show
it. Smooth samples lie nearer too, in pixels; the number (metrics/memorisation.py) tells the two apart.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from dcgan import images
from dcgan.plots.style import G_COLOUR, REAL, png, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dcgan.metrics.result import Neighbours

BINS = 40


def neighbours(found: "Mapping[str, Neighbours]") -> bytes:
    """A row for each way to compare: `{"pixels": ..., "lite0": ...}`."""
    with style():
        return png(_figure(found))


def _figure(found: "Mapping[str, Neighbours]") -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.9 * len(found)), layout="constrained")
    grid = figure.add_gridspec(len(found), 2, width_ratios=(1, 1.5))
    for row, (by, one) in enumerate(found.items()):
        axes = figure.add_subplot(grid[row, 0])
        edges = np.histogram_bin_edges(np.concatenate([one.distances, one.held_out]), BINS)
        for distances, colour, label in (
            (one.held_out, REAL, one.others),
            (one.distances, G_COLOUR, "samples"),
        ):
            share = np.full(len(distances), 1 / len(distances))
            axes.hist(distances, list(edges), weights=share, color=colour, alpha=0.55, label=label)
        axes.set_title(f"To the nearest training picture, by {by}")
        axes.set_xlabel("distance")
        axes.set_ylabel("share")
        axes.legend()
        pairs = figure.add_subplot(grid[row, 1])
        sheet = images.grid(np.concatenate([one.samples, one.training]), len(one.samples))
        pairs.imshow(images.picture(sheet), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        pairs.set_title("The nearest samples, and below them what they are nearest to")
        pairs.axis("off")
    return figure
