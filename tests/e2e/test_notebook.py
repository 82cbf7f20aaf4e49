"""The explorer in a notebook: docs/explore.ipynb runs as it stands, and its widget draws in a browser."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dcgan
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
    for (const id of ["one", "two"]) {
        const element = document.body.appendChild(Object.assign(document.createElement("div"), { id }));
        await (await import(url)).default.render({ model, el: element });
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


def test_the_widget_draws_in_a_page_and_tells_its_state(explorer, browser):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("about:blank")
    held = {"generator": explorer.generator, "program": explorer.program}
    encoded = {name: base64.b64encode(content).decode() for name, content in held.items()}
    page.evaluate(PAGE, {"esm": explorer._esm, "about": explorer.about, **encoded})
    page.locator("#two #chosen[drawn]").wait_for()  # two in one page
    pixels = page.evaluate(
        "document.querySelector('#one dcgan-explorer').generator.picture('17').then((p) => [...p.pixels])"
    )
    apart = np.abs(np.array(pixels) - explorer.model.sample(17)[0].astype(int).ravel())
    assert apart.mean() <= 1
    assert apart.max() <= 3
    assert page.evaluate("document.querySelector('#one dcgan-explorer').state.bench.length") == 2
    page.locator("#one").get_by_role("button", name="Choose 9").click()
    page.wait_for_function("traits.state.includes('point=9')")
    page.evaluate("hear('point=40')")
    page.wait_for_function("document.querySelector('#one dcgan-explorer').state.point === '40'")
    assert wrong == []
    context.close()


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
