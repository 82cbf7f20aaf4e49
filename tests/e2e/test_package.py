"""The package as others get it: built from a clean copy, installed in an empty environment, used far from here."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dcgan import __version__

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
BIN, END = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")


def run(*words, **options):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def can_build():
    """Whether the studio's page can be built here."""
    return not runpy.run_path(str(ROOT / "tools" / "page.py"))["missing"]()


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """sdist and wheel of what git has, or would have after `git add`: nothing else of this folder is in them."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    run(sys.executable, "-m", "hatchling", "build", "-d", dist, cwd=source)
    return {path.suffix: path for path in dist.iterdir()}


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """An environment with the wheel and, so that nothing is downloaded, this one's other packages; not its source."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    python = place / BIN / f"python{END}"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", built[".whl"])
    (packages,) = place.rglob("site-packages")
    others = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "others.pth").write_text("\n".join(others))  # paths alone: an editable install's own .pth is not read
    return place / BIN / f"dcgan{END}", python


@pytest.fixture
def dcgan(installed, tmp_path):
    command, _ = installed
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = kept | {"DCGAN_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}

    def dcgan(*words):
        return run(command, *words, cwd=tmp_path, env=environment)

    return dcgan


def names(wheel):
    with zipfile.ZipFile(wheel) as held:
        return {name: held.read(name) for name in held.namelist() if not name.endswith("RECORD")}


def test_the_wheel_holds_the_package_and_nothing_else(built):
    held = names(built[".whl"])
    ours = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src/dcgan").rglob("*.py")}
    assert ours <= held.keys()
    assert {"dcgan/py.typed"} <= held.keys()
    page = {
        f"dcgan/studio/static/{name}"
        for name in ("index.html", "built-from.txt", "take/page.html", "take/generator.js")
    }
    assert page <= held.keys() or not can_build()
    assert {name.split("/")[0] for name in held} == {"dcgan", f"dcgan-{__version__}.dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in held)


def test_what_it_asks_for_is_here(built):
    """So the wheel's own list of needs was enough for all the tests that ran."""
    about = next(content for name, content in names(built[".whl"]).items() if name.endswith("METADATA"))
    needs = [Requirement(line) for line in HeaderParser().parsestr(about.decode()).get_all("Requires-Dist")]
    assert {"torch", "cyclopts", "safetensors"} <= {need.name for need in needs if need.marker is None}
    for need in needs:
        if need.name != "dcgan":
            assert need.specifier.contains(metadata.version(need.name).split("+")[0], prereleases=True), need


def test_the_sdist_builds_the_same_wheel(built, tmp_path):
    with tarfile.open(built[".gz"]) as held:
        held.extractall(tmp_path)  # our own; Python 3.11.2, which Debian 12 has, knows no filter yet
    (source,) = tmp_path.iterdir()
    assert (source / "tests/e2e/test_package.py").is_file()  # whoever gets the source gets its tests
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist", cwd=source)
    (wheel,) = (tmp_path / "dist").iterdir()
    assert names(wheel) == names(built[".whl"])


def test_it_is_not_the_source_that_runs(installed, tmp_path):
    _, python = installed
    where = run(python, "-I", "-c", "import dcgan; print(dcgan.__file__)", cwd=tmp_path).strip()
    assert Path(where).is_relative_to(python.parents[1])


def test_it_trains_draws_and_exports(dcgan, tmp_path):
    assert dcgan("--version").strip() == __version__
    assert "train" in dcgan("--help")
    small = ("--size", "16", "--width", "4", "--m", "8", "--steps", "2", "--quiet")
    done = json.loads(dcgan("train", "numbers:64", *small, "--out", "run", "--json"))
    assert (done["step"], done["finished"]) == (2, True)
    dcgan("sample", "run", "--seeds", "17", "--out", "17.png")
    assert (tmp_path / "17.png").read_bytes().startswith(b"\x89PNG")
    dcgan("export", "run", "--to", "onnx", "--out", "generator.onnx")
    assert (tmp_path / "generator.onnx").stat().st_size > 1000


def test_its_studio_has_its_page(dcgan, installed, tmp_path):
    if not can_build():
        pytest.skip("no node and npm, so the wheel has no page")
    small = ("--size", "8", "--width", "4", "--m", "8", "--steps", "2", "--quiet")
    dcgan("train", "numbers:64", *small, "--out", "runs/one")
    command = [installed[0], "studio", "runs", "--no-browser", "--port", "0"]
    without = ("PYTHONPATH", "PYTHONUNBUFFERED")  # the latter: who waits for the address in a pipe has not set it
    kept = {name: value for name, value in os.environ.items() if name not in without}
    with subprocess.Popen(command, cwd=tmp_path, env=kept, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = re.search(r"http://\S+", process.stdout.readline())[0]
            page = urllib.request.urlopen(address).read().decode()
            script = re.search(r'src="\./(assets/[\w.-]+\.js)"', page)[1]
            assert b"dcgan-studio" in urllib.request.urlopen(address + script).read()
            told = json.loads(urllib.request.urlopen(address + "api/runs").read())
            assert [run["name"] for run in told["runs"]] == ["one"]
        finally:
            process.terminate()


def test_a_shell_completes_its_verbs_and_flags(dcgan, tmp_path, monkeypatch):
    if os.name == "nt" or not shutil.which("bash"):
        pytest.skip("no bash")
    monkeypatch.setenv("HOME", str(tmp_path))
    dcgan("--install-completion", "--shell", "bash", "--output", tmp_path / "completion")
    ask = "COMP_WORDS=({}); COMP_CWORD=1; _dcgan; echo ${{COMPREPLY[@]}}"
    asked = f". {tmp_path / 'completion'}; {ask.format('dcgan ex')}"
    assert run("bash", "--norc", "-c", asked).split() == ["export"]
