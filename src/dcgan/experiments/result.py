"""What an experiment found, and where it is left: RUN/experiments/NAME.png and NAME.json, or where --out says.

class Result(result.Result):
    name, source = "walk", "section 6.1, figure 4"
    paper = "what the paper showed, in words"
    frames: np.ndarray                       # whatever its own figure() needs

kept = keep(found, {".png": figure(found)}, model.folder, out, overwrite)
print(kept.in_words())
"""

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import dcgan
from dcgan import files
from dcgan.config import show_size
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.metrics.result import Figure
from dcgan.sample import Model


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every experiment gives; each adds what its own picture needs."""

    name: ClassVar[str]  # the verb
    source: ClassVar[str]  # where in the paper
    paper: ClassVar[str]  # what it showed, a sentence
    subject: str  # the run (or data) it was made on, and its step
    found: str  # what we got, a sentence
    figures: list[Figure]

    @property
    def ok(self) -> bool | None:
        """Whether every figure with a goal reached it; None where there is none."""
        told = [figure.ok for figure in self.figures if figure.ok is not None]
        return all(told) if told else None

    def as_json(self) -> dict[str, Any]:
        return {
            "experiment": self.name,
            "source": self.source,
            "subject": self.subject,
            "paper": self.paper,
            "found": self.found,
            "figures": [figure.as_json() for figure in self.figures],
            "ok": self.ok,
            "dcgan": dcgan.__version__,
            "machine": platform.machine(),
        }


@dataclass(frozen=True)
class Kept:
    """A result and the files that hold it."""

    result: Result
    paths: list[Path]  # the picture first, the JSON last

    def as_json(self) -> dict[str, Any]:
        return self.result.as_json() | {"files": [str(path) for path in self.paths]}

    def in_words(self) -> str:
        result = self.result
        lines = [
            f"{result.name}: {result.source}; {result.subject}",
            f"  the paper   {result.paper}",
            f"  here        {result.found}",
        ]
        width = max((len(figure.name) for figure in result.figures), default=0)
        for figure in result.figures:
            lines.append(f"  {figure.name:<{width}}  {figure_in_words(figure)}".rstrip())
        return "\n".join(lines + [f"  {path.suffix[1:]:<10}  {path}" for path in self.paths])


def figure_in_words(figure: Figure) -> str:
    """`0.93 (goal ≥ 0.9, real pictures 0.99): ok`"""
    beside = (
        ("goal", goal(figure.goal, figure.side)),
        ("control", figure.control),
        ("real pictures", figure.floor),
        ("paper", figure.paper),
    )
    words = [f"{name} {number(value)}" for name, value in beside if value is not None]
    verdict = "" if figure.ok is None else (": ok" if figure.ok else ": missed")
    return number(figure.value) + (f" ({', '.join(words)})" if words else "") + verdict


def goal(bound: float | None, side: str) -> str | None:
    return None if bound is None else f"{side} {number(bound)}"


def number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{0 if abs(value) < 1e-9 else value:.4g}"  # what is left of a difference is none


def subject(model: Model) -> str:
    """What figures call a run: its folder, its step and its size."""
    where = str(model.folder.path) if model.folder else model.config.data
    return f"{where}, step {model.header.step:,}, {show_size(model.config.size or (0, 0))} px"


def keep(
    result: Result,
    drawn: Mapping[str, bytes],
    folder: Folder | None,
    out: Path | None = None,
    overwrite: bool = False,
) -> Kept:
    """Write what was drawn, {".png": bytes, ...}, and the JSON beside it, all of the same name.

    In a run's folder the latest stands; a file of the user's, named with --out, is kept unless they said so.
    """
    path = place(result.name, folder, out, True)
    held = {path.with_suffix(suffix): content for suffix, content in drawn.items()}
    about = path.with_suffix(".json")
    held[about] = (json.dumps(result.as_json(), indent=2) + "\n").encode()
    if out is not None and not overwrite:
        for one, content in held.items():
            files.check_new(one, content)
    for one, content in held.items():
        files.write_whole(one, content)
    return Kept(result, list(held))


def check_ours(folder: Path, name: str) -> None:
    """Whether NAME.png and NAME.json may be replaced there: where both are ours, or none is."""
    about = folder / f"{name}.json"
    there = [path for path in (folder / f"{name}.png", about) if os.path.lexists(path)]
    with suppress(OSError, ValueError, AttributeError):
        if json.loads(about.read_text("utf-8")).get("experiment") == name:
            return
    if there:
        raise UserError(f"--out {folder}: {there[0].name} is there already, and is none of ours; choose another folder")


def place(name: str, folder: Folder | None, out: Path | None, overwrite: bool = False) -> Path:
    """Where the picture goes; asked before anything is computed, so that nothing is in vain."""
    if out is not None and out.suffix.lower() != ".png":
        raise UserError(f"--out {out}: the picture is written as PNG; give it a name that ends in .png")
    if out is not None:
        for suffix in () if overwrite else (".png", ".json"):
            files.check_new(out.with_suffix(suffix))
        return out
    if folder is None:
        raise UserError(f"--out: this model stands outside a run's folder; say where {name}.png should go")
    return folder.path / "experiments" / f"{name}.png"
