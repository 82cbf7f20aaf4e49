"""The models behind the Explore half: loaded when asked for, a few at a time, used by one request at a time.

torch is imported at the first request that needs it, so that a studio which only watches stays small.
"""

import base64
import hashlib
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dcgan import images, latents
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.studio.library import Library

if TYPE_CHECKING:
    from dcgan.sample import Model
    from dcgan.studio.neighbours import Neighbours
    from dcgan.studio.stepping import Stepping

MODELS = 3
SESSIONS = 8  # of Algorithm 1
DESCENT = 150  # steps of an inversion: what one waits for
NEAREST = 6


@dataclass
class Opened:
    """One checkpoint of a run, as it was when it was opened."""

    model: "Model"
    content: bytes  # ONNX
    layers: list[tuple[int, int, int]]


class Workbench:
    def __init__(self, library: Library):
        self.library = library
        self._opened: OrderedDict[tuple[str, int, int], Opened] = OrderedDict()  # by run, time written, size
        self._sessions: OrderedDict[str, Stepping] = OrderedDict()
        self._neighbours: OrderedDict[tuple[str, str], Neighbours] = OrderedDict()
        self._lock, self._preparing = threading.RLock(), threading.Lock()

    def runs(self) -> list[dict[str, Any]]:
        found = []
        for name, folder in self.library.runs().items():
            try:
                name.encode()  # no address can say one that is not UTF-8
                c, header = folder.config(), folder.header()
            except (UserError, OSError, UnicodeEncodeError):  # one damaged run does not hide the others
                continue
            step = f"step {header.step:,}" if header else "nothing saved yet"
            about = f"{c.data}, {step}".encode(errors="replace").decode()  # the data's path may be none either
            found.append({"name": name, "about": about, "ready": header is not None})
        return found

    def about(self, run: str) -> dict[str, Any]:
        from dcgan.export import explorable

        with self._using(run) as opened:
            return explorable.describe(opened.model, opened.layers) | {"run": run, "path": str(self._folder(run).path)}

    def generator(self, run: str, step: int) -> bytes:
        """The file that goes with `about`: of its step, though the run may have gone on since."""
        with self._lock:
            for (name, _, _), opened in reversed(self._opened.items()):
                if name == run and opened.model.header.step == step:
                    return opened.content
        with self._using(run) as opened:
            if opened.model.header.step != step:
                raise UserError(f"step {step:,}: the run has gone on; reload the page")
            return opened.content

    def directions(self, run: str) -> list[dict[str, Any]]:
        from dcgan.export import directions

        with self._using(run) as opened:
            return [{"name": d.name, "share": d.share, "z": _numbers(d.z)} for d in directions.kept(opened.model)]

    def save(self, run: str, name: str, words: str) -> dict[str, Any]:
        with self._using(run) as opened:
            c, folder = opened.model.config, self._folder(run)
            z = latents.resolve(latents.parse(words), c.z_dim, c.z, folder.saved)
            if name in folder.points():
                raise UserError(f"#{name}: the run has a point of this name; choose another")
            folder.save_point(name, z)
            return {"name": name, "z": _numbers(z)}

    def opinion(self, run: str, pixels: bytes, label: int | None) -> dict[str, Any]:
        with self._using(run) as opened:
            picture, labels = self._picture(opened.model, pixels, label)
            logit = float(opened.model.score(picture, labels)[0])
            return {
                "logit": logit,
                "probability": 1 / (1 + float(np.exp(-np.clip(logit, -500, 500)))),
                "guided": _png(_speaks_for(opened.model, picture, labels)),
            }

    def nearest(self, run: str, pixels: bytes) -> dict[str, Any]:
        """The training pictures most like it. They may have to be prepared first: nobody else waits for that."""
        from dcgan.studio.neighbours import Neighbours

        with self._using(run) as opened:
            config = opened.model.config
            picture = self._picture(opened.model, pixels, None)[0][0]
        with self._preparing:
            key = (run, config.fingerprint)
            if key not in self._neighbours:
                try:
                    self._neighbours[key] = Neighbours.of(config)
                except UserError as error:  # not kept: it can be mended, and then one asks again
                    return {"nearest": [], "measure": f"The nearest training pictures cannot be shown: {error}."}
                while len(self._neighbours) > MODELS:
                    self._neighbours.popitem(last=False)
            neighbours = self._neighbours[key]
        found = neighbours.nearest(picture, NEAREST)
        return {
            "nearest": [{"image": _png(one), "distance": distance} for one, distance in found],
            "measure": neighbours.measure,
        }

    def maps(self, run: str, pixels: bytes, label: int | None) -> dict[str, Any]:
        import torch

        with self._using(run) as opened:
            model = opened.model
            if model.D is None:
                raise UserError(f"{run}: its file held a generator alone, so there is no D to look into")
            picture, labels = self._picture(model, pixels, label)
            with torch.inference_mode():
                x = images.to_float(picture, model.config.output, model.device)
                y = None if labels is None else torch.as_tensor(labels, device=model.device)
                layers = [layer[0].float().cpu().numpy() for layer in model.D.maps(x, y)]  # type: ignore[operator]
            return {"layers": [_shown(layer) for layer in layers]}

    def invert(self, run: str, content: bytes, name: str) -> dict[str, Any]:
        """The point whose picture is most like the file's, kept as #name (with a number where that is taken)."""
        from dcgan.experiments import invert

        with self._using(run) as opened:
            model, folder = opened.model, self._folder(run)
            folder.check_point(name, overwrite=True)  # before one waits
            found = invert.invert(model, _decoded(model, content), steps=DESCENT)
            held, number = folder.points(), 1
            free = name
            while free in held and not np.array_equal(np.asarray(held[free], np.float32), found.z):
                free, number = f"{name}-{number + 1}", number + 1
            folder.save_point(free, found.z)
            return {
                "name": free,
                "z": _numbers(found.z),
                "label": found.label,
                "difference": found.error,
                "target": _png(found.picture),
            }

    def step(self, run: str, session: str, what: str) -> dict[str, Any]:
        from dcgan.studio.stepping import Stepping

        fresh = Stepping(self._folder(run).config()) if what == "start" else None
        with self._lock:
            if fresh is not None:
                stepping = fresh
                session = hashlib.blake2s(f"{run} {id(stepping)}".encode(), digest_size=8).hexdigest()
                self._sessions[session] = stepping
                while len(self._sessions) > SESSIONS:
                    self._sessions.popitem(last=False)
            elif session not in self._sessions:
                raise UserError("this training is no longer there; begin anew")
            return self._sessions[session].step(what) | {"session": session}

    # What they share

    def _folder(self, run: str) -> Folder:
        folder = self.library.run(run)
        if folder.points_file.exists():
            self.library.check(folder.points_file)  # its #names are read: no link may lead them elsewhere
        return folder

    @contextmanager
    def _using(self, run: str) -> Generator[Opened]:
        """The run's checkpoint as it is now; nobody else uses torch meanwhile."""
        from dcgan import sample
        from dcgan.export import explorable

        folder = self._folder(run)
        file = folder.best if folder.best.is_file() else folder.last
        if not file.is_file():
            raise UserError(f"{run}: nothing is saved in it yet; it opens here after its first checkpoint")
        written = self.library.check(file).stat()
        key = (run, written.st_mtime_ns, written.st_size)
        with self._lock:
            if key not in self._opened:
                model = sample.load(folder.path)
                made = explorable.make(model)
                self._opened[key] = Opened(model, made.content, made.layers)
                while len(self._opened) > MODELS:
                    self._opened.popitem(last=False)
            self._opened.move_to_end(key)
            yield self._opened[key]

    @staticmethod
    def _picture(model: "Model", pixels: bytes, label: int | None) -> tuple[np.ndarray, list[int] | None]:
        c = model.config
        shape = (*(c.size or ()), c.channels or 0)
        if len(pixels) != int(np.prod(shape)):
            raise UserError(f"a picture of {len(pixels)} bytes: this run's have {int(np.prod(shape))}; reload the page")
        if c.conditional and not 0 <= (label or 0) < c.classes:
            raise UserError(f"label {label}: classes go from 0 to {c.classes - 1}")
        picture = np.frombuffer(pixels, np.uint8).reshape(1, *shape).copy()
        return picture, [label or 0] if c.conditional else None


def _speaks_for(model: "Model", picture: np.ndarray, labels: list[int] | None) -> np.ndarray:
    """Guided backprop of D's score over the picture: bright raises it, dark lowers it."""
    import torch

    from dcgan.experiments import filters

    assert model.D is not None
    x = images.to_float(picture, model.config.output, model.device).requires_grad_()
    y = None if labels is None else torch.as_tensor(labels, device=model.device)
    (gradient,) = torch.autograd.grad(filters.guided(model.D)(x, y).sum(), x)
    return filters.visible(gradient.cpu().numpy())[0]


def _decoded(model: "Model", content: bytes) -> np.ndarray:
    """A file of the user's as data are read: in a child process of bounded memory, made to fit as the run's were."""
    from dcgan.experiments import invert

    if not content:
        raise UserError("the file is empty; choose a picture")
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "picture").write_bytes(content)  # in a folder: a folder's reader takes pictures alone
        try:
            return np.array(invert.read(model, Path(place)))
        except UserError:
            raise UserError("that file is no picture that can be read here; try a PNG or a JPEG") from None


def _shown(layer: np.ndarray) -> dict[str, Any]:
    """A layer's maps [maps, h, w] as bytes, each from its least to its most."""
    maps, height, width = layer.shape
    low, high = (edge(layer.reshape(maps, -1), axis=1)[:, None, None] for edge in (np.min, np.max))
    grey = np.round((layer - low) * (255 / np.maximum(high - low, 1e-12))).astype(np.uint8)
    return {"maps": maps, "height": height, "width": width, "pixels": base64.b64encode(grey.tobytes()).decode()}


def _png(picture: np.ndarray) -> str:
    return "data:image/png;base64," + base64.b64encode(images.png(picture)).decode()


def _numbers(z: np.ndarray) -> list[float]:
    return [float(value) for value in z]
