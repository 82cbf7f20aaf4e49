"""The explorer in a notebook: docs/explore.ipynb runs as it stands, and its widget draws in a browser."""

import base64
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

import dcgan
import untrained
from browsing import Heard, same
from dcgan.errors import UserError

pytest.importorskip("anywidget", reason="the extra `notebook` is not installed")

NOTEBOOK = Path(__file__).parents[2] / "docs" / "explore.ipynb"

# What a notebook's page does with a widget: its module, its traits, an element.
PAGE = """async ({ esm, about, generator, program }) => {
    const bytes = (base64) => new DataView(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)).buffer);
    const traits = { about, generator: bytes(generator), program: bytes(program), state: "point=17&bench=3;9" };
    const heard = [];
    globalThis.traits = traits;
    globalThis.hear = (state) => { traits.state = state; for (const call of heard) call(); };
    const model = {
        get: (name) => traits[name], set: (name, value) => { traits[name] = value; }, save_changes: () => {},
        on: (_, call) => heard.push(call), off: () => {},
    };
    const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    globalThis.away = [];
    for (const id of ["one", "two"]) {
        const element = document.body.appendChild(Object.assign(document.createElement("div"), { id }));
        away.push(await (await import(url)).default.render({ model, el: element }));
    }
}"""


@pytest.fixture(scope="module")
def explorer(trained: Path) -> Any:
    from dcgan.export import taking
    from dcgan.studio import Explorer

    if not (taking.STATIC / "take" / "explorer.js").is_file():
        pytest.skip("the studio's page is not built: make install does, where node and npm are")
    import shutil

    copy = trained.parent / "notebook"
    shutil.copytree(trained, copy, dirs_exist_ok=True)
    return Explorer(copy)


def test_python_sees_and_sets_what_is_chosen(explorer):
    explorer.point = "0.5*12 + 0.5*40"
    explorer.bench = [12, "17 ~3"]
    assert (explorer.point, explorer.bench) == ("0.5*12 + 0.5*40", ["12", "17 ~3"])
    model = explorer.model
    assert np.array_equal(explorer.picture(), model.sample(explorer.point)[0])
    explorer.state = "point=17+%2B0.5*%23odd&names=odd|3,9 -12&off=1:2"  # as the page says it
    shown = explorer.picture()
    assert np.abs(shown.astype(int) - model.sample("17 + 0.5*3,9 - 0.5*12")[0]).max() > 0  # one map is off
    model.switch_off("1:2")
    try:
        assert np.array_equal(shown, model.sample("17 + 0.5*3,9 - 0.5*12")[0])
    finally:
        model.gates = []
    with pytest.raises(UserError, match="cannot read"):
        explorer.point = "17 and 18"
    explorer.state = "names=odd|3 ~9"
    explorer.point, explorer.bench = "0 + 0.5*#odd", ["#odd"]
    assert np.array_equal(explorer.picture(), model.sample("0 + 0.5*3 + 0.5*#n.9")[0])
    assert np.array_equal(explorer.picture("#odd ~5"), model.sample("3 ~9 ~5")[0])
    with pytest.raises(UserError, match="not saved"):
        explorer.bench = ["#even"]


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.heard = Heard(page)
    page.goto("about:blank")
    yield page
    assert page.heard.complaints == []
    context.close()


def show(page: Any, explorer: Any) -> None:
    """Twice in one page."""
    held = {"generator": explorer.generator, "program": explorer.program}
    encoded = {name: base64.b64encode(content).decode() for name, content in held.items()}
    page.evaluate(PAGE, {"esm": explorer._esm, "about": explorer.about, **encoded})
    page.locator("#two #chosen[drawn]").wait_for()


def test_the_widget_draws_in_a_page_and_tells_its_state(explorer, page):
    show(page, explorer)
    pixels = page.evaluate(
        "document.querySelector('#one dcgan-explorer').generator.picture('17').then((p) => [...p.pixels])"
    )
    apart = np.abs(np.array(pixels) - explorer.model.sample(17)[0].astype(int).ravel())
    assert apart.mean() <= 1
    assert apart.max() <= 3
    assert page.evaluate("document.querySelector('#one dcgan-explorer').state.bench.length") == 2
    page.locator("#one").get_by_role("button", name="Choose 9").click()
    page.wait_for_function("traits.state.includes('point=9')")
    chosen = page.evaluate("traits.state")
    for state, point in (("point=40", "40"), (chosen, "9")):  # as Python sets it, also to what was chosen here before
        page.evaluate("(state) => hear(state)", state)
        page.wait_for_function(f"document.querySelector('#one dcgan-explorer').state.point === '{point}'")


def test_nothing_of_the_widget_stays_once_its_cell_is_gone(explorer, page):
    show(page, explorer)
    assert page.evaluate("document.adoptedStyleSheets.length") == 2
    page.evaluate("globalThis.was = document.querySelector('#one dcgan-explorer').generator")
    page.locator("#one").get_by_role("button", name="Choose 9").click()
    page.evaluate("for (const leave of away) leave()")
    assert page.evaluate("document.adoptedStyleSheets.length") == 0
    page.wait_for_timeout(300)
    assert page.evaluate("traits.state") == "point=17&bench=3;9"
    assert page.evaluate("was.picture('123456').then(() => 'drawn', () => 'closed')") == "closed"


def test_a_direction_of_the_page_alone_draws_the_same_in_python(page, cli, tmp_path):
    """Its noise too, and the class that a conditional run takes where none is said; and so does *Command*."""
    from dcgan.studio import Explorer

    run = tmp_path / "my digits"
    shape = {"size": (28, 28), "channels": 1, "classes": 10, "dense": 64, "width": 8, "steps": 5}
    untrained.write(run, "mnist", **shape)
    explorer = Explorer(run)
    show(page, explorer)
    for number, point in enumerate(("-#smile", "#smile ~2", "#smile @4", "5 + 0.5*#smile")):
        explorer.state = urlencode({"point": point, "names": "smile|17 ~3"})
        page.evaluate("(state) => hear(state)", explorer.state)
        page.wait_for_function(
            "(point) => document.querySelector('#one dcgan-explorer').state.point === point", arg=point
        )
        drawing = "document.querySelector('#one dcgan-explorer').generator.picture(point).then((p) => [...p.pixels])"
        shown = np.array(page.evaluate(f"(point) => {drawing}", point), np.uint8).reshape(28, 28, 1)
        same(shown, explorer.picture())
        command = page.locator("#one").get_by_role("button", name="Command").get_attribute("title").partition(": ")[2]
        drawn = tmp_path / f"{number}.png"
        assert cli(*shlex.split(command)[1:], "--out", drawn).code == 0
        same(shown, np.asarray(Image.open(drawn))[..., None])


@pytest.mark.slow
def test_the_notebook_runs(explorer, tmp_path, monkeypatch):
    nbformat, nbclient = (pytest.importorskip(name) for name in ("nbformat", "nbclient"))
    pytest.importorskip("ipykernel")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == []  # nothing of this machine is kept
    client = nbclient.NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    shown = [one["data"] for one in outputs if "data" in one]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in shown)
    assert any("(16, 16, 3)" in data.get("text/plain", "") for data in shown)
    assert any("image/png" in data for data in shown)
    assert json.loads((tmp_path / "runs/notebook/config.json").read_text())["steps"] == 150
    assert dcgan.load(tmp_path / "runs/notebook").header.step == 150
