"""tools/page.py builds the studio's page when it must and can, and stands in nobody's way when it cannot."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "page.py"


@pytest.fixture
def page(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("page_tool", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    web, static = tmp_path / "web", tmp_path / "static"
    for name in ("src", "node_modules", "test"):
        (web / name).mkdir(parents=True)
    (web / "src/app.ts").write_bytes(b"1;\n")
    (web / "package-lock.json").write_text("{}")
    for name, value in {"WEB": web, "STATIC": static, "STAMP": static / "built-from.txt"}.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def npm(page, monkeypatch):
    """What npm and node are asked, and what they answer."""
    asked, answers = [], {"ci": 0, "run": 0, "--version": "v20.19.0"}

    def run(words, **_):
        asked.append(words[1])
        answer = answers[words[1]]
        if answer == 0 and words[1] == "run":
            page.STATIC.mkdir(exist_ok=True)
        code, out = (0, answer) if isinstance(answer, str) else (answer, "")
        return subprocess.CompletedProcess(words, code, out, "no network" if code else "")

    monkeypatch.setattr(page.subprocess, "run", run)
    monkeypatch.setattr(page.shutil, "which", lambda name: f"/bin/{name}")
    return asked, answers


def test_it_is_built_once_and_again_when_its_sources_change(page, npm):
    asked, _ = npm
    said = []
    assert page.build(said.append)
    assert asked == ["--version", "ci", "run"]
    assert said[-1] == "the studio's page is built"
    assert page.build(said.append)
    assert asked == ["--version", "ci", "run"]
    (page.WEB / "src/app.ts").write_bytes(b"1;\r\n")  # as git may check it out on Windows
    (page.WEB / "node_modules/x").write_text("x")
    (page.WEB / "test/x.test.ts").write_text("x")
    assert page.build(said.append)
    assert asked == ["--version", "ci", "run"]
    (page.WEB / "src/app.ts").write_bytes(b"2;\n")
    assert page.build(said.append)
    assert asked == ["--version", "ci", "run", "--version", "run"]  # the packages are there
    (page.WEB / "package-lock.json").write_text("{ }")
    assert page.build(said.append)
    assert asked[5:] == ["--version", "ci", "run"]


@pytest.mark.parametrize("version", ["v18.20.1", "v20.18.3", "", "nonsense"])
def test_an_old_node_is_said(version, page, npm):
    npm[1]["--version"] = version
    said = []
    assert not page.build(said.append)
    assert "Node.js 20.19 or newer is needed, and this is " + (version or "unknown") in said[0]
    assert npm[0] == ["--version"]


def test_without_node_all_else_works(page, monkeypatch):
    monkeypatch.setattr(page.shutil, "which", lambda name: None)
    said = []
    assert not page.build(said.append)
    assert said == ["the studio's page is not built: node and npm are not here; all but `dcgan studio` works"]


@pytest.mark.parametrize("fails", ["ci", "run"])
def test_npm_that_fails_is_said(fails, page, npm):
    npm[1][fails] = 1
    said = []
    assert not page.build(said.append)
    assert f"`npm {fails}` failed" in said[-1]
    assert "no network" in said[-1]
    assert not page.STAMP.exists()


def test_without_sources_what_was_built_counts(page, npm, monkeypatch, tmp_path):
    monkeypatch.setattr(page, "WEB", tmp_path / "gone")
    assert not page.build()
    page.STATIC.mkdir()
    page.STAMP.write_text("x")
    assert page.build()
    assert npm[0] == []
