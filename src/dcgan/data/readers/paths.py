"""Pictures named one by one: a text file of paths, or a pattern like `photos/**/*.png` or `shards-{000..009}.tar`.

In the text file stands a path a line, from the file's own folder on, perhaps with a tab and a class after it.
"""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path

from dcgan.errors import UserError

from ..source import Pictures, Skipped, Source
from . import folder, named, naming, of_names

_MOST_BRACES = 100_000


def read(path: Path, split: str | None = None) -> Source:
    naming.no_split(path, split)
    with naming.parsing(path, "a text file of paths"):
        lines = path.read_bytes().decode("utf-8-sig", "surrogateescape").splitlines()
    rows = [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]
    if not rows:
        raise UserError(f"{path}: no path in it; a list of pictures has one path a line")
    names, classes, skipped = [], [], []
    for row in rows:
        name = row[0].strip()
        where = path.parent / name
        if _is_file(where):
            names.append(name)
            classes.append(row[1].strip() if len(row) > 1 else "")
        else:
            there = "\0" not in name and os.path.exists(where)
            skipped.append(Skipped(name, "not an ordinary file" if there else "no such file"))
    if not names:
        raise UserError(
            f"{path}: none of the {len(rows)} lines names a file, the first being {rows[0][0]!r}; "
            "a list of pictures has one path a line, from the list's own folder on"
        )

    def load() -> Pictures:
        pictures = folder.of_files(names, str(path.parent), skipped)
        if any(classes):
            pictures.labels, pictures.classes = naming.labelled(classes)
        return pictures

    identity = ["paths", naming.stamp([path]), naming.stamp(path.parent / name for name in names)]
    return Source(naming.short(path), identity, load, str(path.parent))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a line that is no path at all
        return False


def is_pattern(spec: str) -> bool:
    return any(sign in spec for sign in "*?[{")


def read_pattern(pattern: str, split: str | None = None) -> Source:
    found = sorted({path for one in _braces(pattern) for path in glob.iglob(one, recursive=True)})
    if not found:
        raise UserError(f"{pattern}: no file fits this pattern; put it in quotes so that the shell leaves it alone")
    shards = of_names(Path(path).name for path in found)
    name = naming.short(Path(re.split(r"[*?\[{]", pattern)[0] or "pictures"))
    if shards in ("tar", "parquet"):
        return named(shards).read_all(name, pattern, [Path(path) for path in found], split)
    names, skipped = [], []
    for path in found:
        if os.path.isdir(path):
            walk = folder.Walk(Path(path))
            names += [Path(path, name).as_posix() for name in walk.names]
            skipped += [Skipped(Path(path, one.path).as_posix(), one.reason, one.bad) for one in walk.skipped]
        elif os.path.exists(path):
            names.append(Path(path).as_posix())
        else:
            skipped.append(Skipped(Path(path).as_posix(), "a link to nothing"))
    names = sorted(set(names))
    if not names:
        raise UserError(f"{pattern}: no picture fits this pattern")
    identity = ["pattern", naming.stamp(Path(name) for name in names), naming.seal(names)]
    return Source(name, identity, lambda: folder.of_files(names, "", skipped))


def _braces(pattern: str) -> Iterator[str]:
    """{a,b} and {00..12} written out, as WebDataset's shards are named."""
    match = re.search(r"\{([^{}]*)\}", pattern)
    if match is None:
        yield pattern
        return
    bounds = re.fullmatch(r"(\d+)\.\.(\d+)", match[1])
    if bounds and int(bounds[2]) - int(bounds[1]) > _MOST_BRACES:
        raise UserError(f"{pattern}: more than {_MOST_BRACES} names in one pair of braces")
    for word in (
        (str(i).zfill(len(bounds[1])) for i in range(int(bounds[1]), int(bounds[2]) + 1))
        if bounds
        else match[1].split(",")
    ):
        yield from _braces(pattern[: match.start()] + word + pattern[match.end() :])
