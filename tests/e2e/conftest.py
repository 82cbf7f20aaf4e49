"""The studio in a real browser: Chromium, driven by Playwright, on a page served by the real command.

Where there is no Chromium, or the page is not built, these tests are skipped and say so.
"""

import os
import re
import runpy
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import start

ROOT = Path(__file__).resolve().parents[2]
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `dev`)")
    from dcgan.studio import server

    if not (server.STATIC / "index.html").is_file():
        pytest.skip("the studio's page is not built: make install does, where node and npm are")
    found = runpy.run_path(str(ROOT / "tools" / "browser.py"))["find"]()
    if not found and os.environ.get("CI"):
        pytest.fail("no Chromium here, and CI is to try the pages: tools/browser.py should have installed one")
    if not found:
        pytest.skip("no Chromium here; name one in the environment variable CHROMIUM")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def studio() -> Iterator[Callable[..., str]]:
    """`studio(folder)`: the command on that folder, and the address it printed."""
    started: list[subprocess.Popen[str]] = []

    def begin(path: Path, *flags: str) -> str:
        process = start("studio", path, "--no-browser", *([] if "--port" in flags else ["--port", "0"]), *flags)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        return re.search(r"http://\S+", line)[0]  # type: ignore[index]

    begin.started = started  # type: ignore[attr-defined]
    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
        try:
            _, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert "Traceback" not in err, err


@pytest.fixture
def page(browser: Any, studio: Any) -> Iterator[Any]:  # closed before the studio is
    """A fresh page, 1280 x 800. It fails the test if anything is said to go wrong, or is asked of anywhere else."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.wrong = []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.wrong.append(message.text))

    def asked(request: Any) -> None:
        if not re.match(r"(https?|ws)://(localhost|127\.0\.0\.1)[:/]|blob:|data:", request.url):
            page.wrong.append(f"it asked {request.url}")

    page.on("request", asked)
    page.on("websocket", asked)
    yield page
    context.close()
    assert page.wrong == []


@pytest.fixture(scope="session")
def serious() -> Callable[[Any], list[str]]:
    """What axe finds wrong with a page for people who use it in other ways, if it is serious."""
    axe = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
    if not axe.is_file():
        pytest.skip("axe-core is not here: make install brings it, where node and npm are")
    source = axe.read_text(encoding="utf-8")

    def check(page: Any) -> list[str]:
        page.evaluate(source + "; 0")
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        nodes = [(one, node) for one in found if one["impact"] in SERIOUS for node in one["nodes"]]
        return [f"{one['id']} ({one['help']}): {node['target']}: {node['failureSummary']}" for one, node in nodes]

    return check
