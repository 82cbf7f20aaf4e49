"""Numbers over the steps of a training, in a few thousand points however long it was.

A point stands for `width` lines of the log: the lowest, the mean and the highest value of each column. When there are
more than MOST points, neighbours are merged and `width` doubles. So a curve can be drawn with all its spikes, and
100,000 lines take no more room than 1,000.
"""

import itertools
from typing import Any

import numpy as np

MOST = 2048  # points: more than a screen is wide
_epochs = itertools.count(1)


class Series:
    def __init__(self, *columns: str):
        self.columns = columns
        self.clear()

    def clear(self) -> None:
        self.epoch = next(_epochs)  # what was sent under another number no longer holds
        self.width, self.lines = 1, 0
        self._step = np.zeros(0)  # the last of each point's
        self._low = self._sum = self._high = self._count = np.zeros((0, len(self.columns)))

    def __len__(self) -> int:
        return len(self._step)

    def add(self, rows: np.ndarray) -> None:
        """[lines, 1 + columns]: step, then the values; NaN where a line has none."""
        if not len(rows):
            return
        place = (self.lines + np.arange(len(rows))) // self.width
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        step = np.maximum.reduceat(rows[:, 0], starts)
        low, high = np.fmin.reduceat(rows[:, 1:], starts), np.fmax.reduceat(rows[:, 1:], starts)
        there = ~np.isnan(rows[:, 1:])  # a gap in one column is none in the others, nor in its neighbours
        total = np.add.reduceat(np.where(there, rows[:, 1:], 0.0), starts)
        count = np.add.reduceat(there.astype(float), starts)
        whole = len(self)
        if self.lines % self.width:  # the last point had room left
            whole -= 1
            step[0] = max(step[0], self._step[-1])
            low[0], high[0] = np.fmin(low[0], self._low[-1]), np.fmax(high[0], self._high[-1])
            total[0] += self._sum[-1]
            count[0] += self._count[-1]
        self._step = np.concatenate([self._step[:whole], step])
        self._count = np.concatenate([self._count[:whole], count])
        self._low = np.concatenate([self._low[:whole], low])
        self._sum = np.concatenate([self._sum[:whole], total])
        self._high = np.concatenate([self._high[:whole], high])
        self.lines += len(rows)
        while len(self) > MOST:
            self._halve()

    def _halve(self) -> None:
        starts = np.arange(0, len(self), 2)
        self._step, self._count = np.maximum.reduceat(self._step, starts), np.add.reduceat(self._count, starts)
        self._low, self._high = np.fmin.reduceat(self._low, starts), np.fmax.reduceat(self._high, starts)
        self._sum = np.add.reduceat(self._sum, starts)
        self.width *= 2
        self.epoch = next(_epochs)

    def since(self, start: int) -> dict[str, Any]:
        """From point `start` on: {"from", "step", column: {"low", "mean", "high"}}; null where there is none."""
        said: dict[str, Any] = {"from": start, "step": [int(step) for step in self._step[start:]]}
        mean = np.where(self._count > 0, self._sum / np.maximum(self._count, 1), np.nan)
        for i, name in enumerate(self.columns):
            parts = {"low": self._low, "mean": mean, "high": self._high}
            if self.width == 1:  # then all three are one
                parts = {"mean": mean}
            said[name] = {part: _short(values[start:, i]) for part, values in parts.items()}
        return said


def _short(values: np.ndarray) -> list[float | None]:
    """Five digits: more than a screen shows."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]
