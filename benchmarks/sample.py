"""Drawing pictures: the generator against the ceiling of its convolutions, and what writing PNGs costs beside it.

Both on the default's network, in float32, as use is. Goals: 85 % of the ceiling, and at least half of the generator's
speed when each picture goes into a PNG of its own.
"""

import statistics
import tempfile
from pathlib import Path

import textbook
import torch
from record import record
from train import alone, convolutions, rounds

import dcgan
from dcgan import draw, sample
from dcgan.console import Console
from dcgan.sample import Model

COUNT = 1024
PAIRS = 5


def main() -> None:
    record(
        "sample",
        "ceiling",
        ceiling,
        goal=0.85,
        command="python benchmarks/figures.py sample",
        protocol="its doubling convolutions alone, as in training / the generator, batches of 32; "
        f"median of {PAIRS} pairs",
    )
    record(
        "sample",
        "PNGs",
        pngs,
        goal=0.5,
        command="dcgan sample RUN --count 1024 --out FOLDER",
        protocol="median over interleaved rounds of (generating 1,024 pictures / the same, each written as a PNG); "
        "where thousands of files were deleted minutes ago, ext4 is slow to make new ones",
    )


def run() -> tuple[Path, Model]:
    """An untrained run of the default preset: speed does not ask what the weights are."""
    folder = Path(tempfile.mkdtemp())
    model = dcgan.train("faces", out=folder / "run", quiet=True, steps=1)
    return folder / "run", model


def ceiling() -> dict:
    _, model = run()
    c = model.config
    stand_in = textbook.generator((c.size or (64, 64))[0], c.width, c.channels or 3)  # the same convolutions
    layers = convolutions(stand_in, torch.randn(sample.CHUNK, 100, 1, 1))
    z, _labels = model.latents(range(COUNT))
    chunks = COUNT // sample.CHUNK
    pairs = []
    for _ in range(PAIRS):
        bare = chunks * sum(alone(conv, shape, torch.float32)[0] for conv, shape in layers)
        pairs.append((bare, min(rounds({"ours": lambda: model.generate(z)})["ours"])))
    value = statistics.median(bare / ours for bare, ours in pairs)
    speed = {
        name: round(COUNT / statistics.median(each))
        for name, each in zip(("ceiling", "ours"), zip(*pairs, strict=True), strict=True)
    }
    return {"value": round(value, 3), "ok": value >= 0.85, "pictures_per_s": speed}


def pngs() -> dict:
    folder, model = run()
    quiet = Console(quiet=True)
    with tempfile.TemporaryDirectory() as place:

        def written() -> None:  # a new folder each time: what is replaced costs a disk more
            draw.draw(folder, draw.Asked(count=COUNT), Path(tempfile.mkdtemp(dir=place)), False, quiet)

        seconds = rounds({"alone": lambda: model.sample(range(COUNT)), "written": written})
    ratio = statistics.median(a / b for a, b in zip(seconds["alone"], seconds["written"], strict=True))
    speed = {name: round(COUNT / statistics.median(each)) for name, each in seconds.items()}
    return {"value": round(ratio, 3), "ok": ratio >= 0.5, "pictures_per_s": speed}


if __name__ == "__main__":
    main()
