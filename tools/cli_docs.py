"""Write docs/cli.md, every verb and flag, from the command's own help: python tools/cli_docs.py

A test compares the two, so run this after changing a verb, a flag or a setting.
"""

from pathlib import Path

from dcgan.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"


def page() -> str:
    lines = [line.rstrip() for line in app.generate_docs().splitlines()]
    lines.insert(1, "\n*Written by `tools/cli_docs.py` from the command's own help; the same as `dcgan VERB --help`.*")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
