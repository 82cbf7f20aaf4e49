"""Pictures from anywhere, prepared once, and read in an order that is a function of (seed, position).

    dataset = data.open("faces")                # the built-in pictures; or a folder, an archive, "mnist", an array ...
    dataset.images                              # uint8 [N, H, W, C], mapped from the cache
    batch, labels = data.Stream(dataset, seed=0).batch(position=0, m=128)

No torch in here: what only looks at data starts fast.
"""

from .cache import clear as clear_cache
from .dataset import Dataset
from .source import Skipped
from .spec import Report, like, scan
from .spec import open_data as open
from .stream import Stream

__all__ = ["Dataset", "Report", "Skipped", "Stream", "clear_cache", "like", "open", "scan"]
