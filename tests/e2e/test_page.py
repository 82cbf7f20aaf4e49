"""What is taken along opens in Chromium with the network off, from a file, and draws what Python draws."""

import functools
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import browsing
import dcgan
import untrained
from browsing import same
from dcgan import latents
from dcgan.export import taking

LARGEST = 20 * 2**20
WORDS = ["0", "17", "0.5*12 + 0.5*40", "+12,40,77 -3,9,31 ~5", "17 - 2*#mine", str(latents.MAX_SEED)]
PIXELS = "async (words) => Array.from((await document.querySelector('dcgan-explorer').generator.picture(words)).pixels)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As large as the default run, and with a point of its own."""
    place = tmp_path_factory.mktemp("runs") / 'portraits <of> "us"'
    folder = untrained.write(place, size=(64, 64), width=32)
    folder.save_point("mine", latents.draw([5], 100)[0])
    return place


@pytest.fixture(scope="module")
def model(run: Path) -> Any:
    return dcgan.load(run)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 800}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.heard = browsing.Heard(page)
    yield page
    assert page.heard.complaints == []
    context.close()


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """As one file, and as a folder."""
    from dcgan import export

    place = tmp_path_factory.mktemp("exported")
    if not (taking.STATIC / "take" / "explorer.js").is_file():
        pytest.skip("the explorer is not built: make install does, where node and npm are")
    return {
        "single file": export.export(run, "page", place / "page.html", single_file=True),
        "folder": export.export(run, "page", place / "page"),
    }


@pytest.mark.parametrize("kind", ["single file", "folder"])
def test_the_page_opens_from_a_file_and_draws_what_python_draws(page, exported, model, kind):
    done = exported[kind]
    assert done.difference <= 2e-3
    assert sum(done.files.values()) <= LARGEST
    first = Path(next(iter(done.files)))
    assert first.name == ("page.html" if kind == "single file" else "index.html")
    page.goto(first.as_uri())
    page.locator("#chosen[drawn]").wait_for()
    assert page.title() == 'portraits <of> "us": a generator to explore'
    shape = model.sample(0)[0].shape
    for words, ours in zip(WORDS, model.sample(WORDS), strict=True):
        same(np.array(page.evaluate(PIXELS, words), np.uint8).reshape(shape), ours)
    assert page.heard.outside(*(Path(path).as_uri() for path in done.files)) == []


def test_what_needs_a_server_says_so_and_the_rest_works(page, exported, model):
    address = Path(next(iter(exported["single file"].files))).as_uri()
    page.goto(f"{address}#tool=critic")
    page.get_by_text("it needs the studio, which has the run beside it").wait_for()
    page.get_by_role("tab", name="Algorithm 1").click()
    page.get_by_text("it needs the studio, which has the run beside it").wait_for()
    # a direction lives in the address, and is written out for the command
    page.goto(f"{address}#tool=sums&trays=%2B3;9!-12&point=0")
    page.get_by_label("Name of the direction").fill("older")
    page.locator("explore-sums form button").click()
    page.get_by_role("tab", name="Sliders").click()
    page.get_by_label("older").fill("0.5")
    page.wait_for_function("location.hash.includes('weights=older')")
    there = page.url
    page.goto("about:blank")
    page.goto(there)
    page.locator("#chosen[drawn]").wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save", exact=True).click()
    with Image.open(download.value.path()) as saved:
        text, pixels = dict(saved.text), np.asarray(saved)
    assert text["dcgan:points"] == "0 +0.5*3,9 -0.5*12"
    same(pixels, model.sample(text["dcgan:points"])[0])


def test_a_conditional_grey_run_of_another_shape(page, cli, tmp_path):
    run = tmp_path / "digits"
    shape = {"size": (28, 28), "channels": 1, "classes": 10, "dense": 64, "width": 8, "steps": 5}
    untrained.write(run, "mnist", class_names=tuple("0123456789"), **shape)
    out = tmp_path / "page.html"
    assert cli("export", run, "--to", "page", "--single-file", "--out", out).code == 0
    page.goto(out.as_uri())
    page.locator("#chosen[drawn]").wait_for()
    words = ["3", "17 @4", "0.5*1 + 0.5*2 @9"]
    for one, ours in zip(words, dcgan.load(run).sample(words), strict=True):
        same(np.array(page.evaluate(PIXELS, one), np.uint8).reshape(28, 28, 1), ours)
    page.get_by_label("Class").select_option("7")
    page.get_by_role("button", name="Seed 2", exact=True).click()
    assert page.evaluate("document.querySelector('dcgan-explorer').state.point") == "2 @7"


def test_the_module_for_a_page_of_ones_own(browser, run, model, cli, tmp_path):
    out = tmp_path / "web"
    done = cli("export", run, "--to", "web", "--out", out)
    assert done.code == 0, done.err
    for name in ("generator.js", "generator.d.ts", "generator.onnx", "onnxruntime.wasm", "example.html"):
        assert re.search(rf"{re.escape(name)} +[\d,]+ +[\d,]+\n", done.out)
    assert (out / "generator.d.ts").read_text().count("export ") == 3  # Generator, load, and the command in a comment
    example = (out / "example.html").read_text()
    script = example[example.index("<script") :].strip().splitlines()[1:-1]
    assert len([line for line in script if line.strip()]) <= 20
    with hosted(out) as address:
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(120_000)
        heard = browsing.Heard(page)
        page.goto(f"{address}example.html")
        words = ["17", "0.5*12 + 0.5*40", "17 - 2*#mine"]
        made = page.evaluate(
            """async (words) => {
                const { load } = await import("./generator.js");
                const G = await load("./");
                const pictures = await G.generate(words);
                return [G.height, G.width, pictures.map(({ data }) => Array.from(data))];
            }""",
            words,
        )
        page.locator("#slider").fill("0.5")
        page.wait_for_function(
            "() => document.querySelector('canvas').getContext('2d').getImageData(9, 9, 1, 1).data[3] === 255"
        )
        assert made[:2] == [64, 64]
        for pixels, ours in zip(made[2], model.sample(words), strict=True):
            same(np.array(pixels, np.uint8).reshape(64, 64, 4)[..., :3], ours)
        assert heard.outside(address) == []
        assert [one for one in heard.complaints if "favicon" not in one and "404" not in one] == []
        context.close()


@functools.cache
def _quiet() -> type:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words: Any) -> None:
            pass

    return Quiet


class hosted:
    """A folder on a static host."""

    def __init__(self, folder: Path):
        handler = functools.partial(_quiet(), directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("localhost", 0), handler)

    def __enter__(self) -> str:
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return f"http://localhost:{self.server.server_port}/"

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def test_export_says_what_is_wrong(cli, run, tmp_path, monkeypatch):
    done = cli("export", run, "--to", "onnx", "--single-file")
    assert (done.code, done.err) == (
        2,
        "dcgan: --single-file: only a page is one file or several, and --to says onnx; leave it out\n",
    )
    monkeypatch.setattr(taking, "STATIC", tmp_path)
    done = cli("export", run, "--to", "page", "--out", tmp_path / "page")
    assert done.code == 2
    assert "the explorer is not built" in done.err
    assert not (tmp_path / "page").exists()
    assert json.loads((run / "points.json").read_text())["mine"]
