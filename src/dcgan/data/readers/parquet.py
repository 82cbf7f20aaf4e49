"""Parquet files with a column of pictures, as data sets lie on Hugging Face: `image` is a struct of bytes and path, the
classes' names stand in the metadata, other columns of numbers come along as factors. pyarrow runs in a child process.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dcgan.errors import UserError

from ..source import LARGEST, Blobs, Block, Pictures, Source
from . import apart, naming

_SPLIT = re.compile(r"(.+?)[-.]\d+-of-\d+.*\.parquet")
_LABELS = ("label", "labels", "fine_label", "class", "cls")
_IMAGES = ("image", "img", "jpg", "png", "webp", "picture", "pixels")
_ROWS = 64


def read(path: Path, split: str | None = None) -> Source:
    paths = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    return read_all(naming.short(path), str(path), paths, split)


def read_all(name: str, root: str, paths: list[Path], split: str | None) -> Source:
    parts: dict[str, list[Path]] = {}
    for path in paths:
        match = _SPLIT.fullmatch(path.name)
        parts.setdefault(match[1] if match else path.stem, []).append(path)
    if len(paths) > 1 and (split is not None or "train" in parts):
        names = sorted(parts, key=lambda part: (part != "train", part))
        paths = parts[naming.one_of(root, split, names)]
    elif split is not None:
        naming.no_split(Path(root), split)
    return Source(name, ["parquet", naming.stamp(paths)], lambda: _pictures(paths), root)


def _pictures(paths: list[Path]) -> Pictures:
    parts = [apart.call("parquet:describe", path) for path in paths]
    counts = [part["count"] for part in parts]
    classes, labels = parts[0]["classes"], None
    if all(part["labels"] is not None for part in parts):
        labels = np.concatenate([part["labels"] for part in parts])
        if classes is None or labels.max(initial=0) >= len(classes):
            labels, classes = naming.labelled([str(label) for label in labels.tolist()])
    shared = set.intersection(*(set(part["factors"]) for part in parts))
    factors = {name: np.concatenate([part["factors"][name] for part in parts]) for name in sorted(shared)}

    def blocks(start: int, most: int) -> Iterator[Block]:
        for path, count in zip(paths, counts, strict=True):
            if start < count:
                for names, data in apart.iterate("parquet:pictures", path, start, min(most, _ROWS)):
                    yield Blobs([f"{path.name}: {name}" if len(paths) > 1 else name for name in names], data)
            start = max(0, start - count)

    found = Pictures(sum(counts), read=blocks, labels=labels, factors=factors)
    found.classes = tuple(classes) if labels is not None else None
    return found


def describe(path: str) -> dict[str, Any]:
    """In the child: how many rows, their labels and classes, and every other column of numbers."""
    with naming.parsing(path, "a parquet file"), _opened(path) as file:
        schema = file.schema_arrow
        image, label = _image_column(file, path), _label_column(schema)
        factors, labels = {}, None
        for name in schema.names:
            kind = str(schema.field(name).type)
            if name != image and re.fullmatch(r"u?int\d+|float|double|halffloat|bool", kind):
                column = file.read(columns=[name], use_threads=False).column(0)
                if not column.null_count:
                    values = column.to_numpy()
                    if name == label and values.dtype.kind in "iu" and values.min(initial=0) >= 0:
                        labels = values.astype(np.int64)
                    else:
                        factors[name.replace("/", "-")] = values  # a file will bear this name
            elif name == label and kind in ("string", "large_string"):
                texts = file.read(columns=[name], use_threads=False).column(0).to_pylist()
                if all(isinstance(text, str) for text in texts):
                    labels, classes = naming.labelled(texts)
                    return {"count": file.metadata.num_rows, "labels": labels, "classes": classes, "factors": factors}
        classes = _class_names(schema, label)
        return {"count": file.metadata.num_rows, "labels": labels, "classes": classes, "factors": factors}


def pictures(path: str, start: int, most: int) -> Iterator[tuple[list[str], list[bytes]]]:
    """In the child: the encoded pictures from row `start` on, some at a time."""
    with naming.parsing(path, "a parquet file"), _opened(path) as file:
        image = _image_column(file, path)
        first, groups = 0, []
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if groups or first + rows > start:
                groups.append(group)
            else:
                first += rows
        for batch in file.iter_batches(most, groups, [image], use_threads=False):
            rows = range(max(0, start - first), batch.num_rows)
            if rows:
                cells = [batch.column(0)[i].as_py() for i in rows]
                yield [f"row {first + i}" for i in rows], [_content(cell) for cell in cells]
            first += batch.num_rows


def _opened(path: str):
    return apart.package("pyarrow.parquet", "parquet files").ParquetFile(path, memory_map=False, pre_buffer=False)


def _image_column(file: Any, path: str) -> str:
    kinds = {name: str(file.schema_arrow.field(name).type) for name in file.schema_arrow.names}
    fit = [name for name, kind in kinds.items() if re.search(r"^(struct<.*)?\b(large_)?binary\b", kind)]
    for name in (*(name for name in _IMAGES if name in fit), *fit):
        if kinds[name].startswith("struct") and "bytes: " not in kinds[name]:
            continue
        return name
    raise UserError(f"{path}: no column of pictures in it (bytes, or a struct with bytes); it has {', '.join(kinds)}")


def _label_column(schema: Any) -> str | None:
    return next((name for name in _LABELS if name in schema.names), None)


def _class_names(schema: Any, label: str | None) -> list[str] | None:
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        names = features[label]["names"]
        return [str(name) for name in names] if isinstance(names, list) else None
    except (KeyError, TypeError, ValueError):
        return None


def _content(cell: Any) -> bytes:
    data = cell.get("bytes") if isinstance(cell, dict) else cell
    return data if isinstance(data, bytes) and len(data) <= LARGEST else b""
