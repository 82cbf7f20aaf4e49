"""A card in Chromium: it asks for nothing, fits a phone and a desk, reads by day and by night, and prints."""

import json

import pytest

from dcgan import card
from dcgan.folder import Folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(trained, tmp_path_factory) -> str:
    """Of a card with all its sections, and long words in them."""
    run = tmp_path_factory.mktemp("runs") / "faces"
    run.mkdir()
    for path in trained.rglob("*"):
        if path.is_file() and path.name != ".lock":
            (run / path.relative_to(trained)).parent.mkdir(exist_ok=True)
            (run / path.relative_to(trained)).write_bytes(path.read_bytes())
    figure = {"name": "KID (lite0)", "value": 0.25, "protocol": {"floor": 0.001, "order": "x" * 200}}
    (run / "measures.json").write_text(json.dumps([{"step": 30, "figures": [figure], "notes": ["y" * 100]}]))
    Folder(run).write(event="finding", name="D-won", step=30, words="D has won; " + "z" * 80)
    return card.make(run).path.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_and_reads(browser, serious, address, scheme, width):
    context = browser.new_context(offline=True, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert [one for one in asked if not one.startswith("data:")] == [address]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].filter((it) => !it.complete || !it.naturalWidth).length") == 0
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]
    page.evaluate("document.querySelectorAll('details').forEach((it) => (it.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious(page) == []
    context.close()


def test_it_prints_on_white(browser, address):
    context = browser.new_context(offline=True, color_scheme="dark")
    page = context.new_page()
    page.goto(address)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.plot')).filter") == "none"
    assert page.pdf(format="A4").startswith(b"%PDF")
    context.close()
