"""The explorer in a notebook: the generator in the browser, and what is chosen there in Python.

    from dcgan.studio import Explorer
    e = Explorer("runs/faces-64")
    e                       # the explorer, as in the studio
    e.point, e.bench        # what is chosen, and kept, in words
    e.picture()             # uint8 [H, W, C], as Python draws it
    e.point = "0.5*12 + 0.5*40"

Nothing is served and nothing fetched: weights and program travel to the page as the widget's own data.
"""

import gzip
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

import numpy as np

from dcgan import hub, latents, sample
from dcgan.errors import UserError
from dcgan.export import directions, explorable, taking
from dcgan.sample import Model

if TYPE_CHECKING:
    import anywidget
    import traitlets
else:
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise UserError(f'Explorer: {error.name} is not installed; pip install "dcgan[notebook]" brings it') from None


class Explorer(anywidget.AnyWidget):
    """Of a run's folder, a checkpoint, or a loaded model."""

    about = traitlets.Dict().tag(sync=True)
    generator = traitlets.Bytes().tag(sync=True)
    program = traitlets.Bytes().tag(sync=True)
    state = traitlets.Unicode("").tag(sync=True)  # the words of the studio's address

    def __init__(self, run: Path | str | Model):
        self.model = run if isinstance(run, Model) else sample.load(run)
        made = explorable.make(self.model)
        about = explorable.describe(self.model, made.layers, directions.kept(self.model))
        path = (run.folder.path if run.folder else None) if isinstance(run, Model) else run
        if path:  # what `dcgan sample` takes for it, wherever that is typed
            about["path"] = str(path if hub.is_hub(path) else Path(path).resolve())
        super().__init__(
            # A second explorer in the same page must not define the same elements again.
            _esm=f"if (!globalThis.dcganExplorer) {{\n{taking.built('take/explorer.js').decode()}\n}}\n"
            "export default { render: ({ model, el }) => globalThis.dcganExplorer.widget(el, model) };\n",
            about=about,
            generator=gzip.compress(made.content, 6, mtime=0),
            program=gzip.compress(taking.program(), 6, mtime=0),
        )

    @property
    def point(self) -> str:
        """The chosen picture, in words."""
        return self._said("point") or "0"

    @point.setter
    def point(self, words: str | int) -> None:
        self._check([words])
        self.state = urlencode({**self._all(), "point": str(words)})

    @property
    def bench(self) -> list[str]:
        """The pictures that were kept, in words."""
        return [one.split("|")[0] for one in self._said("bench").split(";") if one]

    @bench.setter
    def bench(self, several: list[str | int]) -> None:
        self._check(several)
        self.state = urlencode({**self._all(), "bench": ";".join(map(str, several))})

    def picture(self, point: str | int | None = None) -> np.ndarray:
        """uint8 [H, W, C] of the chosen point, or of another; maps that are off here are off there."""
        before, self.model.gates = self.model.gates, []
        try:
            if off := self._said("off"):
                self.model.switch_off(off)
            return self.model.sample([self._whole(self.point if point is None else str(point))])[0]
        finally:
            self.model.gates = before

    def _check(self, several: list[str | int]) -> None:
        """A UserError, where one makes no sense."""
        self.model.latents([self._whole(one) if isinstance(one, str) else one for one in several])

    def _whole(self, words: str) -> latents.Point:
        """With #names that live in the page alone written out, and of the class that it has without that."""
        held = dict(one.split("|", 1) for one in self._said("names").split(";") if one)
        terms: list[latents.Term] = []
        point = latents.parse(words)
        for term in point.terms:
            if not isinstance(term.of, str) or term.of not in held:
                terms.append(term)
                continue
            inside = self._whole(held[term.of])
            noise = [latents.Term(1.0, f"n.{seed}") for seed in inside.noise]  # that it can be weighted
            terms += [latents.Term(term.weight * one.weight, one.of) for one in (*inside.terms, *noise)]
        c, label = self.model.config, point.label
        if c.conditional and label is None:
            label = point.seed % c.classes
        return latents.Point(tuple(terms), point.noise, label)

    def _all(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.state).items()}

    def _said(self, name: str) -> str:
        return self._all().get(name, "")
