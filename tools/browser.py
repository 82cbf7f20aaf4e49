"""Have a Chromium for the tests of pages: one that is here, or Debian's, where apt-get may install it. `make test` runs
this; where there is none and none can be had, those tests are skipped and say so (in CI they fail)."""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")


def find() -> str | None:
    """The one that $CHROMIUM names, or the first of these names on the path."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def main() -> None:
    if find():
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        print("no Chromium here: the tests of pages are skipped; install one, or name it in CHROMIUM")
        return
    print("installing Chromium by apt-get (about 100 MB), for the tests of pages")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", "-qq", *words], env=quiet, capture_output=True, text=True)
        if done.returncode:
            print(f"apt-get {words[0]} failed: {done.stderr.strip()[-300:]}")


if __name__ == "__main__":
    main()
