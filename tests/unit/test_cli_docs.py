"""docs/cli.md is what the command says of itself."""

import subprocess
import sys
from pathlib import Path

from dcgan.cli import app

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_command_says():
    done = subprocess.run([sys.executable, ROOT / "tools/cli_docs.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_verb_and_its_flags_stand_in_it():
    page = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    for verb in app:
        if not verb.startswith("-"):
            assert f"## dcgan {verb}\n" in page
    for flag in ("* `--half`", "* `--width INT`", "* `--license STR`"):
        assert flag in page
