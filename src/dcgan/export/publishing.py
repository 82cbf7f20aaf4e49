"""`dcgan push RUN owner/name`: what a run's page on the Hub holds.

model.safetensors   G's average and D, with the config in its header: what `dcgan sample hf:owner/name` reads
config.json         the same config, for people and programs
README.md           the model card: how it was trained, what it is for, how to use it
grid.png            64 samples
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dcgan
from dcgan import checkpoint, hub, images, sample
from dcgan.config import COLOURS, Config
from dcgan.errors import UserError
from dcgan.export.public import kind, public
from dcgan.sample import Model


@dataclass(frozen=True)
class Pushed:
    address: str
    files: dict[str, int]  # name -> bytes

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def in_words(self) -> str:
        return f"{self.address}: {', '.join(self.files)} ({sum(self.files.values()) / 2**20:,.1f} MiB)"


def push(
    path: Path,
    repo: str,
    *,
    license: str | None = None,
    measures: Path | None = None,
    private: bool = False,
    overwrite: bool = False,
    api: Any = None,
) -> Pushed:
    hub.check_name(repo)
    measured = _measured(measures) if measures else None
    model = sample.load(path)
    contents = package(model, repo, license, measured)
    message = f"dcgan {dcgan.__version__}, step {model.header.step}"
    address = hub.publish(repo, contents, message, private=private, overwrite=overwrite, api=api)
    return Pushed(address, {name: len(content) for name, content in contents.items()})


def _measured(path: Path) -> str:
    """What `dcgan evaluate RUN --json` printed, as a table with its protocol in words."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            [one["name"], one["value"], *(one["protocol"].get(beside) for beside in ("floor", "control"))]
            for one in held["figures"]
        ]
        shown = [[name, *("" if cell is None else f"{cell:.4g}" for cell in cells)] for name, *cells in rows]
        notes = [str(note) for note in held["notes"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"--measures {path}: it cannot be read as measures ({type(error).__name__}); write them with "
            f"dcgan evaluate RUN --json > {path.name}"
        ) from None
    head = "| measure | of these samples | of other real pictures | of shuffled ones |\n|---|---|---|---|"
    table = [f"| {' | '.join(row)} |" for row in shown]
    return "\n".join([head, *table, "", *notes])


def package(model: Model, repo: str, license: str | None = None, measured: str | None = None) -> dict[str, bytes]:
    """The files, by name. Nothing in them says where its maker's pictures lie."""
    c = public(model.config)
    tensors = {
        f"{name}.{key}": tensor.contiguous()
        for name, network in (("G_ema", model.G), ("D", model.D))
        if network is not None
        for key, tensor in network.state_dict().items()
    }
    header = dataclasses.replace(model.header, config=c)
    grid = images.grid(model.sample(sample.sample_seeds(c)))
    return {
        hub.MODEL: checkpoint.as_bytes(tensors, header),
        "config.json": c.to_json().encode(),
        "README.md": card(model, repo, license, measured).encode(),
        "grid.png": images.png(grid),
    }


def card(model: Model, repo: str, license: str | None = None, measured: str | None = None) -> str:
    c, step, usual = public(model.config), model.header.step, Config.build()
    differences = {
        field.name: getattr(c, field.name)
        for field in dataclasses.fields(Config)
        if field.name not in ("data", "fingerprint", "preset") and getattr(c, field.name) != getattr(usual, field.name)
    }
    what = kind(c)
    size = "x".join(map(str, c.size or ()))
    colours = COLOURS[c.channels or 3]
    conditional = f", of {c.classes} classes" if c.conditional else ""
    trained = (
        f"Imported from {model.header.origin}; how it was trained is not known here."
        if model.header.origin
        else f"{step:,} {what.steps} with minibatches of {c.m}, on {c.data}, from the preset `{c.preset}`."
    )
    front = {
        "library_name": "dcgan",
        "pipeline_tag": "unconditional-image-generation",
        "tags": what.tags,
        **({"license": license} if license else {}),
    }
    settings = "\n".join(f"| {name} | {json.dumps(value)} |" for name, value in differences.items())
    return f"""---
{chr(10).join(f"{key}: {json.dumps(value)}" for key, value in front.items())}
---

# {repo.split("/")[1]}

{what.name} ({what.source}): pictures of {size}, {colours}{conditional}, drawn from {c.z_dim} numbers each.

![Samples of seeds 0 to {len(sample.sample_seeds(c)) - 1}, not chosen](grid.png)

## Use

    pip install "dcgan[hub]"
    dcgan sample hf:{repo} --seeds 0-63 --out samples.png

A seed gives the same picture everywhere.

## How it was trained

{trained}

| setting | value |
|---|---|
{settings}

Settings that are not listed are those of `dcgan train` in dcgan {dcgan.__version__}; `config.json` has them all.

## How good it is

{measured or "It was not measured for this page."}

## What it is for

Looking at what such a network learns, teaching, and pictures to play with. It repeats what its training pictures
show, with their gaps and their slant, and may come close to single ones of them; it is no source of facts, and its
pictures of people are of nobody and must not be passed off as somebody.

## Licence

{license or "The author names none: ask before you use it for more than looking."}
"""
