"""A run's directory: what stands where, and how it is read. The interface that every later part builds on.

config.json                      the Config
log.jsonl                        a line a report; other kinds of line carry an `event`: start, resume, check (of the
                                 samples), evaluate, finding, recover, finish
samples/000250.png               the same seeds each time
checkpoints/last.safetensors     State, optimizers too, Config and progress in its header
checkpoints/best.safetensors     the same, as it was when it scored best; with --evaluate-every
checkpoints/sound.safetensors    the same, when nothing was the matter; with --recover
points.json                      saved points: `#name`s
timelapse.webp, losses.png       made when the run ends (timelapse.gif where that was asked for)
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from dcgan import checkpoint, files, latents
from dcgan.config import Config
from dcgan.errors import UserError, suggest


class Folder:
    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.log_file = self.path / "log.jsonl"
        self.samples = self.path / "samples"
        self.last = self.path / "checkpoints" / "last.safetensors"
        self.best = self.path / "checkpoints" / "best.safetensors"
        self.sound = self.path / "checkpoints" / "sound.safetensors"
        self.points_file = self.path / "points.json"
        self.losses_file = self.path / "losses.png"
        self.lock_file = self.path / ".lock"

    @property
    def exists(self) -> bool:
        return self.config_file.is_file()

    @property
    def vacant(self) -> bool:
        """Whether a run can begin here: nothing is there, or only what one leaves that was killed as it began."""
        if not self.path.is_dir():
            return not os.path.lexists(self.path)
        return all(entry == self.lock_file or entry.match(files.PART) for entry in self.path.iterdir())

    @classmethod
    def of(cls, path: Path | str) -> "Folder":
        """The run at this path, or a UserError that says what is there instead."""
        folder = cls(path)
        try:
            there, exists = folder.path.exists(), folder.exists
        except OSError as error:
            raise UserError(f"{path}: it cannot be read ({error.strerror}); check the name") from None
        if not there:
            raise UserError(f"{path}: there is no such run; `dcgan runs` lists those under runs/")
        if not exists:
            what = "a file" if folder.path.is_file() else "a folder without config.json"
            raise UserError(f"{path}: it is {what}, not a run; give the folder that `dcgan train` wrote")
        return folder

    @property
    def name(self) -> str:
        """What the run is called, also where it is given as `.`."""
        return self.path.resolve().name

    def config(self) -> Config:
        config = Config.from_json(_read_text(self.config_file), str(self.config_file))
        if config.size is None or config.channels is None or not (config.steps or config.minutes):
            raise UserError(f"{self.config_file}: it is not a run's config; give the folder that `dcgan train` wrote")
        return config

    def header(self) -> checkpoint.Header | None:
        return checkpoint.read_header(self.last) if self.last.is_file() else None

    def lines(self) -> Iterator[dict[str, Any]]:
        """The log's lines; one that a killed run left half-written is passed over."""
        if not self.log_file.is_file():
            return
        with open(self.log_file, encoding="utf-8") as file:
            for line in file:
                try:
                    held = json.loads(line)
                except ValueError:
                    continue
                if isinstance(held, dict) and isinstance(held.get("step"), int):
                    yield held

    def reports(self) -> list[dict[str, Any]]:
        return [line for line in self.lines() if "event" not in line and "loss_G" in line]

    def scores(self) -> list[dict[str, Any]]:
        """What --evaluate-every measured: step, score (the lower, the better) and metric."""
        return [line for line in self.lines() if line.get("event") == "evaluate"]

    def best_score(self) -> dict[str, Any] | None:
        """Of the checkpoint that is kept for it: a run that went back has forgotten some scores, and keeps that."""
        scores = self.scores()
        if not (scores and self.best.is_file()):
            return min(scores, key=lambda line: line["score"], default=None)
        header = checkpoint.read_header(self.best)
        return scores[-1] | {"step": header.step, "score": header.score}

    def checks(self) -> list[dict[str, Any]]:
        """What was measured of each sheet of samples: see diagnosis.py."""
        return [line for line in self.lines() if line.get("event") == "check"]

    def findings(self) -> list[dict[str, Any]]:
        """What was the matter: name, words, step; a line of event "recover" says that the run went back there."""
        return [line for line in self.lines() if line.get("event") in ("finding", "recover")]

    def write(self, **line: Any) -> None:
        try:
            with open(self.log_file, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise UserError(
                f"{self.log_file}: it cannot be written ({error.strerror}); free some space, then run the same "
                "command again"
            ) from None

    def sample_file(self, step: int) -> Path:
        return self.samples / f"{step:06d}.png"

    def timelapse_file(self, kind: str) -> Path:
        return self.path / f"timelapse.{kind}"

    def sample_files(self) -> list[Path]:
        return sorted((p for p in self.samples.glob("*.png") if p.stem.isdigit()), key=lambda p: int(p.stem))

    def rewind(self, step: int) -> None:
        """Forget what was written after this step, so that each step stands once when the run goes on."""
        files.remove_parts(self.last.parent)
        files.remove_parts(self.samples)
        for name in (self.config_file.name, self.log_file.name, self.losses_file.name, "timelapse.*"):
            files.remove_parts(self.path, name)  # no others: who saves a point or measures holds no lock
        begun = self.last.is_file()
        kept = [
            line for line in self.lines() if begun and line.get("step", 0) <= step and line.get("event") != "finish"
        ]
        files.write_whole(self.log_file, "".join(json.dumps(line) + "\n" for line in kept).encode())
        for file in self.sample_files():
            if int(file.stem) > step:
                file.unlink()

    def peak_memory(self) -> int | None:
        """Bytes, as the last sitting that reached the end found them."""
        return next((line.get("memory") for line in reversed([*self.lines()]) if line.get("event") == "finish"), None)

    def finished(self) -> bool:
        """Whether the run has come to the end that its config names."""
        header = self.header()
        return header is not None and self.config().reached(header.step, header.seconds)

    def training(self) -> bool:
        """Whether a process is training it now."""
        return files.held(self.lock_file)

    def saved(self, name: str) -> np.ndarray:
        """The latent of a `#name`."""
        return np.asarray(self.points()[self._known(name)], np.float32)

    def check_point(self, name: str, overwrite: bool = False) -> None:
        """Whether a latent may be kept as `#name`."""
        if not latents.is_name(name):
            raise UserError(
                f"point #{name}: a point in words could not say it; name it with letters, digits, _, . and -, ending "
                "in a letter, a digit or _, and not as z.1 or n.1, which are directions"
            )
        if not overwrite and name in self.points():
            raise UserError(f"point #{name}: {self.path} has one of this name; choose another, or add --overwrite")

    def save_point(self, name: str, z: np.ndarray) -> None:
        self.check_point(name, overwrite=True)
        self._write_points(self.points() | {name: [float(value) for value in z]})

    def remove_point(self, name: str) -> None:
        points = self.points()
        del points[self._known(name)]
        self._write_points(points)

    def _known(self, name: str) -> str:
        points = self.points()
        if name not in points:
            known = suggest(name, points) if points else "; none is saved yet"
            raise UserError(f"point #{name}: it is not saved in {self.path}{known}")
        return name

    def _write_points(self, points: dict[str, list[float]]) -> None:
        files.write_whole(self.points_file, json.dumps(points).encode())

    def points(self) -> dict[str, list[float]]:
        """Every `#name` and its latent."""
        if not self.points_file.is_file():
            return {}
        try:
            points = json.loads(_read_text(self.points_file))
            return {name: [float(value) for value in z] for name, z in points.items()}
        except (ValueError, TypeError, AttributeError):
            raise UserError(
                f"{self.points_file}: it does not hold points (each a name and a list of numbers); delete it, and save "
                "them anew"
            ) from None


def runs(where: Path | str = "runs") -> list[Folder]:
    """All runs in and below a folder, not looking inside runs, nor where one may not look."""
    found: list[Folder] = []

    def look(path: Path, depth: int) -> None:
        with suppress(OSError):  # no folder, or one where one may not look
            if Folder(path).exists:
                found.append(Folder(path))
            elif depth:
                for below in sorted(p for p in path.iterdir() if not p.name.startswith(".")):
                    look(below, depth - 1)

    if not Path(where).is_dir():
        raise UserError(f"{where}: there is no such folder; `dcgan train` makes runs under runs/")
    look(Path(where), 3)
    return found


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: it cannot be read ({error})") from None
