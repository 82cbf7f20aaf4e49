"""The README's first picture, from `make demo`'s own sheets: sixteen seeds as they are learned.

python tools/hero.py        writes docs/images/hero.png
"""

from pathlib import Path

from PIL import Image

from dcgan.folder import Folder

ROOT = Path(__file__).resolve().parent.parent
STEPS = (0, 250, 1000, 2000)
SIDE, BETWEEN = 266, 10  # four by four of a sheet's 64 px pictures with their frames; pixels between two panels


def main() -> None:
    run = Folder(ROOT / "runs" / "demo")
    files = [run.sample_file(step) for step in STEPS]
    whole = Image.new("RGB", (len(files) * SIDE + (len(files) - 1) * BETWEEN, SIDE), "white")
    for i, file in enumerate(files):
        with Image.open(file) as sheet:
            whole.paste(sheet.crop((0, 0, SIDE, SIDE)), (i * (SIDE + BETWEEN), 0))
    whole.save(ROOT / "docs" / "images" / "hero.png", optimize=True)


if __name__ == "__main__":
    main()
