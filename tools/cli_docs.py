"""Write docs/cli.md, every verb and flag, from the command's own help: python tools/cli_docs.py [--check]

A test checks it, so run this after changing a verb, a flag or a setting.
"""

import sys
from pathlib import Path

from dcgan.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
NOTE = "\n*Written by `tools/cli_docs.py` from the command's own help; the same as `dcgan VERB --help`.*"


def page() -> str:
    lines = [line.rstrip() for line in app.generate_docs().splitlines()]
    return "\n".join([lines[0], NOTE, *lines[1:]]).rstrip() + "\n"


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/cli.md is not what the command says; write it anew: python tools/cli_docs.py")
