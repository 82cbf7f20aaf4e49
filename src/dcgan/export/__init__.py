"""Take a run along: `dcgan export RUN --to onnx | web | page | pt2 | tutorial | images`, and back: `dcgan import`.

What draws is what is exported: the averaged generator with its statistics for use. A file that another program will
run is first run here and compared with torch; it is written only if both draw the same.

    onnx      for any runtime, a browser's too; --half stores the weights in half the bytes
    web       a module for a page of one's own: generator.js, its types, an example
    page      the explorer with the generator inside, a folder or (--single-file) one HTML file, offline
    pt2       for torch alone, without dcgan: torch.export.load(...).module()(z)
    tutorial  netG.pth and netD.pth, as PyTorch's own DCGAN tutorial names their layers
    images    a folder of PNGs, seeds 0 to 999 unless told
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dcgan import draw, files, sample
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.sample import Model

COUNT = 1000  # pictures of --to images


@dataclass(frozen=True)
class Exported:
    files: dict[str, int]  # path -> bytes
    difference: float | None = None  # from torch, at most, in G's own units (2 from black to white, 1 under a sigmoid)
    compared: int = 0  # pictures
    notes: tuple[str, ...] = ()  # further lines, for people

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "notes"}

    def in_words(self) -> str:
        lines = list(self.notes) or [f"{path}: {size / 2**20:,.1f} MiB" for path, size in self.files.items()]
        if self.difference is not None:
            lines.append(f"  compared with torch on {self.compared} pictures: at most {self.difference:.1e} apart")
        return "\n".join(lines)


def export(
    run: Path,
    to: str,
    out: Path | None = None,
    *,
    half: bool = False,
    single_file: bool = False,
    seeds: str | None = None,
    count: int | None = None,
    overwrite: bool = False,
    console: Console | None = None,
) -> Exported | draw.Drawn:
    console = console or Console(quiet=True)
    if half and to != "onnx":
        raise UserError(f"--half: only onnx is written with half the bytes, and --to says {to}; leave it out")
    if single_file and to != "page":
        raise UserError(f"--single-file: only a page is one file or several, and --to says {to}; leave it out")
    if (seeds or count is not None) and to != "images":
        raise UserError(f"{'--seeds' if seeds else '--count'}: it is for --to images, and --to says {to}; leave it out")
    model = sample.load(run)
    if to == "images":
        asked = draw.Asked(seeds=seeds, count=COUNT if count is None and not seeds else count)
        return draw.draw(run, asked, _place(model, run, out, "pictures"), overwrite, console)
    if to == "tutorial":
        from dcgan.export import tutorial

        folder = _place(model, run, out, "tutorial")
        contents = {folder / name: content for name, content in tutorial.make(model).items()}
        return _write(contents, overwrite)
    if to in ("page", "web"):
        return _taken(model, run, to, out, single_file, overwrite)
    if to == "pt2":
        from dcgan.export import pt2

        content, difference = pt2.make(model)
    else:
        from dcgan.export import onnx

        content, difference = onnx.make(model, half)
    place = _place(model, run, out, f"generator{'-half' if half else ''}.{to}")
    return _write({place: content}, overwrite, difference)


def _taken(model: Model, run: Path, to: str, out: Path | None, single_file: bool, overwrite: bool) -> Exported:
    from dcgan.export import taking

    if out is not None and out.suffix == ".html" and not single_file:
        raise UserError(f"--out {out}: it is a folder of files; name one, or add --single-file to --to page")
    made, difference = taking.page(model, single_file) if to == "page" else taking.web(model)
    place = _place(model, run, out, "page.html" if single_file else to)
    done = _write({place / name: content for name, content in made.items()}, overwrite, difference)
    if to == "web":
        return replace(done, notes=(f"{place}: a module for a page of your own", *taking.sizes(done.files)))
    return done


def _place(model: Model, run: Path, out: Path | None, name: str) -> Path:
    if out is not None:
        return out
    if model.folder is None:
        raise UserError(f"--out: {run} stands outside a run's folder; say where the export should go")
    return model.folder.path / "exported" / name


def _write(contents: dict[Path, bytes], overwrite: bool, difference: float | None = None) -> Exported:
    if not overwrite:
        for path, content in contents.items():
            files.check_new(path, content)
    with files.all_or_none(contents):
        for path, content in contents.items():
            files.write_whole(path, content)
    from dcgan.export.compare import PICTURES

    sizes = {str(path): len(content) for path, content in contents.items()}
    return Exported(sizes, difference, PICTURES if difference is not None else 0)
