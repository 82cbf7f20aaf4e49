"""`dcgan train --dry-run`: the whole config, the networks layer by layer, and what time and memory they will take.

Time and memory are measured, not guessed: a few steps of the very run are taken in memory, and nothing is written.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

import torch

from dcgan import algorithm, feed, layers, memory, planning, session
from dcgan.config import shown
from dcgan.layers import Stage
from dcgan.losses import LOSSES
from dcgan.planning import Plan
from dcgan.use import statistics_for_use

PATIENCE = 8.0  # seconds of measuring, at the most, once two steps are taken


@dataclass(frozen=True)
class Estimate:
    plan: Plan
    G: list[Stage]
    D: list[Stage]
    seconds_per_step: float
    memory: int | None  # bytes at the peak, of the GPU where one computes; None where the system does not tell
    done: int  # steps that the run has behind it

    @property
    def minutes(self) -> float:
        config = self.plan.config
        return config.minutes or self.seconds_per_step * max(0, (config.steps or 0) - self.done) / 60

    @property
    def images_per_s(self) -> float:
        return self.plan.config.k * self.plan.config.m / self.seconds_per_step

    def as_json(self) -> dict[str, Any]:
        networks = {
            name: {
                "parameters": sum(stage.parameters for stage in stages),
                "layers": [{"op": s.op, "shape": list(s.shape), "parameters": s.parameters} for s in stages],
            }
            for name, stages in (("G", self.G), ("D", self.D))
        }
        return {
            "out": str(self.plan.folder.path),
            "images": len(self.plan.dataset),
            "config": json.loads(self.plan.config.to_json()),
            "networks": networks,
            "images_per_s": round(self.images_per_s, 1),
            "minutes": round(self.minutes, 2),
            "memory": self.memory,
        }

    def in_words(self) -> str:
        config = self.plan.config
        held = json.loads(config.to_json())
        lines = [f"{self.plan.folder.path} would learn from {len(self.plan.dataset):,} pictures.", ""]
        lines += [f"  {name.replace('_', '-'):<16} {shown(value)}" for name, value in held.items()]
        for name, stages in (("G", self.G), ("D", self.D)):
            total = sum(stage.parameters for stage in stages)
            lines += ["", f"{name}: {total:,} parameters"]
            lines += [
                f"  {_layer(stage):<56}{'x'.join(map(str, stage.shape)):>14}{stage.parameters:>14,}" for stage in stages
            ]
        steps = f"{config.minutes:g} minutes" if config.minutes else f"{config.steps:,} steps"
        if self.done and config.steps:
            steps += f", {self.done:,} of them done,"
        memory = f", {self.memory / 2**30:.1f} GiB of memory" if self.memory else ""
        lines += [
            "",
            f"{steps} at {self.images_per_s:.0f} images/s (measured just now): about "
            f"{_duration(self.minutes)}{memory}.",
        ]
        return "\n".join(lines)


def estimate(plan: Plan) -> Estimate:
    config = plan.config
    G, D = layers.read(config)
    header = plan.folder.header()
    device = planning.device(config.device)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        state = algorithm.fresh(config, device)
        algorithm.set_precision(config, state)
        stream = feed.stream(plan.dataset, config, device)
        steps = session.steps(config, state, feed.batches(config, stream, device), LOSSES[config.loss])
        times = []
        began = time.perf_counter()
        while len(times) < 2 or (len(times) < 12 and time.perf_counter() - began < PATIENCE):
            before = time.perf_counter()
            float(next(steps).loss_G)  # waits for the device
            times.append(time.perf_counter() - before)
        with statistics_for_use(config, state, stream):
            pass  # which a save needs
    finally:
        torch.set_num_threads(threads)
    median = sorted(times[1:])[len(times[1:]) // 2]  # without the first, which warms up
    return Estimate(plan, G, D, median, memory.peak(device), header.step if header else 0)


def _layer(stage: Stage) -> str:
    words = {
        "input": "input",
        "dense": "dense",
        "convolution": f"convolution {stage.kernel}x{stage.kernel}",
        "transposed": f"transposed convolution {stage.kernel}x{stage.kernel}",
        "nearest": f"nearest x2, convolution {stage.kernel}x{stage.kernel}",
    }[stage.op]
    if stage.op in ("convolution", "transposed") and stage.stride > 1:
        words += f" / {stage.stride}"
    words += ", 2x2 max-pool" if stage.pooled else ""
    words += ", spectral norm" if stage.norm == "spectral" else f", batch norm per {stage.norm}" if stage.norm else ""
    return words + (f", {stage.activation}" if stage.activation else "")


def _duration(minutes: float) -> str:
    if minutes < 2:
        return f"{60 * minutes:.0f} seconds"
    return f"{minutes:.0f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
