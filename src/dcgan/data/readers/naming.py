"""What readers share: short names, what is a picture, classes from paths, and what files are known by."""

import contextlib
import hashlib
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path

import numpy as np

from dcgan.errors import UserError

# Names that Pillow's formats (and HEIC, to say that it is not one) go by.
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .jif .mpo .png .apng .webp .avif .avifs .gif .bmp .dib .tif .tiff .ppm .pgm .pbm .pnm .pfm "  # noqa: SIM905
    ".tga .ico .icns .jp2 .j2k .jpx .pcx .sgi .rgb .dds .xbm .xpm .qoi .heic .heif".split()
)
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*", b"qoif")


def is_picture(name: str, start: Callable[[], bytes]) -> bool:
    """By its name, or for any other name by its first 16 bytes."""
    base = name.rpartition("/")[2]
    if base.startswith("._") or "__MACOSX/" in name:  # macOS's notes beside a file that bears the rest of the name
        return False
    if has_suffix(base):
        return True
    head = start()
    boxed = (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:12] == b"ftypavif"
    bitmap = head[:2] == b"BM" and head[6:10] == b"\0\0\0\0"
    return boxed or bitmap or head.startswith(_BEGINNINGS)


def has_suffix(name: str) -> bool:
    stem, dot, suffix = name.rpartition(".")
    return bool(stem) and (dot + suffix).lower() in SUFFIXES


def short(path: Path) -> str:
    """A name for runs and cache folders: "Holiday Pictures.zip" -> "holiday-pictures"."""
    path = path.absolute()
    name = path.name if path.is_dir() else path.name.split(".")[0] or path.name
    words = "".join(letter if letter.isalnum() else " " for letter in name.lower()).split()
    return "-".join(words)[:60] or "pictures"


def seal(texts: Iterable[str]) -> str:
    """One short text that stands for many."""
    hasher = hashlib.sha256()
    for text in texts:
        hasher.update(text.encode("utf-8", "surrogateescape") + b"\0")
    return hasher.hexdigest()[:32]


def stamp(paths: Iterable[Path]) -> list[list[object]]:
    """What the cache knows files by: cheap, and different when they are written anew."""
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in paths]


def classes_of(names: Sequence[str]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels int64 [N] and class names from "class/picture.png"; a folder that holds everything is looked through."""
    depth = 0
    while len({name.split("/", depth + 1)[depth] for name in names}) == 1 and all(
        name.count("/") > depth for name in names
    ):
        depth += 1
    tops = [name.split("/", depth + 1)[depth] if name.count("/") > depth else "." for name in names]
    return (None, None) if set(tops) <= {"."} else labelled(tops)


def labelled(texts: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels int64 [N] and the classes they number: in the order of numbers, or else of the alphabet."""
    distinct = set(texts)
    numbers = all(text.isascii() and text.isdigit() and len(text) < 19 for text in distinct)
    classes = sorted(distinct, key=lambda text: (int(text), text)) if numbers else sorted(distinct)
    place = {text: i for i, text in enumerate(classes)}
    return np.array([place[text] for text in texts], dtype=np.int64), tuple(classes)


def no_split(path: Path, split: str | None) -> None:
    if split is not None:
        raise UserError(f"{path}:{split}: this kind of data has no parts by name; give its path alone")


def one_of(what: object, split: str | None, splits: Sequence[str]) -> str:
    """The part that is asked for, the first by default."""
    if split is not None and split not in splits:
        raise UserError(f"{what}:{split}: there is no such part here; there are: {', '.join(splits)}")
    return split or splits[0]


@contextlib.contextmanager
def parsing(path: object, what: str) -> Generator[None]:
    """A damaged file may make its parser raise anything: each is one sentence that names the file."""
    try:
        yield
    except UserError:
        raise
    except MemoryError:
        raise UserError(
            f"{path}: {what} that asks for more memory than it may have; it is damaged, or not meant well"
        ) from None
    except FileNotFoundError as error:
        raise UserError(f"{error.filename or path}: there is no such file") from None
    except PermissionError as error:
        raise UserError(
            f"{error.filename or path}: it cannot be read ({error.strerror}); check its permissions"
        ) from None
    except Exception as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{path}: not {what} that can be read ({text}); it may be cut short: fetch or make it again"
        ) from None
