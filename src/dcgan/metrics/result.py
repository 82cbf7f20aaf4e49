"""A measured figure with the protocol that made it, and a table of such."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dcgan.sample import Model


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    protocol: dict[str, Any]
    seeds: str
    goal: float | None = None
    side: str = "≤"  # of the goal, on which the value should lie
    paper: str | None = None
    ok: bool | None = None  # None: there is no goal, or it cannot be told
    floor: float | None = None  # the same of real pictures (against other real ones)
    control: float | None = None  # the same of what should fail: shuffled pixels, a memoriser, chance
    error: float | None = None  # standard error of the value

    def as_json(self) -> dict[str, Any]:
        beside = {"floor": self.floor, "control": self.control, "error": self.error}
        return {
            "name": self.name,
            "value": self.value,
            "goal": self.goal,
            "side": self.side if self.goal is not None else None,
            "paper": self.paper,
            "ok": self.ok,
            "protocol": self.protocol | {name: value for name, value in beside.items() if value is not None},
            "seeds": self.seeds,
        }


@dataclass(frozen=True)
class Neighbours:
    """Distances of samples, and of held-out pictures, to their nearest training pictures; and the nearest few pairs."""

    distances: np.ndarray  # [N]
    held_out: np.ndarray  # [M]
    samples: np.ndarray  # uint8 [few, H, W, C]
    training: np.ndarray  # uint8 [few, H, W, C]
    others: str = "held-out pictures"  # whose the second distances are


@dataclass
class Result:
    title: str
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # the protocol in words
    neighbours: dict[str, Neighbours] = field(default_factory=dict)  # by pixels, by features
    of: "Model | None" = None  # whose pictures they are, where a run drew them

    def add(self, figure: Figure) -> None:
        self.figures[figure.name] = figure

    def as_json(self) -> dict[str, Any]:
        figures = [figure.as_json() for figure in self.figures.values()]
        return {"title": self.title, "figures": figures, "notes": self.notes}

    def in_words(self) -> str:
        rows = [("", "", "other real", "shuffled")]
        for one in self.figures.values():
            rows.append((one.name, _shown(one.value, one.error), _shown(one.floor), _shown(one.control)))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = []
        for row in rows:
            cells = [row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3))]
            lines.append("  " + "   ".join(cells).rstrip())
        return "\n".join([self.title, *lines, *self.notes])


def _shown(value: float | None, error: float | None = None) -> str:
    """Four digits; with an error, as many decimals as that has."""
    if value is None:
        return ""
    if error:
        decimals = max(0, -int(f"{error:.1e}".partition("e")[2]) + 1)
        return f"{value:.{decimals}f} ± {error:.{decimals}f}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.4g}"
