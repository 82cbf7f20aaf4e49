"""One picture: encoded bytes or pixels -> uint8 [H, W, C] at the training size.

What Pillow does, in this order: decode (JPEG at reduced scale), turn upright by EXIF, convert, resize by antialiased
bicubic, compose over the background. `block` does it for a block and is what the child processes run.
"""

import io
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from .fingerprint import digests
from .source import KINDS, Block, Drawing, Pixels, Unreadable

FITS = ("crop", "pad", "squash")
Box = tuple[float, float, float, float]  # left, top, right, bottom

_TURNS = {  # EXIF's orientation -> what makes it upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Options:
    height: int
    width: int
    channels: int
    fit: str = "crop"
    background: tuple[int, int, int] = (255, 255, 255)
    fast: bool = False


@dataclass
class Picture:
    pixels: np.ndarray  # uint8 [H, W, C]
    kind: str  # "JPEG RGB"
    size: tuple[int, int]  # width, height as stored
    natural: int  # the channels it really has: 1, 3 or 4


def picture(raw: "bytes | np.ndarray", options: Options) -> Picture:
    if isinstance(raw, np.ndarray):
        image = Image.fromarray(raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw)
    elif not raw:
        raise Unreadable("an empty file")
    else:
        image = Image.open(io.BytesIO(raw))
    kind, size = f"{image.format or 'array'} {image.mode}", image.size
    mode = image.mode
    full = (0.0, 0.0, float(size[0]), float(size[1]))  # where the picture lies in the pixels as decoded
    orientation = 1
    if image.format in ("JPEG", "MPO"):
        orientation = image.getexif().get(0x0112, 1)
        full = _draft(image, options, orientation in (5, 6, 7, 8))
    else:
        image.load()
        if image.format is not None and image.format != "TIFF":  # Pillow turns TIFF itself
            orientation = image.getexif().get(0x0112, 1)
    if orientation in _TURNS:
        full = _turned(full, image.size, orientation)
        image = image.transpose(_TURNS[orientation])
    image, natural = _eight_bit(image)
    if mode in ("RGB", "CMYK", "YCbCr"):  # a colour JPEG may have been decoded as grey, which it was not
        natural = max(natural, 3)
    return Picture(_compose(image, full, options, options.channels), kind, size, natural)


def _draft(image: Image.Image, options: Options, sideways: bool) -> Box:
    """Let the JPEG decoder give 1/2, 1/4 or 1/8 of the size; returns where the picture ends in what it will give.

    At least twice the target stays (within 1.5 grey levels of the full decode on photographs), once when fast.
    """
    width, height = image.size[::-1] if sideways else image.size
    left, top, right, bottom = _box(width, height, options)
    inner = _inner(width, height, options)
    spare = 1 if options.fast else 2
    most = min((right - left) / (spare * inner[0]), (bottom - top) / (spare * inner[1]))
    scale = next((scale for scale in (8, 4, 2) if scale <= most), 1)
    # Asked for so many pixels, Pillow decodes at 1/scale.
    grey = options.channels == 1 and scale > 1
    drafted = image.draft("L" if grey else None, (image.width // scale, image.height // scale))
    return drafted[1] if drafted else (0.0, 0.0, float(image.size[0]), float(image.size[1]))


def _turned(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """Where a box lies after the turn: a half pixel that the decoder added on the right may now be on the left."""
    (left, top, right, bottom), (width, height) = box, size
    if orientation in (2, 3, 7, 8):
        left, right = width - right, width - left
    if orientation in (3, 4, 6, 7):
        top, bottom = height - bottom, height - top
    return (top, left, bottom, right) if orientation >= 5 else (left, top, right, bottom)


def _box(width: float, height: float, options: Options) -> Box:
    """The part of a width x height picture that is used: all, or for `crop` the largest middle part of our shape."""
    if options.fit != "crop":
        return (0.0, 0.0, width, height)
    w = min(width, height * options.width / options.height)
    h = min(height, width * options.height / options.width)
    return ((width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2)


def _inner(width: float, height: float, options: Options) -> tuple[int, int]:
    """How large that part is drawn: our size, or for `pad` as much of it as keeps the picture's shape."""
    if options.fit != "pad":
        return (options.width, options.height)
    scale = min(options.width / width, options.height / height)
    return (max(1, round(width * scale)), max(1, round(height * scale)))


def _eight_bit(image: Image.Image) -> tuple[Image.Image, int]:
    """The picture with 8 bits, as RGBA if one can see through it, and how many channels it really has."""
    mode = image.mode
    if mode.startswith("I;16"):
        return _rescaled(np.asarray(image).astype(np.float64) / 65535), 1
    if mode in ("I", "F"):
        values = np.asarray(image).astype(np.float64)
        low, high = float(values.min()), float(values.max())
        top = next((top for top in ((1, 255, 65535) if mode == "F" else (255, 65535)) if high <= top), 0)
        if not low >= 0 or not top:
            raise Unreadable(
                f"numbers from {low:g} to {high:g}: of 32-bit pictures only 0 to 1, 255 or 65535 is understood"
            )
        return _rescaled(values / top), 1
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        grey = mode in ("1", "L", "LA", "La") or (mode in ("P", "PA") and _grey_palette(image))
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema()[0] < 255:  # type: ignore[operator]
            return image, 4
        return (image.convert("L"), 1) if grey else (image.convert("RGB"), 3)
    if mode in ("1", "L") or (mode == "P" and _grey_palette(image)):
        return image, 1
    return (image if mode in ("RGB", "P", "CMYK", "YCbCr") else image.convert("RGB")), 3


def _rescaled(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(values * 255).astype(np.uint8))


def _grey_palette(image: Image.Image) -> bool:
    colours = np.array(image.getpalette("RGB") or [0], dtype=np.uint8)
    return len(colours) % 3 == 0 and bool((colours.reshape(-1, 3) == colours[::3, None]).all())


def _compose(image: Image.Image, full: Box, options: Options, channels: int) -> np.ndarray:
    """Resize the part that is used and lay it over the background: uint8 [H, W, channels]."""
    see_through = image.mode == "RGBA"
    mode = "L" if channels == 1 else "RGB"
    if not see_through and image.mode != mode:  # to its own mode, convert() would copy it
        image = image.convert(mode)
    width, height = full[2] - full[0], full[3] - full[1]
    inner, part = _inner(width, height, options), _box(width, height, options)
    left, top, right, bottom = part[0] + full[0], part[1] + full[1], part[2] + full[0], part[3] + full[1]
    box = (max(left, 0.0), max(top, 0.0), min(right, image.width), min(bottom, image.height))  # rounding may leave it
    image = image.resize(inner, Image.Resampling.BICUBIC, box=box)
    whole = (options.width, options.height)
    if channels == 4:
        image = image.convert("RGBA")
        if inner != whole:
            canvas = Image.new("RGBA", whole, (*options.background, 0))
            canvas.paste(image, ((whole[0] - inner[0]) // 2, (whole[1] - inner[1]) // 2))
            image = canvas
    elif see_through or inner != whole:
        canvas = Image.new("RGBA", whole, (*options.background, 255))
        canvas.alpha_composite(image.convert("RGBA"), ((whole[0] - inner[0]) // 2, (whole[1] - inner[1]) // 2))
        image = canvas.convert(mode)
    return np.asarray(image).reshape(*whole[::-1], channels)


def block(message: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Decode a block: `images` of those that could be, `kept` (their places in it), `digests`, and what was seen."""
    return decoded(unpacked(message), Options(**options | {"background": tuple(options["background"])}))


def unpacked(message: dict[str, Any]) -> Block:
    return KINDS[message["kind"]](**{key: value for key, value in message.items() if key != "kind"})


def decoded(block: Block, options: Options) -> dict[str, Any]:
    if isinstance(block, Drawing):
        return _drawn(block, options)
    if isinstance(block, Pixels) and (as_is := _as_is(block.pixels, options)) is not None:
        kind = {"array L": len(block)} if as_is.shape[3] == 1 else {"array RGB": len(block)}
        size = f"{options.width}x{options.height}"
        return _part(as_is, np.arange(len(block)), [], kind, {size: len(block)}, as_is.shape[3])
    images = np.empty((len(block), options.height, options.width, options.channels), dtype=np.uint8)
    kept: list[int] = []
    skipped: list[list[str]] = []
    kinds: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    natural = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what it could mend; what it could not is an error
        for i in range(len(block)):
            try:
                one = picture(block.load(i), options)
            except Exception as error:  # a decoder may raise anything on damaged input; each is the picture's own end
                skipped.append([block.names[i], reason(error, block, i)])
                continue
            images[len(kept)] = one.pixels
            kept.append(i)
            kinds[one.kind] += 1
            sizes[f"{one.size[0]}x{one.size[1]}"] += 1
            natural = one.natural if natural in (0, one.natural) else 3
    return _part(images[: len(kept)], np.array(kept, dtype=np.int64), skipped, kinds, sizes, natural)


def _part(
    images: np.ndarray,
    kept: np.ndarray,
    skipped: list[list[str]],
    kinds: dict[str, int],
    sizes: dict[str, int],
    natural: int,
    factors: dict[str, np.ndarray] | None = None,
) -> dict[str, Any]:
    return {
        "images": images,
        "kept": kept,
        "digests": digests(images),
        "skipped": skipped,
        "kinds": dict(kinds),
        "sizes": dict(sizes),
        "natural": natural,
        "factors": factors or {},
    }


def _as_is(pixels: np.ndarray, options: Options) -> np.ndarray | None:
    """Pixels that need no more than another look at their shape."""
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    if pixels.shape[1:] == (options.height, options.width, options.channels):
        return pixels
    if pixels.shape[1:] == (options.height, options.width, 1) and options.channels == 3:
        return np.repeat(pixels, 3, axis=3)
    return None


def lost(block: Block, options: Options, why: str) -> dict[str, Any]:
    """What `decoded` would say of a block of one picture that cannot be decoded here."""
    none = np.empty((0, options.height, options.width, options.channels), dtype=np.uint8)
    return _part(none, np.empty(0, dtype=np.int64), [[block.names[0], why]], {}, {}, 0)


def natural_channels(message: dict[str, Any]) -> list[int | None]:
    """1, 3 or 4 for each picture of a block; None where it cannot be read."""
    block = unpacked(message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [_natural(block, i) for i in range(len(block))]


def _natural(block: Block, i: int) -> int | None:
    """From the header where that is enough."""
    try:
        raw = block.load(i)
        image = Image.fromarray(raw) if isinstance(raw, np.ndarray) else Image.open(io.BytesIO(raw))
        if image.mode in ("L", "RGB") and "transparency" not in image.info:
            return 1 if image.mode == "L" else 3
        return _eight_bit(image)[1]
    except Exception:  # it will be reported when its turn comes
        return None


def _drawn(block: Drawing, options: Options) -> dict[str, Any]:
    from .pictures import draw

    images, factors = draw(block.picture, block.numbers, block.size, block.seed)
    return decoded(Pixels(block.names, images), options) | {"factors": factors}


_STARTS = (  # what a file that Pillow cannot open may be, by its first bytes
    (rb"\xff\xd8\xff|\x89PNG|GIF8|II\*\0|MM\0\*|BM|RIFF....WEBP|....ftypavi", "damaged: it begins like a picture"),
    (rb"....ftyp(hei|hevc|mif1|msf1)", "HEIC, which Pillow cannot read; convert it to JPEG"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI", "a film, not a picture"),
    (rb"%PDF", "a PDF, not a picture"),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "an archive, not a picture"),
    (rb"\s*(<\?xml.*)?<svg", "SVG, a drawing without pixels"),
    (rb"(?i)\s*(<!doctype\s+)?<?html", "a web page, not a picture"),
    (rb"\x00+$", "nothing but zeros"),
    (rb"[\t\n\r\x20-\x7e]+$", "text, not a picture"),
)


def kind_of(start: bytes) -> str | None:
    """What a file is by its first bytes, where Pillow does not know it."""
    return next((name for pattern, name in _STARTS if re.match(pattern, start[:64], re.DOTALL)), None)


def reason(error: Exception, block: Block, i: int) -> str:
    """Why a picture could not be used, in words."""
    text = str(error) or type(error).__name__
    if isinstance(error, Unreadable):
        return text
    if isinstance(error, UnidentifiedImageError):
        raw = block.load(i)
        return (isinstance(raw, bytes) and kind_of(raw)) or "not a picture in any format that Pillow reads"
    if isinstance(error, Image.DecompressionBombError):
        number = re.search(r"(\d+) pixels", text)
        many = f"{int(number[1]) / 1e6:,.0f} million pixels" if number else "too many pixels"
        return f"{many}: a decompression bomb, not a picture"
    if isinstance(error, MemoryError):
        return "needs too much memory to decode"
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read: {error.strerror}"
    if "truncated" in text.lower():
        return f"cut short ({text})"
    return f"damaged ({text})"
