"""Set the project up for work in it: a virtual environment in .venv, with the package in place and what tests need.

`make install` runs this with nothing but Python and pip. A torch that is there already is kept: one in .venv, or one
of the Python that runs this. Repeated, it returns at once unless pyproject.toml, the constraints, this file or the
page's sources changed. Where node and npm are, the studio's page is built (page.py); without them all else works.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

import page  # beside this file

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / ".installed"
ENOUGH = "import torch, sys; sys.exit(tuple(map(int, torch.__version__.split('+')[0].split('.')[:2])) < (2, 11))"


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 -- this script runs before anything checked it
        sys.exit(f"dcgan needs Python 3.11 or newer; this is {sys.version.split()[0]}: run make PYTHON=python3.12 ...")
    key = hashlib.sha256(
        b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt", "tools/install.py"))
    ).hexdigest()
    page.build()
    if STAMP.is_file() and STAMP.read_text() == key:
        return
    ours = has_torch(sys.executable)
    if not PYTHON.exists():
        print(f"making a virtual environment in .venv{' that keeps the torch of this Python' if ours else ''}")
        venv.create(VENV, with_pip=True, system_site_packages=ours)
    pins = [] if has_torch(PYTHON) else ["-c", str(ROOT / "constraints.txt")]
    if pins:
        print("downloading torch (about 200 MB, 0.7 GB on disk) and some 40 small packages (about 150 MB): minutes")
    run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins, "-e", f"{ROOT}[dev]")
    STAMP.write_text(key)
    print("installed; the command is .venv/bin/dcgan")


def has_torch(python: str | Path) -> bool:
    """Whether this Python has a torch that is new enough."""
    return subprocess.run([python, "-c", ENOUGH], capture_output=True).returncode == 0


def run(*arguments: str) -> None:
    done = subprocess.run([PYTHON, *arguments], cwd=ROOT)
    if done.returncode:
        sys.exit(f"installing failed (exit code {done.returncode}); the lines above say why")


main()
