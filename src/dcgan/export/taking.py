"""`--to page` and `--to web`: a generator for browsers, with nothing of a server.

page   index.html and its scripts, or one HTML file: the explorer and the generator inside. It opens from file://,
       offline; what a browser forbids there (modules, fetch) is not used, so weights and programs are text in scripts
web    generator.js with its types, generator.onnx and what it needs, and a 20-line example: for a page of one's own

Both draw with weights of 16 bits (`dcgan.export.explorable`), and the same pictures for the same seeds as Python:
onnxruntime's are compared with torch's before anything is written.
"""

import base64
import gzip
import html
import json
from pathlib import Path
from typing import Any

import numpy as np

import dcgan
from dcgan.errors import UserError
from dcgan.export import directions, explorable, onnx
from dcgan.export.compare import LIMIT_HALF, compare
from dcgan.export.public import kind, public
from dcgan.sample import Model

STATIC = Path(dcgan.__file__).parent / "studio" / "static"  # where the page is built to


def page(model: Model, single_file: bool) -> tuple[dict[str, bytes], float]:
    """Files by name, and how far their pictures are from torch's, at most."""
    explorer = built("take/explorer.js").decode()  # first, what may be missing
    about, content, difference = _generator(model)
    held = {"about": about, "model": _packed(content)}
    scripts = {
        "explorer.js": explorer,
        "program.js": f'const dcganProgram = "{_packed(program())}";\n',
        "generator.js": f"const dcganGenerator = {_literal(held)};\n",
    }
    if single_file:
        tags = "".join(f"<script>{_within_html(text)}</script>\n" for text in scripts.values())
        return {"": _filled(model, tags).encode()}, difference
    tags = "".join(f'<script src="{name}"></script>\n' for name in scripts)
    files = {name: text.encode() for name, text in scripts.items()}
    return {"index.html": _filled(model, tags).encode(), **files}, difference


def web(model: Model) -> tuple[dict[str, bytes], float]:
    module = built("take/generator.js")
    about, content, difference = _generator(model)
    return {
        "generator.js": module,
        "generator.d.ts": built("take/generator.d.ts"),
        "generator.json": json.dumps(about).encode(),
        "generator.onnx": content,
        "onnxruntime.wasm": program(),
        "example.html": built("take/example.html"),
    }, difference


def sizes(files: dict[str, int]) -> list[str]:
    """A table: bytes as they lie, and as a server sends them compressed."""
    width = max(len(Path(path).name) for path in files)
    lines = [f"  {'file':<{width}} {'bytes':>12} {'gzip':>12}"]
    for path, size in files.items():
        packed = len(gzip.compress(Path(path).read_bytes(), 6))
        lines.append(f"  {Path(path).name:<{width}} {size:>12,} {packed:>12,}")
    return lines


def _generator(model: Model) -> tuple[dict[str, Any], bytes, float]:
    made = explorable.make(model)
    session = onnx.run(made.content)
    open_gates = {f"gate{i}": np.ones(maps, np.float32) for i, (maps, _, _) in enumerate(made.layers)}

    def draw(z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        given = {"z": z} | ({} if labels is None else {"labels": labels.astype(np.int32)})
        return session.run(["images"], given | open_gates)[0]

    difference = compare(model, draw, LIMIT_HALF, "the browser's generator")
    return explorable.describe(model, made.layers, directions.kept(model)), made.content, difference


def built(name: str) -> bytes:
    try:
        return (STATIC / name).read_bytes()
    except OSError:
        raise UserError(
            f"--to page, --to web: the explorer is not built ({STATIC / name} is missing), since node and npm were not "
            "there when this package was made; install Node.js 20.19 or newer and run python tools/page.py in the "
            "source, or install a wheel"
        ) from None


def program() -> bytes:
    """onnxruntime as WebAssembly: the studio's page carries it under a name with a hash."""
    found = sorted((STATIC / "assets").glob("ort-wasm-simd-threaded-*.wasm"))
    return built(str(found[0].relative_to(STATIC)) if found else "assets/ort-wasm-simd-threaded.wasm")


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


def _literal(held: Any) -> str:
    """JSON as part of a script, of which no name of a class or a run can make HTML."""
    return json.dumps(held).replace("<", r"\u003c")


def _within_html(script: str) -> str:
    """In HTML a script ends at the first "</script", in a string too."""
    return script.replace("</script", r"<\/script")


def _filled(model: Model, scripts: str) -> str:
    c = model.config
    size = "x".join(map(str, c.size or ()))
    name = model.folder.name if model.folder else public(c).data
    said = {
        "title": f"{name}: a generator to explore",
        "about": f"{kind(c).name}, {size} pixels, step {model.header.step:,}. "
        "It draws here, in this page; nothing is sent.",
    }
    text = built("take/page.html").decode()
    for key, words in said.items():
        text = text.replace("{{" + key + "}}", html.escape(words))
    return text.replace("{{scripts}}", scripts)
