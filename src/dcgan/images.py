"""The one place where uint8 meets floats, and where pictures become files.

Inside the networks a picture is float [N, C, H, W] in [-1, 1] (or [0, 1] under a sigmoid output); everywhere else
it is uint8 [N, H, W, C]. Grids, PNG and animations are made here, as bytes.
"""

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor

PNG_KIND = {1: 0, 2: 4, 3: 2, 4: 6}  # the format's colour type, by channels
BAND = 256  # rows that are filtered at a time; a picture with a longer side is a sheet


def to_float(images: "np.ndarray | Tensor", output: str = "tanh", device: "str | None" = None) -> "Tensor":
    """uint8 [N, H, W, C] -> float32 [N, C, H, W] in the range of G's output, channels last in memory."""
    import torch

    if isinstance(images, np.ndarray):
        images = np.require(images, requirements=["C", "W"])  # torch takes no flipped and no read-only arrays
    x = torch.as_tensor(images, device=device).permute(0, 3, 1, 2).float()  # a view: channels-last strides stay
    return x.mul_(2 / 255).sub_(1) if output == "tanh" else x.mul_(1 / 255)


def to_uint8(x: "Tensor", output: str = "tanh") -> np.ndarray:
    """Float [N, C, H, W] -> uint8 [N, H, W, C], rounded to the nearest; the inverse of `to_float`."""
    return to_bytes(x, output).numpy()


def to_bytes(x: "Tensor", output: str = "tanh") -> "Tensor":
    """`to_uint8` as a tensor, off the device that computes."""
    x = x.detach().float()
    grey = (x + 1).mul_(127.5) if output == "tanh" else x * 255
    return grey.round_().clamp_(0, 255).byte().permute(0, 2, 3, 1).contiguous().cpu()


def picture(image: np.ndarray) -> Image.Image:
    """uint8 [H, W, C] -> a Pillow image: grey, RGB or RGBA."""
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """uint8 [N, H, W, C] -> one sheet [H', W', C], nearly square unless told, on white (clear, with alpha)."""
    n, h, w, c = images.shape
    columns = min(columns or int(np.ceil(np.sqrt(n * h / w))), n)
    rows = -(-n // columns)
    sheet = np.full((rows * (h + gap) + gap, columns * (w + gap) + gap, c), 255, np.uint8)
    if c == 4:
        sheet[..., 3] = 0
    for i, image in enumerate(images):
        top, left = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = image
    return sheet


def cells(sheet: np.ndarray, size: tuple[int, int], gap: int = 2) -> np.ndarray:
    """The pictures of a `grid`'s first row again: [H', W', C] -> uint8 [N, H, W, C]."""
    h, w = size
    lefts = range(gap, sheet.shape[1] - w, w + gap)
    return np.stack([sheet[gap : gap + h, left : left + w] for left in lefts])


def png(image: np.ndarray, text: dict[str, str] | None = None) -> bytes:
    """uint8 [H, W, C] as a PNG file's bytes; `text` (the recipe) goes into its metadata.

    Written here because there may be thousands: it takes a quarter of Pillow's time. In a sample, which has grain,
    repeats are not worth searching (zlib's RLE: as small without), nor is each row's best filter; in a sheet they are.
    """
    h, w, c = image.shape
    sheet = max(h, w) > BAND
    pack = zlib.compressobj(6) if sheet else zlib.compressobj(1, strategy=zlib.Z_RLE)
    packed = [pack.compress(_filtered(image, top, sheet).tobytes()) for top in range(0, h, BAND)]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, PNG_KIND[c], 0, 0, 0))]
    chunks += [(b"iTXt", key.encode() + bytes(5) + value.encode()) for key, value in (text or {}).items()]
    chunks += [(b"IDAT", b"".join([*packed, pack.flush()])), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def _filtered(image: np.ndarray, top: int, choose: bool) -> np.ndarray:
    """A band of rows [BAND, 1 + W * C], each as what differs from the mean of those left and above; or, to choose, by
    that one of the format's filters (none, left, above, their mean) that leaves the least."""
    h, w, c = image.shape
    rows = np.zeros((min(BAND, h - top) + 1, (w + 1) * c), np.uint8)  # zeros above and to the left
    first = max(0, top - 1)
    rows[first - top + 1 :, c:] = image[first : top + BAND].reshape(-1, w * c)
    here, left, above = rows[1:, c:], rows[1:, :-c], rows[:-1, c:]
    mean = (left >> 1) + (above >> 1) + (left & above & 1)
    filtered = np.empty((len(here), 1 + w * c), np.uint8)
    if not choose:
        filtered[:, 0] = 3  # the format's number for it
        np.subtract(here, mean, out=filtered[:, 1:])
        return filtered
    ways = np.stack([here, here - left, here - above, here - mean])
    filtered[:, 0] = np.abs(ways.view(np.int8)).view(np.uint8).sum(2, dtype=np.uint32).argmin(0)  # abs(-128) is 128
    filtered[:, 1:] = ways[filtered[:, 0], np.arange(len(here))]
    return filtered


def read_picture(path: Path) -> np.ndarray:
    """A picture that we wrote, as uint8 [H, W, C]."""
    with Image.open(path) as opened:
        array = np.asarray(opened)
    return array if array.ndim == 3 else array[..., None]


def read_if_whole(path: Path) -> np.ndarray | None:
    """The same; None where the file was damaged since."""
    try:
        return read_picture(path)
    except (OSError, SyntaxError, ValueError):  # as Pillow says it
        return None


def animation(frames: Sequence[np.ndarray], kind: str = "webp", milliseconds: int = 120, hold: int = 1500) -> bytes:
    """A looping WebP or GIF that rests on its last frame."""
    pictures = [picture(frame) for frame in frames]
    times = [milliseconds] * (len(frames) - 1) + [hold]
    quality = {"webp": {"quality": 85, "method": 2}, "gif": {}}[kind]
    buffer = io.BytesIO()
    pictures[0].save(buffer, kind, save_all=True, append_images=pictures[1:], duration=times, loop=0, **quality)
    return buffer.getvalue()
