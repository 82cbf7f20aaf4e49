"""The live line: a websocket that tells the page what changed.

The page says which runs it watches: {"watch": [name, ...]}. It is sent, whenever there is something new,

    {"runs": [...], "folder": "..."}                 all runs in brief, for the list
    {"run": name, "curves": {...}, "samples": ...}   of a watched run, the parts that grew, from where they grew

"from" is where in the page's own lists they begin; 0 replaces all. After a break the page connects anew and is told
the whole.
"""

import asyncio
import contextlib
import json
import threading
import time
from typing import Any

import anyio.to_thread
from starlette.websockets import WebSocket, WebSocketDisconnect

from dcgan.studio.control import Trainings
from dcgan.studio.follow import Followed
from dcgan.studio.library import Library, Refused

EVERY = 0.5  # seconds between two looks
WATCHED = 8  # runs beside each other, at most
LINES = 64  # that are open at once, at most


class Watch:
    """All runs of a library, followed; shared by all pages that are open."""

    def __init__(self, library: Library, trainings: Trainings):
        self.library, self.trainings = library, trainings
        self._followed: dict[str, Followed] = {}
        self._lock = threading.Lock()
        self._briefs: list[dict[str, Any]] = []
        self._next = 0.0

    def run(self, name: str) -> Followed:
        folder = self.library.run(name)
        with self._lock:
            return self._followed.setdefault(name, Followed(self.library, name, folder))

    def briefs(self) -> list[dict[str, Any]]:
        """Of all runs, those trained now first, by name, then those that changed last."""
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return self._briefs
            runs = self.library.runs()
            for gone in self._followed.keys() - runs.keys():
                del self._followed[gone]
            for name, folder in runs.items():
                self._followed.setdefault(name, Followed(self.library, name, folder))
            found = [self._brief(self._followed[name]) for name in runs]
            found.sort(key=_place)
            self._briefs = found
            self._next = time.monotonic() + max(EVERY / 2, 10 * (time.monotonic() - now))
            return found

    def _brief(self, followed: Followed) -> dict[str, Any]:
        brief = followed.brief()
        brief["trouble"] = brief.get("trouble") or self.trainings.trouble(followed.folder)
        if brief["status"] in ("stopped", "finished") and self.trainings.starting(followed.folder):
            brief["status"] = "starting"
        return brief


def _place(brief: dict[str, Any]) -> tuple[bool, float, str]:
    training = brief["status"] == "training"  # these report in turn: by that, the list would not keep still
    return not training, 0.0 if training else -(brief.get("reported") or 0.0), brief["name"]


class Line:
    """What one page has been told already."""

    def __init__(self, watch: Watch):
        self.watch = watch
        self.names: list[str] = []
        self._told: dict[str, dict[str, tuple[int, int]]] = {}
        self._briefs: list[dict[str, Any]] | None = None

    def asked(self, text: str) -> None:
        """What the page asks for; nonsense is passed over."""
        try:
            names = json.loads(text)["watch"]
        except (ValueError, TypeError, KeyError, RecursionError):
            return
        if isinstance(names, list):
            self.names = list(dict.fromkeys(map(str, names)))[:WATCHED]
            self._told = {name: told for name, told in self._told.items() if name in self.names}

    def news(self) -> list[dict[str, Any]]:
        """Messages that bring the page up to date."""
        found: list[dict[str, Any]] = []
        for name in self.names:
            try:
                followed = self.watch.run(name)
            except Refused:
                if self._told.get(name) != {}:
                    found.append({"run": name, "gone": True})
                self._told[name] = {}
                continue
            followed.look()
            if parts := self._parts(followed):
                found.append({"run": name, **parts})
        briefs = self.watch.briefs()
        if briefs != self._briefs:
            self._briefs = briefs
            found.insert(0, {"runs": briefs, "folder": str(self.watch.library.path)})
        return found

    def _parts(self, run: Followed) -> dict[str, Any]:
        told, parts = self._told.setdefault(run.name, {}), {}
        with run.lock:
            for name, series in (("curves", run.curves), ("scores", run.scores)):
                epoch, lines = told.get(name, (0, 0))
                if (series.epoch, series.lines) == (epoch, lines):
                    continue
                start = lines // series.width if epoch == series.epoch else 0
                parts[name] = series.since(start)
                told[name] = series.epoch, series.lines
            samples = run.samples
            now = samples.epoch, len(samples.steps)
            if "samples" not in told or told["samples"] != now:
                epoch, there = told.get("samples", (-1, 0))
                start = there if epoch == samples.epoch else 0
                parts["samples"] = {
                    "from": start,
                    "steps": samples.steps[start:],
                    "versions": samples.versions[start:],
                }
                told["samples"] = now
            if told.get("findings") != (run.epoch, run.found):
                parts["findings"] = list(run.findings)
                told["findings"] = run.epoch, run.found
            if parts:
                parts["metric"], parts["best"] = run.metric, run.best
        return parts


_open = 0


async def live(socket: WebSocket) -> None:
    global _open
    if _open >= LINES:
        await socket.close(1013)
        return
    await socket.accept()
    line, wake = Line(socket.app.state.watch), asyncio.Event()

    async def hear() -> None:
        with contextlib.suppress(WebSocketDisconnect, KeyError):  # KeyError: it was not text
            while True:
                line.asked(await socket.receive_text())
                wake.set()

    hearing = asyncio.create_task(hear())
    _open += 1
    try:
        while not hearing.done():
            wake.clear()
            for message in await anyio.to_thread.run_sync(line.news):
                await socket.send_text(json.dumps(message, separators=(",", ":"), allow_nan=False))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), EVERY)
    except (WebSocketDisconnect, RuntimeError):  # it went away as we spoke
        pass
    finally:
        _open -= 1
        hearing.cancel()
