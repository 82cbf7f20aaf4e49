"""The page's own tests and types: npm test, npm run check, in web/."""

import shutil
import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"


@pytest.mark.parametrize("what", ["check", "test"])
def test_the_page(what):
    npm = shutil.which("npm")
    if not npm or not (WEB / "node_modules").is_dir():
        pytest.skip("node, npm or the page's packages are not here: make install fetches them")
    done = subprocess.run([npm, "run", "--silent", what], cwd=WEB, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
