"""Is what was exported the generator that torch runs? Asked of each file before it is written."""

from collections.abc import Callable

import numpy as np
import torch

from dcgan.errors import UserError
from dcgan.sample import Model, in_chunks

PICTURES = 33  # one more than a multiple of 8, so that the last batch is smaller: the batch must be free
BATCH = 8
LIMIT = 1e-4  # of 2 from black to white; a grey level is 1/127.5. What is seen is 1e-6 and less
LIMIT_HALF = 1 / 255  # half a grey level

Draw = Callable[[np.ndarray, np.ndarray | None], np.ndarray]  # z [N, z_dim] and labels [N] -> [N, C, H, W]


def compare(model: Model, draw: Draw, limit: float, what: str) -> float:
    """The largest difference of any pixel, over PICTURES seeds, from G as it was trained: with its batch norm, which
    what is exported has folded away, as what draws here has."""
    z, labels = model.latents(range(PICTURES))
    y = None if labels is None else torch.from_numpy(labels)
    ours = in_chunks(model.G, torch.from_numpy(z), y, model.device).cpu().numpy()
    theirs = np.concatenate(
        [draw(z[i : i + BATCH], None if labels is None else labels[i : i + BATCH]) for i in range(0, PICTURES, BATCH)]
    )
    difference = float(np.abs(theirs - ours).max()) if theirs.shape == ours.shape else float("nan")
    limit *= 1 if model.config.output == "tanh" else 0.5  # a sigmoid goes from 0 to 1
    if not difference <= limit:  # not a number is no match either
        raise UserError(
            f"{what}: its pictures differ from torch's by {difference:.1e}, and {limit:.1e} is the most that is "
            "accepted; nothing was written"
        )
    return difference
