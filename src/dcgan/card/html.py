"""How a card looks: facts in, one HTML page out. It reads on paper, on a phone, by day and by night."""

import base64
import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

import dcgan
from dcgan import images
from dcgan.card.facts import Facts
from dcgan.config import COLOURS, show_size, shown
from dcgan.console import clock
from dcgan.export.public import kind

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #59636e; --rule: #d8dee4; --paper: #fff; --good: #00704f;
  --bad: #a33f00 }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 52rem;
  margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word }
h1 { margin: 0; line-height: 1.2; overflow-wrap: anywhere } h2 { margin: 2.2rem 0 .5rem; font-size: 1.25rem }
p, ul { margin: .5rem 0 } .quiet, figcaption, th { color: var(--quiet); font-weight: 400 }
figure { margin: .8rem 0; break-inside: avoid } figcaption { font-size: .9rem; margin-top: .25rem }
img { display: block; width: 100%; height: auto } .pixels { image-rendering: pixelated; border-radius: 3px }
.strips { display: grid; grid-template-columns: 5.5rem minmax(0, 1fr); gap: 4px .8rem; align-items: center;
  font-size: .9rem }
.strips span { text-align: right; color: var(--quiet); font-variant-numeric: tabular-nums }
.strips div { display: grid; grid-auto-columns: minmax(0, 1fr); grid-auto-flow: column; text-align: center;
  color: var(--quiet) }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: .92rem; width: 100% }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code, pre { font: .88rem/1.5 ui-monospace, Menlo, Consolas, monospace }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--rule); border-radius: 4px;
  padding: .7rem }
.strips b { font-weight: 400 } .good { color: var(--good) } .bad { color: var(--bad) }
summary { cursor: pointer; color: var(--quiet) }
footer { margin: 3rem 0 1rem; font-size: .9rem; color: var(--quiet) }
@media screen and (max-width: 34rem) {
  .strips { grid-template-columns: minmax(0, 1fr) } .strips span { text-align: left } .strips b { font-size: .75rem }
}
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9aa4ae; --rule: #373e47; --paper: #0d1117; --good: #4cc38a; --bad: #ff9f6b }
  .plot { filter: invert(.93) hue-rotate(180deg); mix-blend-mode: lighten }  /* a figure of lines on white */
}
@media print {
  body { margin: 0; max-width: none; font-size: 10.5pt } h2 { break-after: avoid } tr, pre { break-inside: avoid }
  .first { max-width: 60% }
}
"""


def page(f: Facts) -> str:
    parts = [
        _draws(f),
        _pictures(f),
        _learned(f),
        _measured(f),
        _copies(f),
        _walk(f),
        _health(f),
        _experiments(f),
        _settings(f),
        _again(f),
    ]
    title = escape(f.name)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n"
        f'<p class="quiet">{_summary(f)}</p>\n'
        + "\n".join(filter(None, parts))
        + f"\n<footer>Written by <code>dcgan card</code>, dcgan {dcgan.__version__}. Radford, Metz &amp; Chintala, "
        "<i>Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks</i> (2015); "
        "Goodfellow et al., <i>Generative Adversarial Nets</i> (2014).</footer>\n</body></html>\n"
    )


def _summary(f: Facts) -> str:
    c = f.config
    pixels = f"{show_size(c.size or (0, 0))} pixels in {COLOURS[c.channels or 3]}"
    how = f"imported from {f.origin}" if f.origin else f"step {f.step:,}, {clock(f.seconds)} of training"
    return escape(f"{kind(c).name} on {c.data}: {pixels}; {how}" + ("" if f.finished else "; not finished"))


# The sections, in order; one that has nothing to say is left out


def _draws(f: Facts) -> str:
    if f.drawn is None:
        return f'<h2>What it draws</h2><p class="quiet">{escape(f.trouble)}</p>'
    sheet = _png(images.grid(_clear(f.drawn), 8 if _square(f.drawn) else None), "pixels")
    which = f"Seeds 0 to {len(f.drawn) - 1}, not chosen"
    return f'<h2>What it draws</h2><figure class="first">{sheet}<figcaption>{which}.</figcaption></figure>'


def _pictures(f: Facts) -> str:
    if f.origin:
        return f"<h2>What it learned from</h2><p>It was imported from {escape(f.origin)}, which does not say.</p>"
    words = f"{f.pictures:,} pictures: " if f.pictures else ""
    words += f"{f.config.data}, made to fit {show_size(f.config.size or (0, 0))} ({f.config.fit})"
    if f.config.mirror:
        words += ", each mirrored half of the time"
    if f.classes:
        used = "given to both networks" if f.config.conditional else "which it was not told"
        words += f"; {len(f.classes)} classes, {used}: {', '.join(f.classes[:20])}" + (
            ", ..." if f.classes[20:] else ""
        )
    if f.real is None:
        return f'<h2>What it learned from</h2><p>{escape(words)}.</p><p class="quiet">{escape(f.trouble)}.</p>'
    few = _png(images.grid(_clear(f.real), len(f.real) // 2 or 1), "pixels")
    caption = f"<figcaption>{len(f.real)} of them, taken at random.</figcaption>"
    return f"<h2>What it learned from</h2><p>{escape(words)}.</p><figure>{few}{caption}</figure>"


def _learned(f: Facts) -> str:
    said = ""
    if len(f.moments) > 1:
        rows = "".join(f"<span>step {step:,}</span>{_strip(row)}" for step, row in f.moments)
        said += (
            f'<figure><div class="strips">{rows}</div><figcaption>The same seeds, from the first step to the last.'
            "</figcaption></figure>"
        )
    if f.curves:
        drawn = _image(f.curves, "plot", "the losses over the steps")
        said += f"<figure>{drawn}<figcaption>{_curves(f)}</figcaption></figure>"
    return said and f"<h2>How it learned</h2>{said}"


def _curves(f: Facts) -> str:
    if f.config.network == "vae":
        return "Both terms of its bound, in nats a picture; dots of one step, and their course."
    return (
        "Both players' losses, what D believes of real and of generated pictures, and the speed. Broken lines are the "
        "values where nobody can tell the two apart. Losses do not say how good the pictures are."
    )


def _measured(f: Facts) -> str:
    if not f.measures:
        return (
            '<h2>How good it is</h2><p class="quiet">Not measured. <code>dcgan evaluate RUN</code> keeps what it '
            "finds, and the next card shows it.</p>"
        )
    return "<h2>How good it is</h2>" + "".join(_evaluation(one, f) for one in f.measures)


def _evaluation(one: dict[str, Any], f: Facts) -> str:
    rows = [
        [figure["name"], _number(figure["value"], figure["protocol"].get("error"))]
        + [_number(figure["protocol"].get(name)) for name in ("floor", "control")]
        for figure in one["figures"]
    ]
    table = _table(["measure", "here", "other real pictures", "shuffled ones"], rows)
    asked = {figure["name"]: _public(figure["protocol"], f.name) for figure in one["figures"]}
    notes = "".join(f"<p>{escape(str(note))}</p>" for note in one["notes"])
    exact = escape(json.dumps(asked, indent=1))
    at = f"Of step {one['step']:,}" + ("." if one["step"] == f.step else f", whereas this page draws step {f.step:,}.")
    return (
        f'<p class="quiet">{at}</p>{table}{notes}<details><summary>The protocol</summary><pre>{exact}</pre></details>'
    )


def _public(protocol: dict[str, Any], name: str) -> dict[str, Any]:
    """Without where the run lies."""
    samples = protocol.get("samples")
    return protocol | {"samples": samples | {"of": name}} if isinstance(samples, dict) else protocol


def _copies(f: Facts) -> str:
    c = f.copies
    if c is None:
        return ""
    rows = (
        f"<span>drawn</span>{_strip(c.samples)}<span>nearest<br>learned from</span>{_strip(c.training)}"
        f"<span>apart</span><div>{''.join(f'<b>{one:.1f}</b>' for one in c.distances)}</div>"
    )
    held = [figure for one in f.measures for figure in one["figures"] if figure["name"].startswith("copied")]
    measured = "".join(
        f"<p>Measured: {escape(figure['name'])} {figure['value']:.1%}, where chance gives up to "
        f"{figure['goal']:.1%}: {_verdict(figure['ok'])}.</p>"
        for figure in held
        if figure.get("goal") is not None
    )
    words = (
        f"The {len(c.samples)} of {c.asked} samples that lie nearest, by pixels, to one of {c.among:,} training "
        f"pictures; distances in grey levels. The median of all samples is {c.median:.1f}; that of a training picture "
        f"to the nearest other one {c.among_real:.1f}. Smooth pictures lie near to everything: look for twins, not at "
        "the numbers."
    )
    if not measured:
        measured = (
            '<p class="quiet">Whether that is more than chance is measured by '
            "<code>dcgan evaluate RUN --metrics memory</code>.</p>"
        )
    pairs = f'<figure><div class="strips">{rows}</div><figcaption>{words}</figcaption></figure>'
    return f"<h2>Does it copy?</h2>{pairs}{measured}"


def _verdict(ok: bool | None) -> str:
    if ok is None:
        return "it cannot be told"
    return f'<span class="{"good" if ok else "bad"}">{"no sign of copies" if ok else "copies were found"}</span>'


def _walk(f: Facts) -> str:
    if f.walk is None:
        return ""
    rows = "".join(f"<span>{i} to {i + 1}</span>{_strip(row)}" for i, row in enumerate(f.walk))
    alike = f", all as class {escape(f.classes[0])}" if f.config.conditional and f.classes else ""
    return (
        f'<h2>A walk</h2><figure><div class="strips">{rows}</div><figcaption>From seed to seed in equal steps{alike}. '
        "A network that had learned pictures by heart would jump.</figcaption></figure>"
    )


def _health(f: Facts) -> str:
    if f.origin:
        return ""
    e = f.examination
    lines = []
    for one in e.findings:
        if one["event"] == "recover":
            when = f"step {one['at']:,}"
            after = f"it went back to step {one['step']:,}, with smaller steps"
        else:
            when, after = f"step {one['step']:,}", "still so" if one["still"] else "since then it is gone"
        what = one["words"].partition(";")[0]
        css = ' class="bad"' if one["still"] else ""
        lines.append(f"<li{css}>{escape(f'{when}: {what}; {after}')}</li>")
    told = f"<ul>{''.join(lines)}</ul>" if lines else "<p>Nothing was the matter.</p>"
    rows = [[name, f"{sign['now']:.3g}", f"{sign['worst']:.3g}", sign["sound"]] for name, sign in e.signs.items()]
    signs = _table(["sign", "at the end", "at worst", "sound"], rows) if rows else ""
    advice = "".join(f"<li>{_typed(words)}</li>" for words in e.advice)
    return f"<h2>Was anything the matter?</h2>{told}{signs}<ul>{advice}</ul>"


def _experiments(f: Facts) -> str:
    said = []
    for path in f.experiments:
        picture = path.with_suffix(".png")
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            words = [held["experiment"], held["source"], held["paper"], held["found"]]
            inside = _image(picture.read_bytes(), "", words[0])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        name, source, paper, found = map(escape, words)
        said.append(
            f'<h3>{name} <span class="quiet">{source}</span></h3><p>The paper: {paper}.<br>Here: {found}.</p>'
            f"<figure>{inside}</figure>"
        )
    return "".join(["<h2>The paper, figure by figure</h2>", *said]) if said else ""


def _settings(f: Facts) -> str:
    head = f"Preset <code>{escape(f.config.preset)}</code>"
    rows: list[list[str]] = [[s.name, shown(s.value), shown(s.usual), s.about] for s in f.settings]
    table = _table(["setting", "here", "in the preset", "what it is"], rows) if rows else ""
    every = json.loads(f.config.to_json())
    listed = [[name, shown(value)] for name, value in every.items() if name != "fingerprint"]
    words = f"{head}, and of it is changed:" if rows else f"{head}, as it is."
    return (
        f"<h2>How it was set</h2><p>{words}</p>{table}<details><summary>All {len(listed)} settings</summary>"
        f"{_table(['setting', 'here'], listed)}</details>"
    )


def _again(f: Facts) -> str:
    if f.origin:
        return ""
    if f.command is None:
        return (
            "<h2>To make it again</h2><p>It was trained from Python with parts of its maker's own (a loss, an "
            "optimizer, networks or pictures), so no command repeats it.</p>"
        )
    last = f.sittings[-1]
    where = (
        f"dcgan {last.get('dcgan')}, torch {last.get('torch')}, {last.get('machine')}, {last.get('device')}, "
        f"{last.get('threads')} threads"
    )
    sat = f", in {len(f.sittings)} sittings" if len(f.sittings) > 1 else ""
    unless = f", unless {f.begun}, whose weights it began with, has changed since" if f.begun else ""
    timed = " It was given a time; the command says the steps that it came to." if f.config.minutes else ""
    return (
        f"<h2>To make it again</h2><pre>{escape(f.command)}</pre>"
        f"<p>Made with {escape(where)}{sat}; on such a machine the same bits come out{escape(unless)}.{timed} "
        f"The pictures must be the same: fingerprint <code>{escape(f.config.fingerprint[:16])}</code>.</p>"
    )


# What they are made of


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def cells(kind: str, row: Sequence[str]) -> str:
        return "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in row)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="wide"><table><tr>{cells("th", head)}</tr>{body}</table></div>'


def _number(value: float | None, error: float | None = None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" + (f" ± {error:.2g}" if error else "")


def _typed(words: str) -> str:
    """`what is typed`, as such."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(words))


def _square(pictures: np.ndarray) -> bool:
    return pictures.shape[1] == pictures.shape[2]


def _clear(pictures: np.ndarray) -> np.ndarray:
    """With alpha, so that the page shows between them, by day and by night."""
    if pictures.shape[-1] == 1:
        pictures = pictures.repeat(3, -1)
    return pictures if pictures.shape[-1] == 4 else np.pad(pictures, [(0, 0)] * 3 + [(0, 1)], constant_values=255)


def _strip(pictures: np.ndarray) -> str:
    """Side by side in one image, which shrinks as one."""
    return _png(np.concatenate(list(pictures), axis=1), "pixels")


def _png(image: np.ndarray, style: str) -> str:
    return _image(images.png(image), style, "pictures side by side")


def _image(content: bytes, style: str, says: str) -> str:
    return (
        f'<img class="{style}" alt="{escape(says)}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'
    )
