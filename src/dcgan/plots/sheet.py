"""Rows of pictures with words: what every experiment's picture is put together from.

    sheet("walk", [Row("seeds 0 to 1", pictures), Row("the same in pixels", others, faint=(3,))], ["what it shows"])

Small pictures are enlarged by whole factors, so that each of their pixels is seen as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from dcgan import images
from dcgan.plots.style import INK, PAPER, QUIET

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LEAST = 64  # pixels that a picture's side is enlarged to, at least
GAP, MARGIN = 3, 14
TITLE, WORDS, SMALL = 17, 13, 11  # heights of letters


@dataclass(frozen=True)
class Row:
    """Pictures uint8 [N, H, W, C] side by side, a label at their left, and words below some of them."""

    label: str
    pictures: np.ndarray
    captions: Sequence[str] = ()


def sheet(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> bytes:
    """A PNG; rows may hold different numbers of pictures, all of one size."""
    from PIL import Image, ImageDraw

    height, width = rows[0].pictures.shape[1:3]
    times = max(1, -(-LEAST // min(height, width)))
    h, w = times * height, times * width
    words, small = font(WORDS), font(SMALL)
    left = MARGIN + max(int(max(words.getlength(line) for line in row.label.split("\n"))) for row in rows)
    left += 10 if any(row.label for row in rows) else 0
    across = left + max(len(row.pictures) for row in rows) * (w + GAP) - GAP + MARGIN
    across = max(across, 2 * MARGIN + int(font(TITLE, bold=True).getlength(title)))
    lines = [part for note in notes for part in wrapped(note, small, across - 2 * MARGIN)]
    heights = [h + GAP + (SMALL + 6 if row.captions else 0) for row in rows]
    top = MARGIN + TITLE + 12
    down = top + sum(heights) + (10 + len(lines) * (SMALL + 5) if lines else 0) + MARGIN

    page = Image.new("RGB", (across, down), PAPER)
    pen = ImageDraw.Draw(page)
    pen.text((MARGIN, MARGIN), title, INK, font(TITLE, bold=True))
    y = top
    for row, high in zip(rows, heights, strict=True):
        label = row.label.split("\n")
        for i, line in enumerate(label):
            start = y + h / 2 - len(label) * (WORDS + 4) / 2 + i * (WORDS + 4)
            pen.text((MARGIN, start), line, QUIET, words)
        for i, one in enumerate(row.pictures):
            x = left + i * (w + GAP)
            large = images.picture(one).resize((w, h), Image.Resampling.NEAREST)
            page.paste(large.convert("RGB"), (x, y), large.getchannel("A") if large.mode == "RGBA" else None)
            if i < len(row.captions):
                pen.text((x + w / 2, y + h + 2), row.captions[i], INK, small, anchor="ma")
        y += high
    for i, line in enumerate(lines):
        pen.text((MARGIN, y + 8 + i * (SMALL + 5)), line, QUIET, small)
    return images.png(np.asarray(page))


@cache
def font(size: int, bold: bool = False) -> "FreeTypeFont":
    """DejaVu Sans, which comes with matplotlib: every machine draws the same letters."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans{'-Bold' if bold else ''}.ttf", size)


def wrapped(text: str, letters: "FreeTypeFont", width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and letters.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
