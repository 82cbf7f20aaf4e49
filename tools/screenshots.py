"""Pictures of the studio for the documentation: docs/images/studio/, at three widths, in both themes.

    python tools/screenshots.py runs demo steady fast-rate

takes them of the runs in a folder: the first alone, the two others beside each other. Look at them before they are
committed. Needs Chromium and playwright (extra `dev`).
"""

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

from browser import find  # beside this file
from PIL import Image
from playwright.sync_api import sync_playwright

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "studio"


def main(folder: str, alone: str, left: str, right: str) -> None:
    shots: list[tuple[str, str, int, int, Literal["light", "dark"]]] = [
        ("watch-light-1280", f"#/watch?runs={alone}&seed=12", 1280, 900, "light"),
        ("watch-dark-768", f"#/watch?runs={alone}&step=1000", 768, 1000, "dark"),
        ("watch-light-390", f"#/watch?runs={alone}", 390, 844, "light"),
        ("beside-dark-1280", f"#/watch?runs={left},{right}&step=600", 1280, 1000, "dark"),
    ]
    command = [sys.executable, "-m", "dcgan", "studio", folder, "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as studio, sync_playwright() as driver:
        assert studio.stdout is not None
        address = re.findall(r"http://\S+", studio.stdout.readline())[0]
        browser = driver.chromium.launch(executable_path=find(), args=["--no-sandbox"])
        for name, place, width, height, theme in shots:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
            page.goto(address + place)
            page.get_by_role("img", name=re.compile("Samples of")).first.wait_for()
            page.wait_for_timeout(2000)
            Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(OUT / f"{name}.webp", quality=88, method=6)
            page.close()
        browser.close()
        studio.terminate()


if __name__ == "__main__":
    main(*sys.argv[1:])
