"""Write docs/api.md, what `import dcgan` offers, from signatures and docstrings: python tools/api_docs.py [--check]

A test checks it, so run this after changing a public name, its docstring or a setting.
"""

import dataclasses
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import dcgan
from dcgan.config import PRESETS, Config, flag

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"
NOTE = "*Written by `tools/api_docs.py` from signatures and docstrings.*"
ORDER = ("train", "load", "Model", "Loss", "follow", "UserError")


def page() -> str:
    if {*ORDER} != {*dcgan.__all__}:
        sys.exit(f"tools/api_docs.py: its ORDER is not dcgan.__all__, {', '.join(dcgan.__all__)}; change it")
    parts = [f"# In Python\n\n{NOTE}\n\n{_prose(inspect.getdoc(dcgan))}"]
    for name in ORDER:
        thing = getattr(dcgan, name)
        parts.append(_class(name, thing) if inspect.isclass(thing) else _function(f"dcgan.{name}", thing, "##"))
    parts.append(_settings())
    return "\n\n".join(parts).rstrip() + "\n"


def _function(name: str, function: Any, heading: str) -> str:
    return f"{heading} {name}\n\n```python\n{_signature(name, function)}\n```\n\n{_prose(inspect.getdoc(function))}"


def _class(name: str, kind: Any) -> str:
    fields = getattr(kind, "_fields", None)
    said = [f"## dcgan.{name}"]
    if fields:
        comments = dict(re.findall(r"(?m)^ {4}(\w+): .*?  # (.*)$", inspect.getsource(kind)))
        hints, usual = kind.__annotations__, kind._field_defaults
        lines = [f"{one}: {_type(hints[one])}" + (f" = {usual[one]!r}" if one in usual else "") for one in fields]
        listed = [f"    {line},  # {comments[one]}" for one, line in zip(fields, lines, strict=True)]
        said.append("```python\n" + "\n".join([f"dcgan.{name}(", *listed, ")"]) + "\n```")
    said.append(_prose(inspect.getdoc(kind)))
    for member, held in vars(kind).items():
        if inspect.isfunction(held) and not member.startswith("_") and not fields:
            said.append(_function(f"Model.{member}", held, "###"))
    return "\n\n".join(said)


def _signature(name: str, function: Any) -> str:
    """As it stands in the source, a parameter a line where one line is too long."""
    signature = inspect.signature(function)
    shown = [p for p in signature.parameters.values() if p.name != "self"]
    words, starred = [], False
    for parameter in shown:
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        words.append(_parameter(parameter))
    back = "" if signature.return_annotation is signature.empty else f" -> {_type(signature.return_annotation)}"
    line = f"{name}({', '.join(words)}){back}"
    return line if len(line) <= 100 else "\n".join([f"{name}(", *(f"    {word}," for word in words), f"){back}"])


def _parameter(parameter: inspect.Parameter) -> str:
    star = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
    usual = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{star}{parameter.name}: {_type(parameter.annotation)}{usual}"


def _type(annotation: Any) -> str:
    words = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    for module in ("collections.abc", "pathlib", "typing", "numpy", "torch", "dcgan.latents", "dcgan.sample"):
        words = re.sub(rf"\b{re.escape(module)}\.", "", words)
    points = "int | str | Point | Sequence[int | str | Point] | ndarray"  # sample.Points, which a signature writes out
    return words.replace(points, "Points").replace("'", "").replace('"', "")


def _prose(doc: str | None) -> str:
    """A docstring as Markdown: names in brackets stay as they are, an indented part is code."""
    if not doc:
        sys.exit("tools/api_docs.py: a public name has no docstring; write one")
    return re.sub(
        r"(?m)^((?: {4}.*\n?)(?:\n? {4}.*\n?)*)", lambda code: f"```python\n{inspect.cleandoc(code[1])}\n```\n", doc
    ).strip()


def _settings() -> str:
    said = [
        "## Settings\n\nKeywords of `dcgan.train`, flags of `dcgan train` and names in its TOML files are the same; "
        f"presets ({', '.join(PRESETS)}) change some of them ([presets.md](presets.md))."
    ]
    groups: dict[str, list[str]] = {}
    for field in dataclasses.fields(Config):
        rules = field.metadata
        if rules["hidden"]:
            continue
        held = PRESETS["default"].get(field.name, field.default)
        usual = "" if held is None else f"`{held!r}`"
        allowed = ", ".join(f"`{one!r}`" for one in rules["among"]) or _bounds(rules["low"], rules["high"])
        name = f"`{field.name}`" + ("" if flag(field.name) == f"--{field.name}" else f", `{flag(field.name)}`")
        row = f"| {name} | {usual} | {allowed} | {rules['about'].replace('|', chr(92) + '|')} |"
        groups.setdefault(rules["group"], []).append(row)
    head = "| setting | default | allowed | what it is |\n|---|---|---|---|"
    return "\n\n".join(said + [f"### {group}\n\n" + "\n".join([head, *rows]) for group, rows in groups.items()])


def _bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f"from {low:g}" if high is None or high > 1e9 else f"{low:g} to {high:g}".replace("e+06", " million")


if __name__ == "__main__":
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page():
        sys.exit("docs/api.md is not what the code says; write it anew: python tools/api_docs.py")
