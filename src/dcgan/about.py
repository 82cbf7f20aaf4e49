"""What can be said of a run, and of pictures to train on: as one JSON object, and in words.

`dcgan info`, `runs`, `data` and the end of `train` print it; a run is only read, and no torch is needed.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dcgan.config import COLOURS, Config, shown
from dcgan.console import clock
from dcgan.data import Report
from dcgan.errors import printable
from dcgan.folder import Folder

MOST = 20  # skipped files named in words


def run(path: Path) -> dict[str, Any]:
    """A run's config, progress, last losses and files."""
    folder = Folder.of(path)
    c, header, reports = folder.config(), folder.header(), folder.reports()
    samples = folder.sample_files()
    there = {
        "checkpoint": folder.last,
        "best": folder.best,
        "samples": samples[-1] if samples else None,
        "timelapse": folder.timelapse_file(c.timelapse),
        "losses": folder.losses_file,
        "log": folder.log_file,
    }
    held = json.loads(c.to_json())
    return {
        "path": str(folder.path),
        "data": c.data,
        "preset": c.preset,
        "size": list(c.size or ()),
        "channels": c.channels,
        "classes": list(header.classes) if header and header.classes else None,
        "origin": header.origin if header else None,
        "step": header.step if header else 0,
        "steps": c.steps,
        "minutes": c.minutes,
        "seconds": header.seconds if header else 0.0,
        "finished": folder.finished(),
        "training": folder.training(),
        "last": reports[-1] if reports else None,
        "memory": folder.peak_memory(),
        "findings": folder.findings(),
        "best": folder.best_score(),
        "files": {name: str(file) for name, file in there.items() if file and file.exists()},
        "config": {name: value for name, value in held.items() if name not in ("data", "fingerprint", "preset")},
        "defaults": json.loads(Config.build(c.preset).to_json()),
    }


def run_in_words(found: Mapping[str, Any]) -> list[str]:
    last = found["last"]
    shape = f"{_sides(found['size'])}, {COLOURS[found['channels']]}"
    lines = [f"{found['path']}: {found['data']}, {shape}, preset {found['preset']}", f"  {_progress(found)}"]
    if last and found["config"]["network"] == "vae":
        lines.append(f"  losses       KL {last['loss_D']:.1f} nats a picture, -log p(x|z) {last['loss_G']:.0f}")
    elif last:
        lines.append(
            f"  losses       D {last['loss_D']:.3f}, G {last['loss_G']:.3f}; "
            f"D(x) {last['D_x']:.2f}, D(G(z)) {last['D_Gz']:.2f} (1/2 each at equilibrium)"
        )
    if last:
        lines.append(f"  speed        {last['images_per_s']:.0f} images/s; {clock(last['seconds'])} of training so far")
    if found["memory"]:
        lines.append(f"  memory       {found['memory'] / 2**20:,.0f} MiB at the peak")
    if best := found["best"]:
        lines.append(f"  score        {best['metric']} {best['score']:.4f} at its best, step {best['step']:,}")
    lines += [f"  finding      {_found(one)}" for one in found["findings"]]
    differences = {name: value for name, value in found["config"].items() if value != found["defaults"].get(name)}
    chosen = (f"{name} {shown(value)}" for name, value in differences.items())
    lines.append("  settings     " + (", ".join(chosen) or "all default"))
    return lines + [f"  {name:<12} {path}" for name, path in found["files"].items()]


def _found(line: Mapping[str, Any]) -> str:
    if line["event"] == "recover":
        return f"step {line['at']:,}: {line['words'].partition(';')[0]}; it went back to step {line['step']:,}"
    return f"step {line['step']:,}: {line['words']}"


def runs_in_lines(found: list[dict[str, Any]]) -> list[str]:
    """A line a run, in columns."""
    width = max((len(one["path"]) for one in found), default=0)
    return [
        f"{one['path']:<{width}}  {one['data']:<12} {_sides(one['size']):>8}  {one['preset']:<10}  {_progress(one)}"
        for one in found
    ]


def _progress(found: Mapping[str, Any]) -> str:
    if found["origin"]:
        return f"imported     from {found['origin']}"
    how_far = f"step {found['step']:,}" + (f" of {found['steps']:,}" if found["steps"] else "")
    if found["training"]:
        return f"training     {how_far} is saved"
    if found["finished"]:
        return f"finished     {how_far}"
    return f"stopped      {how_far}; to go on: dcgan train --out {shlex.quote(found['path'])}"


def what_next(path: Path) -> str:
    """What a run that has just ended left, and what to try with it."""
    files = run(path)["files"]
    about = {"timelapse": "how it learned", "samples": "what it draws now", "losses": "both players' losses"}
    made = [(files[name], words) for name, words in about.items() if name in files]
    verbs = [
        (f"dcgan sample {shlex.quote(str(path))} --count 100", "more pictures"),
        (f"dcgan info {shlex.quote(str(path))}", "all about this run"),
        ("dcgan train FOLDER", "your own pictures"),
    ]
    width = max(len(one) for one, _ in made + verbs) + 3
    files_, next_ = ([f"  {one:<{width}}{words}" for one, words in part] for part in (made, verbs))
    return "\n".join(["", *files_, "", "Next:", *next_])


def pictures(report: Report) -> dict[str, Any]:
    """What would be trained on."""
    held = report.dataset
    return {
        "name": held.name,
        "images": report.images,
        "size": list(held.size),
        "channels": held.channels,
        "sizes": dict(report.sizes),
        "kinds": dict(report.kinds),
        "classes": dict(report.classes),
        "factors": sorted(held.factors),
        "fingerprint": held.fingerprint,
        "skipped": [{"path": one.path, "reason": one.reason} for one in report.skipped],
    }


def pictures_in_words(report: Report) -> list[str]:
    held = report.dataset
    shape = f"{_sides(held.size)}, {COLOURS[held.channels]}"
    lines = [f"{held.name}: {report.images:,} pictures, prepared at {shape}"]
    for title, counts in (("stored as", report.kinds), ("sizes", report.sizes), ("classes", report.classes)):
        if counts:
            lines.append(f"  {title:<12}" + _counts(counts))
    if held.factors:
        lines.append(f"  known       {', '.join(sorted(held.factors))}")
    lines += [f"  skipped     {one.path}: {one.reason}" for one in report.skipped[:MOST]]
    if len(report.skipped) > MOST:
        lines.append(f"  skipped     and {len(report.skipped) - MOST:,} more; --json lists them all")
    return [printable(line) for line in lines]


def _sides(size: Sequence[int]) -> str:
    return "x".join(map(str, size))


def _counts(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {number:,}" for name, number in list(counts.items())[:10]]
    return ", ".join(shown) + (f" and {len(counts) - 10} more" if len(counts) > 10 else "")
