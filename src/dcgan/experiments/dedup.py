"""De-duplication (Radford et al., section 4.1.1): near copies found by the bits of an autoencoder's codes.

"In order to further decrease the likelihood of the generator memorizing input examples we perform a simple image
de-duplication process"; a 3072-128-3072 autoencoder's bits, collisions with "an estimated false positive rate of less
than 1 in 100", about 275,000 near duplicates removed from LSUN's three million.

How many it should have found they could not say. So copies are planted here: of some pictures a second one is made
(cropped, saved as JPEG, darker or lighter, shifted) and put among the rest; recall is the share of them that is found,
false positives the share of what is found that was not planted. The set's own duplicates count as false ones: so all
of its own that were found are shown, up to OWN, to be judged by eye as the authors did. Beside it the method that
`--dedup` uses unless told otherwise (data/dedup.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dcgan import data, plots
from dcgan.console import Console
from dcgan.data import dedup, hashing
from dcgan.errors import UserError
from dcgan.experiments import result
from dcgan.metrics.result import Figure
from dcgan.plots import Row

SHARE = 0.1  # so many copies are planted, in parts of the set
SHOWN, OWN = 10, 60


@dataclass(frozen=True, kw_only=True)
class Result(result.Result):
    name, source = "dedup", "section 4.1.1"
    paper = "about 275,000 near duplicates of 3 million bedrooms removed, fewer than 1 in 100 of them wrongly"
    found_pairs: np.ndarray  # uint8 [2, n, H, W, C]: planted copies that were found, and what of
    missed: np.ndarray  # ... that were not
    own: np.ndarray  # ... and the set's own that were taken for copies
    own_count: int


def compute(
    dataset: data.Dataset, *, steps: int = hashing.STEPS, seed: int = 0, console: Console | None = None
) -> Result:
    console = console or Console(quiet=True)
    n = len(dataset)
    if n < hashing.FEW:
        raise UserError(f"{dataset.name}: it has {n} pictures, and codes are learned from {hashing.FEW} or more")
    rows = np.sort(np.random.default_rng(seed).permutation(n)[: int(SHARE * n)])
    planted = np.concatenate([np.asarray(dataset.images), hashing.copies(dataset.images[rows], seed)])
    whole = replace(dataset, images=planted, labels=None, factors={}, folder=None, fingerprint="planted")
    with console.data_progress() as report:
        learned = hashing.train(whole, seed, steps, report)
        by_bits = hashing.duplicates(whole, learned, report)
        by_pixels = dedup.duplicates(whole, report)
    protocol = {
        "pictures": n,
        "planted": len(rows),
        "kinds": "cropped by 1/16 at each side, JPEG of quality 50, 12 % darker or lighter, shifted by a pixel; "
        "cropped by 1/10, shifted by two",
        "steps": steps,
        "cosine": round(learned.alike, 3),
    }
    (right, wrong), (right_2, wrong_2) = (_counted(of, rows, n) for of in (by_bits, by_pixels))
    recall, false = float(right.mean()), wrong / max(1, wrong + int(right.sum()))
    recall_2, false_2 = float(right_2.mean()), wrong_2 / max(1, wrong_2 + int(right_2.sum()))
    figures = [
        Figure("recall of planted copies", recall, protocol, str(seed), control=recall_2),
        Figure("false positives", false, protocol, str(seed), goal=hashing.FALSE, paper="< 1 in 100",
               ok=false <= hashing.FALSE and recall > 0, control=false_2),
    ]  # fmt: skip
    for kind, name in enumerate(hashing.KINDS):
        ours, theirs = (float(one[kind :: len(hashing.KINDS)].mean()) for one in (right, right_2))
        figures.append(Figure(f"recall, {name}", ours, protocol, str(seed), control=theirs))
    own = np.flatnonzero(by_bits[:n] >= 0)

    def pairs(copies: np.ndarray, first: Callable[[np.ndarray], np.ndarray], most: int = SHOWN) -> np.ndarray:
        picked = copies[:: max(1, len(copies) // most)][:most]
        return np.stack([planted[picked], planted[first(picked)]])

    of_copy = lambda picked: rows[picked - n]  # noqa: E731
    return Result(
        subject=f"{dataset.name}, {n:,} pictures and {len(rows):,} planted copies",
        found=f"{recall:.1%} of the planted copies found, {false:.2%} of what was found not planted (comparing pixels, "
        f"{recall_2:.1%} and {false_2:.2%}); {len(own):,} of the set's own pictures repeat another",
        figures=figures,
        found_pairs=pairs(n + np.flatnonzero(right), of_copy),
        missed=pairs(n + np.flatnonzero(~right), of_copy),
        own=pairs(own, lambda picked: by_bits[picked], OWN),
        own_count=len(own),
    )


def _counted(of: np.ndarray, rows: np.ndarray, n: int) -> tuple[np.ndarray, int]:
    """Which planted copies were found to repeat what they are copies of, or what that repeats; how many others were
    taken for copies."""
    root = np.where(of >= 0, of, np.arange(len(of)))
    right = root[n:] == root[rows]
    return right, int((of[:n] >= 0).sum() + ((of[n:] >= 0) & ~right).sum())


def figure(found: Result) -> bytes:
    """Pairs, one above the other: planted and found, planted and missed, the set's own."""
    rows = []
    for words, pairs in (("found", found.found_pairs), ("missed", found.missed), ("its own", found.own)):
        for start in range(0, pairs.shape[1], SHOWN):
            few = pairs[:, start : start + SHOWN]
            rows += [Row(words, few[0]), Row("the first", few[1])]
    return plots.sheet("Copies, and what they repeat", rows, [found.found + "."])
