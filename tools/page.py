"""Build the studio's page: web/ -> src/dcgan/studio/static/, by npm, where its sources changed since the last time.

`python tools/page.py` says in one line what it did. `make install` calls it, and so does hatch_build.py when a wheel
is made, or when the package is installed from its source. Without npm, or with an old Node, or with no way to fetch
packages, nothing is built and nothing fails: all but the studio works, and `dcgan studio` says what is missing.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
STATIC = ROOT / "src" / "dcgan" / "studio" / "static"
STAMP = STATIC / "built-from.txt"  # the sources' hash, so that it travels with what was built
NODE = (20, 19)  # what vite asks for


def key() -> str:
    """Of all that the page is made from."""
    held = hashlib.sha256()
    for path in sorted(WEB.rglob("*")):
        inside = path.relative_to(WEB)
        if path.is_file() and inside.parts[0] not in ("node_modules", "test"):
            held.update(f"{inside.as_posix()}\0".encode() + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return held.hexdigest()


def build(say: Callable[[str], None] = print) -> bool:
    """Whether the page stands there, built from the sources that are here."""
    if not WEB.is_dir():
        return STAMP.is_file()
    wanted = key()
    if STAMP.is_file() and STAMP.read_text() == wanted:
        return True
    if why := missing():
        say(f"the studio's page is not built: {why}; all but `dcgan studio` works")
        return False
    lock, fetched = (WEB / "package-lock.json").read_text(), WEB / "node_modules" / ".fetched"
    if not fetched.is_file() or fetched.read_text() != lock:
        say("fetching the packages that build the studio's page, by npm (about 60 MB, 220 MB on disk)")
        # What lies in npm's cache is not asked for again, and no package runs code as it is installed.
        if not _npm("ci", "--prefer-offline", "--ignore-scripts", "--no-progress", say=say):
            return False
        fetched.write_text(lock)
    if not _npm("run", "build", "--silent", "--", "--logLevel", "warn", say=say):
        return False
    STAMP.write_text(wanted)
    say("the studio's page is built")
    return True


def missing() -> str:
    """What stands in the way of building, in words."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return "node and npm are not here"
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip()
    found = re.match(r"v(\d+)\.(\d+)", said)
    if not found or (int(found[1]), int(found[2])) < NODE:
        return f"Node.js {'.'.join(map(str, NODE))} or newer is needed, and this is {said or 'unknown'}"
    return ""


def _npm(*words: str, say: Callable[[str], None]) -> bool:
    npm = shutil.which("npm") or "npm"
    done = subprocess.run([npm, *words], cwd=WEB, capture_output=True, text=True)
    if done.returncode:
        said = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        say(f"the studio's page is not built: `npm {words[0]}` failed; all but `dcgan studio` works\n  {said}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(0 if build() else 1)
