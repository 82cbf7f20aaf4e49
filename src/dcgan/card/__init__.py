"""`dcgan card RUN`: one page about a run, to hand in, to print, or to send to a colleague.

What it learned from, how it was set, how it learned, what it draws, how good that is, whether it copies, and the
command that makes it again. All of it is inside one HTML file: no script, nothing fetched, nothing that says where the
run or its pictures lie. The run is only read.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan import files
from dcgan.card import facts, html
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.folder import Folder


@dataclass(frozen=True)
class Made:
    path: Path
    size: int  # bytes
    missing: str  # what the page could not show

    def as_json(self) -> dict[str, Any]:
        return {"path": str(self.path), "bytes": self.size, "missing": self.missing or None}

    def in_words(self) -> str:
        without = f"\n  without all of it: {self.missing}" if self.missing else ""
        return f"{self.path}: {self.size / 2**20:,.1f} MiB{without}"


def make(run: Path, out: Path | None = None, overwrite: bool = False, console: Console | None = None) -> Made:
    """In a run's folder the latest stands; a file of the user's, named with `out`, is kept unless they said so."""
    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out {out}: a card is an HTML page; give it a name that ends in .html")
    folder = Folder.of(run)
    found = facts.gather(folder, console or Console(quiet=True))
    content = html.page(found).encode()
    path = out or folder.path / "card.html"
    files.write_new(path, content, overwrite or out is None)
    return Made(path, len(content), found.trouble)
