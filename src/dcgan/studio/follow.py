"""A run's directory as it grows: what stands in its log, its samples, whether it is trained now.

The trainer knows nothing of this: files are looked at, twice a second while someone watches, and only what was
appended is read. A log that was rewritten (a run that went on from an earlier save) is read anew.
"""

import json
import math
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dcgan import checkpoint
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.logbook import LONGEST, Log, objects
from dcgan.studio.library import Library, Refused
from dcgan.studio.series import MOST, Series

CURVES = ("loss_D", "loss_G", "D_x", "D_Gz", "images_per_s")
PACE = 120.0  # seconds of training that the time left is reckoned from
FINDINGS = 200  # that are kept
SETTLED = 2.0  # seconds after which a folder's time says truly whether something was added


class Samples:
    """Steps of the sample sheets, and of each when it was written: a step can be drawn anew, after a rewind."""

    def __init__(self, library: Library, path: Path):
        self.library, self.path = library, path
        self.epoch, self.steps, self.versions = 0, [], []
        self._seen = 0

    def look(self) -> None:
        try:
            changed = os.stat(self.path).st_mtime_ns
            if changed == self._seen:
                return
            found = self._found() if self.library.ours(self.path) else []
        except OSError:  # not there, no folder, or not to be read: it may be at the next look
            changed, found = 0, []
        steps, versions = [step for step, _ in found], [version for _, version in found]
        if steps[: len(self.steps)] != self.steps or versions[: len(self.versions)] != self.versions:
            self.epoch += 1
        self.steps, self.versions = steps, versions
        # Two changes may fall into one tick of the file system's clock: look again until that is over.
        self._seen = changed if time.time() - changed / 1e9 > SETTLED else 0

    def _found(self) -> list[tuple[int, int]]:
        found = []
        with os.scandir(self.path) as entries:
            for entry in entries:
                stem, dot, kind = entry.name.partition(".")
                if (dot, kind) == (".", "png") and stem.isascii() and stem.isdigit() and len(stem) <= 13:
                    with suppress(FileNotFoundError):  # a run that goes on takes away what was drawn later
                        about = entry.stat(follow_symlinks=False)
                        found.append((int(stem), about.st_mtime_ns // 1_000_000))
        return sorted(found)


class Followed:
    """One run: `brief` for the list, `look` and the public parts for who watches it."""

    def __init__(self, library: Library, name: str, folder: Folder):
        self.library, self.name, self.folder = library, name, folder
        self.lock = threading.Lock()
        self.curves, self.scores = Series(*CURVES), Series("score")
        self.samples = Samples(library, folder.samples)
        self._log = Log(folder.log_file, self._open)
        self._kept: dict[Path, tuple[tuple[int, int, int], Any]] = {}
        self.epoch = 0  # counts the logs that were begun anew
        self._reset()

    def _reset(self) -> None:
        self.epoch += 1
        self.curves.clear()
        self.scores.clear()
        self.metric: str | None = None
        self.best: dict[str, Any] | None = None
        self.findings: deque[dict[str, Any]] = deque(maxlen=FINDINGS)
        self.found = 0  # how many there were
        self._pace: deque[tuple[int, float]] = deque()

    def _open(self, path: Path) -> BinaryIO:
        try:
            return self.library.open(path)
        except Refused:
            raise FileNotFoundError(path) from None

    def look(self) -> None:
        """Read what is new."""
        with self.lock:
            for lines in self._log.read(self._reset):
                self._take(lines)
            self.samples.look()

    def _take(self, lines: list[dict[str, Any]]) -> None:
        reports = [line for line in lines if "event" not in line]
        self._add(self.curves, reports, ("step", *CURVES))
        for line in reports[-MOST:]:
            self._paced(_number(line.get("step")), _number(line.get("seconds")))
        events = [line for line in lines if "event" in line and not math.isnan(_number(line.get("step")))]
        scores = [line for line in events if line["event"] == "evaluate"]
        self._add(self.scores, scores, ("step", "score"))
        for line in scores:
            step, score, self.metric = int(line["step"]), _number(line.get("score")), str(line.get("metric", ""))[:100]
            if self.best is None or score < self.best["score"]:
                self.best = {"step": step, "score": score, "metric": self.metric}
        for line in events:
            name, words = str(line.get("name", ""))[:100], str(line.get("words", ""))[:2000]
            if line["event"] == "recover":
                words = f"it went back from step {_number(line.get('at')):,.0f}, after this: {words}"
            elif line["event"] != "finding":
                continue
            self.findings.append({"step": int(line["step"]), "name": name, "words": words})
            self.found += 1

    @staticmethod
    def _add(series: Series, lines: list[dict[str, Any]], names: tuple[str, ...]) -> None:
        rows = np.column_stack([_numbers([line.get(name) for line in lines]) for name in names])
        series.add(rows[~np.isnan(rows[:, 0])])

    def _paced(self, step: float, seconds: float) -> None:
        if math.isnan(step) or math.isnan(seconds):
            return
        if self._pace and seconds < self._pace[-1][1]:
            self._pace.clear()
        self._pace.append((int(step), seconds))
        while seconds - self._pace[0][1] > PACE and len(self._pace) > 2:
            self._pace.popleft()

    def brief(self) -> dict[str, Any]:
        """What the list of runs says of it, in words that JSON can hold: one damaged run does not hide the others."""
        name = self.name.encode(errors="backslashreplace").decode()
        try:
            if name != self.name:
                raise UserError(f"{name}: its folder's name is not UTF-8, which no address can say; rename it")
            said = json.dumps(self._brief(), ensure_ascii=False, allow_nan=False)
            return json.loads(said.encode(errors="replace"))  # a path of data may hold bytes that are no UTF-8
        except UserError as error:
            what = str(error)
        except Refused:
            what = f"{name}: a part of it lies outside this folder"
        except (ValueError, OverflowError):  # NaN seconds, say
            what = f"{name}: a number in its checkpoint makes no sense; delete {self.folder.last.name}, and train anew"
        return {"name": name, "status": "damaged", "trouble": what}

    def _brief(self) -> dict[str, Any]:
        """Little is read, and that again only when it changed."""
        config = self._once(self.folder.config_file, lambda path: self.folder.config())
        header = self._once(self.folder.last, checkpoint.read_header)
        last = self._once(self.folder.log_file, self._last) or {}
        if config is None:
            raise UserError(f"{self.name}: it is not there any more")  # it has just been taken away
        training = self.library.ours(self.folder.lock_file) and self.folder.training()
        saved = header.step if header else 0
        step = max(saved, int(last.get("step", 0))) if training else saved
        seconds = float(last.get("seconds", 0)) if training else (header.seconds if header else 0.0)
        done = seconds / 60 if config.minutes and not config.steps else step
        total = config.steps or config.minutes
        finished = bool(header and total and config.reached(header.step, header.seconds))
        with self.lock:
            self.samples.look()
        drawn = (self.samples.steps[-1], self.samples.versions[-1]) if self.samples.steps else None
        status = "training" if training else "imported" if header and header.origin else ""
        return {
            "name": self.name,
            "status": status or ("finished" if finished else "stopped"),
            "data": config.data,
            "preset": config.preset,
            "size": list(config.size or ()),
            "channels": config.channels,
            "conditional": config.conditional,
            "classes": list(header.classes) if header and header.classes else None,
            "origin": header.origin if header else None,
            "loss": config.loss,
            "step": step,
            "saved": saved,
            "steps": config.steps,
            "minutes": config.minutes,
            "fraction": min(1.0, done / total) if total else None,
            "seconds": seconds,
            "images_per_s": last.get("images_per_s"),
            "left": self._left(step, config.steps, config.minutes, seconds) if training else None,
            "sample": drawn,
            "reported": self._changed(self.folder.log_file),
            "goes_on": not (header and header.origin) and not config.data.startswith("own:"),
        }

    def _left(self, step: int, steps: int | None, minutes: float | None, seconds: float) -> float | None:
        """Seconds of training to the end at the pace of late; known once a run is watched."""
        if not steps:
            return max(0.0, 60 * (minutes or 0) - seconds)
        if len(self._pace) < 2:
            return None
        (before, since), (now, until) = self._pace[0], self._pace[-1]
        return max(0.0, (steps - step) * (until - since) / (now - before)) if now > before else None

    def _last(self, path: Path) -> dict[str, Any]:
        """The last report in the log, with numbers where we want numbers."""
        with self.library.open(path) as file:
            file.seek(max(0, file.seek(0, 2) - LONGEST))
            lines = file.read(LONGEST).decode(errors="replace").split("\n")
        for held in reversed(objects(lines)):
            if "event" not in held:
                numbers = {name: _number(held.get(name)) for name in ("step", "seconds", "images_per_s")}
                if not any(map(math.isnan, numbers.values())):
                    return numbers
        return {}

    def _once(self, path: Path, read: Callable[[Path], Any]) -> Any:
        """What `read` makes of a file, again only when the file changed; None where there is none."""
        try:
            about = os.stat(path)
        except OSError:
            return None
        seen = about.st_ino, about.st_size, about.st_mtime_ns
        if self._kept.get(path, (None,))[0] != seen:
            self._kept[path] = seen, read(self.library.check(path))
        return self._kept[path][1]

    @staticmethod
    def _changed(path: Path) -> float | None:
        """Seconds since the epoch."""
        try:
            return round(os.stat(path).st_mtime, 1)
        except OSError:
            return None


def _number(value: Any) -> float:
    """NaN for whatever is no finite number: a log is only read, never believed."""
    if type(value) is float:
        return value if isfinite(value) else math.nan
    return float(value) if type(value) is int and abs(value) < 1e300 else math.nan


def _numbers(values: list[Any]) -> np.ndarray:
    if {*map(type, values)} <= {int, float}:
        with suppress(OverflowError):
            found = np.array(values, float)
            found[~np.isfinite(found)] = np.nan
            return found
    return np.array([_number(value) for value in values], float)
