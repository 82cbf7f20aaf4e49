"""The training pictures nearest to a picture: does G draw something new, or a copy?

All are compared at a coarse size, which takes 1 to 2 KB of memory each; of the best, the pixels are compared. What is
told is the root of the mean squared difference, in grey levels of 255.
"""

import numpy as np

from dcgan import data
from dcgan.config import Config
from dcgan.studio import pictures

COARSE = 16  # cells on the longer side
AMONG = 64  # of the coarse comparison, whose pixels are compared
MOST = 200_000  # pictures: some 150 MB of cells in colour
CHUNK = 4096


class Neighbours:
    def __init__(self, dataset: data.Dataset):
        self.dataset = dataset
        count = min(len(dataset), MOST)
        self.cells = np.concatenate(
            [_coarse(np.asarray(dataset.images[i : min(i + CHUNK, count)])) for i in range(0, count, CHUNK)]
        )
        of = "all" if count == len(dataset) else f"the first {count:,} of"
        self.measure = (
            f"Among {of} {len(dataset):,}; root of the mean squared difference of pixels, of 255 grey levels."
        )

    @classmethod
    def of(cls, config: Config) -> "Neighbours":
        return cls(pictures.of_run(config))

    def nearest(self, picture: np.ndarray, count: int) -> list[tuple[np.ndarray, float]]:
        """uint8 [H, W, C] -> pictures of the same kind with their distances, nearest first."""
        mine = _coarse(picture[None]).astype(np.float32)
        apart = np.concatenate(
            [
                np.square(self.cells[i : i + CHUNK].astype(np.float32) - mine).sum(1)
                for i in range(0, len(self.cells), CHUNK)
            ]
        )
        best = np.argsort(apart, kind="stable")[:AMONG]
        shown = np.stack([np.asarray(self.dataset.images[int(i)]) for i in best])
        distances = np.sqrt(np.square(shown.astype(np.float32) - picture).mean((1, 2, 3)))
        order = np.argsort(distances, kind="stable")[:count]
        return [(shown[i], float(distances[i])) for i in order]


def _coarse(images: np.ndarray) -> np.ndarray:
    """Means over cells: uint8 [N, H, W, C] -> uint8 [N, cells]."""
    n, height, width, channels = images.shape
    step = max(1, max(height, width) // COARSE)
    rows, columns = height // step, width // step
    whole = images[:, : rows * step, : columns * step]
    means = whole.reshape(n, rows, step, columns, step, channels).mean((2, 4))
    return np.round(means).astype(np.uint8).reshape(n, -1)
