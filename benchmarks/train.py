"""Steps of training: ours against the textbook loop, and against the ceiling of their convolutions.

Interleaved in one process: rounds of a few steps of each in turn; medians over the rounds, and the median of the
ratios. The ceiling is what our step would take if it were its halving and doubling convolutions alone: forward passes
and gradients as often as Algorithm 1 computes them, each in the better of two layouts, at the run's own precision.

python benchmarks/train.py             every row, as a table
make figures                           the same, kept in docs/results/train.json
"""

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import textbook
import torch
from PIL import Image
from record import record
from torch import nn

from dcgan import algorithm, data, feed, planning, run
from dcgan.config import Config

ROUNDS = 7
SECONDS = 1.5  # of each in a round, at least one step
CASES = [  # name, goal over the textbook loop, settings
    ("64 px, width 64, m 128", 2.7, {"size": (64, 64), "width": 64, "m": 128}),
    ("64 px, width 64, m 64", 2.7, {"size": (64, 64), "width": 64, "m": 64}),
    ("32 px, width 64, m 128", 2.3, {"size": (32, 32), "width": 64, "m": 128}),
    ("32 px, width 64, m 64", 2.3, {"size": (32, 32), "width": 64, "m": 64}),
    ("32 px, width 32, m 128", 2.0, {"size": (32, 32), "width": 32, "m": 128}),
    ("64 px, width 64, m 128, float32", 1.4, {"size": (64, 64), "width": 64, "m": 128, "precision": "float32"}),
    ("the default, 64 px, width 32, m 32", None, {"size": (64, 64), "width": 32, "m": 32}),
]
PRESETS = {"tutorial": "faces", "paper": "faces", "svhn": "faces", "mnist": "numbers", "goodfellow": "numbers"}
Convolution = nn.Conv2d | nn.ConvTranspose2d


def main() -> None:
    for name, goal, settings in CASES:
        record(
            "train",
            name,
            lambda settings=settings, goal=goal: against(settings, goal),
            goal=goal,
            command="python benchmarks/figures.py train",
            protocol=f"median over {ROUNDS} interleaved rounds of (textbook seconds a step / ours), "
            f"{torch.get_num_threads()} threads; ceiling: our step's convolutions alone",
        )
    for preset, pictures in PRESETS.items():
        record(
            "train",
            f"--preset {preset}",
            lambda preset=preset, pictures=pictures: of_preset(preset, pictures),
            command="python benchmarks/figures.py train",
            protocol=f"the same, each loop on the preset's own networks, size and minibatch, {pictures}",
        )


def against(settings: dict, goal: float | None) -> dict:
    size, width, m = settings["size"][0], settings["width"], settings["m"]
    config, batch, steps = ours(settings)
    with tempfile.TemporaryDirectory() as folder:
        found, step = in_turns(ports(Path(folder), size, width, m), config, batch, steps)
    alone = ceiling(config, textbook.generator(size, width), textbook.discriminator(size, width))
    found["images_per_s"]["ceiling"] = round(m / alone, 1)
    return found | {"ok": goal is None or found["value"] >= goal, "of_the_ceiling": round(alone / step, 3)}


def of_preset(preset: str, pictures: str) -> dict:
    config, batch, steps = ours({}, pictures, preset)
    state = algorithm.fresh(config)
    G, D = (Port(network.to(memory_format=torch.contiguous_format), config) for network in (state.G, state.D))
    with tempfile.TemporaryDirectory() as folder:
        shown = jpegs(Path(folder), pictures, (config.size or (64, 64))[0], config.channels or 3)
        found, _ = in_turns(textbook.train(G, D, shown, config.m), config, batch, steps)
    return found | {"ok": True}


def in_turns(theirs: Iterator, config: Config, batch: algorithm.Batch, steps: Iterator) -> tuple[dict, float]:
    """What a row says of it, and the seconds of our step."""
    numbers = itertools.count()
    seconds = rounds(
        {
            "textbook": lambda: next(theirs),
            "ours": lambda: next(steps),
            "input": lambda: batch(next(numbers)),
        }
    )
    ratio = statistics.median(a / b for a, b in zip(seconds["textbook"], seconds["ours"], strict=True))
    step = {name: statistics.median(each) for name, each in seconds.items()}
    found = {
        "value": round(ratio, 2),
        "images_per_s": {name: round(config.m / each, 1) for name, each in step.items() if name != "input"},
        "input": round(step["input"] / step["ours"], 4),  # of our step; 0.03 at most at 32 px
        "precision": config.precision,
    }
    return found, step["ours"]


class Port(nn.Module):
    """A network of ours as the textbook loop calls its own: z in one place, a probability, labels told to nobody."""

    def __init__(self, network: nn.Module, config: Config):
        super().__init__()
        self.network, self.conditional, self.classes = network, config.conditional, config.classes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1) if x.shape[2:] == (1, 1) else x
        out = self.network(x, torch.arange(len(x)) % self.classes if self.conditional else None)
        return out.sigmoid() if out.dim() == 1 else out


def ports(folder: Path, size: int, width: int, m: int, device: str = "cpu") -> Iterator:
    """The textbook loop, on 2,000 JPEGs in this folder."""
    G, D = textbook.generator(size, width), textbook.discriminator(size, width)
    return textbook.train(G, D, jpegs(folder, "faces", size), m, device=device)


def jpegs(folder: Path, pictures: str, size: int, channels: int = 3) -> textbook.Pictures:
    for i, picture in enumerate(data.open(pictures, size=(size, size), channels=3).images[:2000]):
        large = Image.fromarray(picture).resize((size * 5 // 4,) * 2, Image.Resampling.BICUBIC)
        large.save(folder / f"{i:05d}.jpg", quality=90)
    return textbook.Pictures(folder, size, channels)


def ours(
    settings: dict, pictures: str = "faces", preset: str = "tutorial", device: str = "cpu"
) -> tuple[Config, algorithm.Batch, Iterator]:
    """Its minibatches, and our loop on them as `dcgan train` runs it, without what is written between the steps."""
    with tempfile.TemporaryDirectory() as folder:
        asked = {"steps": 1} | settings
        plan = planning.plan(pictures, out=Path(folder) / "run", preset=preset, settings=asked)
        state, _ = run._start(plan, device)
    config = plan.config
    batch = feed.batches(config, feed.stream(plan.dataset, config, device), device)
    return config, batch, algorithm.train(config, state, batch, plan.own.loss_of(config))


def rounds(steps: dict[str, Callable], wait: Callable[[], None] = lambda: None) -> dict[str, list[float]]:
    """Seconds a step of each, round by round; one round before them to warm up. `wait`: until the device is done."""
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for i in range(ROUNDS + 1):
        for name, step in steps.items():
            begin, count = time.perf_counter(), 0
            while not count or time.perf_counter() - begin < SECONDS:
                step()
                count += 1
            wait()
            if i:
                seconds[name].append((time.perf_counter() - begin) / count)
    return seconds


def ceiling(config: Config, G: nn.Module, D: nn.Module) -> float:
    """Seconds that one step's convolutions take alone.

    Times a step: G forward 2 (for D, for G), both gradients once. D forward 3, input gradient 3 (its first layer: once,
    in G's step), weight gradient 2 (real and generated pictures).
    """
    dtype = torch.bfloat16 if config.precision == "bf16" else torch.float32
    z, x = torch.randn(config.m, 100, 1, 1), torch.randn(config.m, 3, *(config.size or ()))
    total = 0.0
    for network, first, often in ((G, z, (2, 1, 1)), (D, x, (3, 3, 2))):
        for i, (conv, shape) in enumerate(convolutions(network, first)):
            forward, to_input, to_weight = alone(conv, shape, dtype)
            inputs = 1 if network is D and i == 0 else often[1]
            total += often[0] * forward + inputs * to_input + often[2] * to_weight
    return total


def convolutions(network: nn.Module, x: torch.Tensor) -> list[tuple[Convolution, torch.Size]]:
    """Those that double or halve, with the shapes that they see."""
    found = []
    with torch.no_grad():
        for layer in network.children():
            if isinstance(layer, Convolution) and layer.stride == (2, 2):
                found.append((layer, x.shape))
            x = layer(x)
    return found


def alone(conv: Convolution, shape: torch.Size, dtype: torch.dtype) -> list[float]:
    """Seconds of its forward pass, its input's gradient and its weight's: each the best of both layouts."""
    best = [float("inf")] * 3
    for layout in (torch.channels_last, torch.contiguous_format):
        x = torch.randn(shape).to(dtype).contiguous(memory_format=layout)
        w = conv.weight.detach().to(dtype).contiguous(memory_format=layout)
        forward = partial(torch.ops.aten.convolution, x, w, None, *_where(conv))
        backward = partial(torch.ops.aten.convolution_backward, forward(), x, w, None, *_where(conv))
        kinds = (forward, partial(backward, [True, False, False]), partial(backward, [False, True, False]))
        best = [min(before, quickest(kind)) for before, kind in zip(best, kinds, strict=True)]
    return best


def _where(conv: Convolution) -> list:
    """Stride, padding, dilation, whether transposed, output padding, groups."""
    return [list(conv.stride), list(conv.padding), [1, 1], isinstance(conv, nn.ConvTranspose2d), [0, 0], 1]


def quickest(work: Callable, tries: int = 7, seconds: float = 0.02) -> float:
    """The least of several means: what it takes when nothing is in the way."""
    work()
    means = []
    for _ in range(tries):
        begin = time.perf_counter()
        for count in itertools.count(1):  # noqa: B007
            work()
            if time.perf_counter() - begin > seconds:
                break
        means.append((time.perf_counter() - begin) / count)
    return min(means)


if __name__ == "__main__":
    main()
