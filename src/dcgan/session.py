"""Round the loop: its iterations, here and in other processes, and what a sitting writes between them."""

import math
import platform
import signal
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import dcgan
from dcgan import (
    algorithm,
    checkpoint,
    diagnosis,
    distributed,
    feed,
    files,
    images,
    latents,
    memory,
    networks,
    plots,
    vae,
)
from dcgan.algorithm import Batch, Progress, State
from dcgan.checkpoint import Header
from dcgan.config import Config
from dcgan.console import Console
from dcgan.diagnosis import Finding
from dcgan.errors import UserError
from dcgan.losses import Loss
from dcgan.metrics import score
from dcgan.planning import Plan
from dcgan.sample import CHUNK, Model, sample_seeds
from dcgan.use import statistics_for_use

FRAMES = 120  # at most, in the animation
MOST_RECOVERIES = 5  # the steps are then 1/32 of what they were
ON, BACK, LAST = range(3)  # process 0's words to the others: a next step; back to a checkpoint; that was all
FEW = 2000  # pictures: of 1,000 photographs D knew each by heart, and --augment drew far better (docs/log.md)
LOOKED_AT = 64  # pictures through D, to see its dead units


class Watch:
    """Seconds of training alone, over all sittings: sampling and saving are not counted."""

    def __init__(self, seconds: float):
        self._before = seconds
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._since is None else time.perf_counter() - self._since)

    def __enter__(self) -> None:
        self._since = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._before, self._since = self.seconds, None

    @contextmanager
    def paused(self) -> Generator[None]:
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()


class Diverged(UserError):
    """A run ended because its losses were no numbers any more."""


class Ill(Exception):
    """What a run does not go on with."""

    def __init__(self, finding: Finding):
        self.finding = finding


class Session:
    """One sitting of a run: the loop's iterations, and what is written between them."""

    def __init__(self, plan: Plan, state: State, device: str, seconds: float, console: Console):
        self.config, self.folder, self.dataset = plan.config, plan.folder, plan.dataset
        self.state, self.device, self.console, self.begun = state, device, console, plan.begun
        self.loss = plan.own.loss_of(plan.config)
        self.stream = feed.stream(plan.dataset, plan.config, device)
        self.watch = Watch(seconds)
        self.reported = state.step, seconds  # when the last line of the log was written
        self.scored: score.Score | None = None  # made when it is first wanted
        self.real: diagnosis.Data | None = None  # the same
        self.reports: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []
        self.said: set[str] = set()

    @property
    def done(self) -> float:
        """Of the steps, or of the minutes, that were asked for."""
        return self.state.step if self.config.steps else self.watch.seconds / 60

    @property
    def finished(self) -> bool:
        return self.config.reached(self.state.step, self.watch.seconds)

    @property
    def all_written(self) -> bool:
        """Whether the files that a run ends with are there: it may have been killed as it made them."""
        return self.folder.timelapse_file(self.config.timelapse).is_file() and self.folder.losses_file.is_file()

    def train(self, stop: list[int]) -> int:
        """Iterate until it is finished (0) or a signal's number stands in `stop` (that number)."""
        c, state, watch = self.config, self.state, self.watch
        self.folder.rewind(state.step)
        self.remember()
        self.folder.write(
            event="resume" if state.step else "start",
            step=state.step,
            **({"from": self.begun} if self.begun and not state.step else {}),
            dcgan=dcgan.__version__,
            torch=torch.__version__,
            device=self.device,
            processes=distributed.size(),
            threads=c.threads,
            precision=c.precision,
            machine=platform.machine(),
        )
        if self.finished:
            distributed.tell(LAST)
            self.finish()
            return 0
        goes_on = f", on from step {state.step:,}" if state.step else ""
        height, width = self.dataset.size
        about = f"{len(self.dataset):,} pictures of {height}x{width}"
        self.console.say(f"{self.folder.path}: {about}, on {self.device}{goes_on}")
        if c.precision == "bf16" and self.device == "cpu" and not networks.has_bf16("cpu"):
            self.console.say(
                "bf16 is slow here, where the processor has no AVX512-bf16 (on one, 30 times as slow as float32): "
                "stop, and go on with --precision float32"
            )
        if not state.step:
            if len(self.dataset) < FEW and c.network != "vae" and not c.augment:
                self.console.say(
                    f"{len(self.dataset):,} pictures are few, and D may learn them by heart: try --augment"
                )
            self.sample()
        with self.console.progress("training", c.steps or c.minutes, "" if c.steps else "minutes") as bar, watch:
            bar.update(self.done)
            batch = feed.batches(c, self.stream, self.device, distributed.rows(c.m))
            distributed.tell(ON)
            for progress in steps(c, state, batch, self.loss):
                progress = together(progress, stop)
                last = self.finished or bool(stop)
                try:
                    words = self.write(progress, last)
                except Ill as ill:
                    self.go_back(ill.finding)
                    distributed.tell(BACK)
                    distributed.hand_out(self.packed)
                    continue
                distributed.tell(LAST if last else ON)
                bar.update(self.done, words)
                if last:
                    break
        if not self.finished:
            self.console.say(f"stopped and saved at step {state.step:,}. To go on, run the same command again.")
            return stop[0]
        self.finish()
        return 0

    def write(self, progress: Progress, last: bool) -> str | None:
        """All that is written after this iteration, and what the bar says. What is no number is never saved."""
        c, step = self.config, self.state.step
        reports, samples, saves = (not step % n or last for n in (c.report_every, c.sample_every, c.save_every))
        words = None
        if reports or saves:
            seen = self.numbers(progress)
            if reports:
                words = _words(self.report(seen), self.config)
        with self.watch.paused():
            if samples:
                self.sample()
            if reports or samples:
                self.diagnose()
            if c.evaluate_every and (not step % c.evaluate_every or self.finished):
                self.evaluate()
            if saves:
                if c.recover and diagnosis.sound(c, self.checks):
                    self.save(self.folder.sound)
                self.save(self.folder.last)
        return words

    def numbers(self, progress: Progress) -> dict[str, float]:
        """Its losses and D's opinions; G's gradient is that of its last step.

        Under a paired loss only D's margin counts, and its opinions are arbitrary by a shift of all logits: they are
        told as if 0 lay in the middle of that margin.
        """
        seen = {name: float(value) for name, value in progress._asdict().items()}
        if self.loss.paired:
            half = seen["D_margin"] / 2
            seen |= {"D_x": (1 + math.tanh(half / 2)) / 2, "D_Gz": (1 - math.tanh(half / 2)) / 2}  # sigmoid(+-half)
        else:
            del seen["D_margin"]
        seen = {name: round(value, 6) for name, value in seen.items()}
        seen["grad_G"] = round(_length(p.grad for p in self.state.G.parameters()), 6)
        weights = _length(p for network in (self.state.G, self.state.D) for p in network.parameters())
        if ill := diagnosis.no_number(self.config, self.state.step, {**seen, "weights": weights}):
            raise Ill(ill)
        return seen

    def report(self, seen: Mapping[str, float]) -> dict[str, Any]:
        """One line of the log; speed since the last one. Reading the losses waits for the device."""
        c = self.config
        (step, seconds), now = self.reported, self.watch.seconds
        self.reported = self.state.step, now
        line = {
            "step": self.state.step,
            "images": self.state.step * c.k * c.m,
            "seconds": round(now, 3),
            "images_per_s": round((self.state.step - step) * c.k * c.m / max(now - seconds, 1e-9), 1),
            **seen,
        }
        self.folder.write(**line)
        self.reports.append(line)
        return line

    def sample(self) -> None:
        """The same seeds each time, from G_ema with its statistics for use; and what they look like beside the data."""
        c = self.config
        seeds = sample_seeds(c)
        z = torch.from_numpy(latents.draw(seeds, c.z_dim, c.z))
        labels = np.array([seed % c.classes for seed in seeds]) if c.conditional else None
        with statistics_for_use(self.config, self.state, self.stream, only_G=True) as (G, D):
            drawn = self.model(G).generate(z, labels)
            units = self.dead_units(G, D, z, None if labels is None else torch.from_numpy(labels))
        self.real = self.real or diagnosis.Data(self.dataset.images, len(seeds))
        line = {"event": "check", "step": self.state.step, **self.real.check(drawn), **units}
        self.folder.write(**line)
        self.checks.append(line)
        recipe = {"dcgan:step": str(self.state.step), "dcgan:seeds": f"0-{len(seeds) - 1}"}
        files.write_whole(self.folder.sample_file(self.state.step), images.png(images.grid(drawn), recipe))

    def dead_units(self, G: torch.nn.Module, D: torch.nn.Module, z: torch.Tensor, y: Any) -> dict[str, float]:
        """In G of these latents, in D of what it draws of them and of the run's first pictures; networks of one's own
        are not looked into."""
        if not (isinstance(G, networks.Network) and isinstance(D, networks.Network)):
            return {}
        few = slice(CHUNK)
        y = None if y is None else y[few].to(self.device)
        maps_G: Any = G.maps(z[few].to(self.device), y)  # type: ignore
        x, *of = feed.batches(self.config.replace(m=LOOKED_AT), self.stream, self.device)(0)
        labels = [torch.cat([one, y]) for one in of if one is not None and y is not None]
        maps_D: Any = D.maps(torch.cat([x, maps_G[-1]]), *labels)  # type: ignore
        return {"dead_G": diagnosis.dead(maps_G[:-1]), "dead_D": diagnosis.dead(maps_D)}

    def remember(self) -> None:
        """Take from the log what the diagnosis looks at."""
        self.reports, self.checks = self.folder.reports(), self.folder.checks()
        self.said = {line["name"] for line in self.folder.findings() if line["event"] == "finding"}

    def first_sound(self) -> None:
        """What to go back to before another is kept, where --recover was not asked for from the beginning too."""
        if diagnosis.sound(self.config, [check for check in self.folder.checks() if check["step"] <= self.state.step]):
            self.save(self.folder.sound)
        elif self.folder.best.is_file():
            files.write_whole(self.folder.sound, self.folder.best.read_bytes())
        else:
            raise UserError(
                f"--recover: {self.folder.path} shows a collapse already, and no earlier checkpoint is kept; begin a "
                "new run with --recover and another --out"
            )

    def diagnose(self) -> None:
        """Say what is newly the matter; a collapse is left, where that was asked for, as soon as a sheet shows it."""
        for finding in diagnosis.find(self.config, self.reports, self.checks):
            leaves = self.config.recover and self.state.recoveries < MOST_RECOVERIES
            if leaves and finding.name == diagnosis.COLLAPSE:
                if finding.step == self.state.step:
                    raise Ill(finding)
                continue
            if finding.name not in self.said:
                self.said.add(finding.name)
                self.folder.write(event="finding", **finding._asdict())
                self.console.say(f"step {finding.step:,}: {finding.words}")

    def go_back(self, finding: Finding) -> None:
        """To the last sound checkpoint: from there the noise is another, and the steps half as large."""
        state, sound = self.state, self.folder.sound
        if not self.config.recover or state.recoveries == MOST_RECOVERIES:
            self.folder.write(event="finding", **finding._asdict())
        if not self.config.recover:
            raise Diverged(f"{self.folder.path}: at step {finding.step:,} {finding.words}")
        if state.recoveries == MOST_RECOVERIES:
            raise Diverged(
                f"{self.folder.path}: at step {finding.step:,}, after {MOST_RECOVERIES} recoveries, {finding.words}"
            )
        recoveries = state.recoveries + 1
        checkpoint.fill(state, *checkpoint.read(sound), sound)
        state.recoveries = recoveries
        with self.watch.paused():
            self.save(self.folder.last)  # first: whoever goes on from there cuts the log back to it
        self.folder.rewind(state.step)
        about = finding._asdict() | {"step": state.step, "at": finding.step, "recoveries": recoveries}
        self.folder.write(event="recover", **about)
        self.remember()
        self.reported = state.step, self.watch.seconds
        self.console.say(
            f"step {finding.step:,}: {finding.words.partition(';')[0]}; back at step {state.step:,}, with steps half "
            f"as large ({_times(recoveries)})"
        )

    def evaluate(self) -> None:
        """Score the samples of fixed seeds; keep the checkpoint that scores best."""
        self.scored = self.scored or score.Score(self.dataset, self.device, self.console)
        with statistics_for_use(self.config, self.state, self.stream, only_G=True) as (G, _):
            value = round(self.scored(self.model(G)), 6)
        step, words = self.state.step, ""
        best = checkpoint.read_header(self.folder.best).score if self.folder.best.is_file() else None
        if best is None or value < best:
            self.save(self.folder.best, value)
            words = ", the best so far"
        self.folder.write(event="evaluate", step=step, score=value, metric=score.METRIC)
        self.console.say(f"step {step:,}: {score.METRIC} {value:.4f}{words}")

    @property
    def header(self) -> Header:
        return Header(self.config, self.state.step, self.watch.seconds, self.dataset.classes, self.state.recoveries)

    def model(self, G: torch.nn.Module) -> Model:
        """As it would be loaded."""
        return Model(self.header, G, None, None, self.device)

    @property
    def packed(self) -> bytes:
        """The State, for the processes that follow; none do where there is one process."""
        return checkpoint.as_bytes(checkpoint.of(self.state), self.header) if distributed.size() > 1 else b""

    def save(self, path: Path, scored: float | None = None) -> None:
        with statistics_for_use(self.config, self.state, self.stream):
            checkpoint.save(path, self.state, replace(self.header, score=scored))

    def finish(self) -> None:
        reports = self.folder.reports()
        kind = "elbo" if self.config.network == "vae" else self.config.loss
        files.write_whole(self.folder.losses_file, plots.losses(reports, self.folder.path.name, kind))
        frames = self.folder.sample_files()
        if len(frames) > FRAMES:
            frames = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, FRAMES).astype(int))]
        shown = [picture for frame in frames if (picture := images.read_if_whole(frame)) is not None]
        if shown:
            moving = images.animation(shown, self.config.timelapse)
            files.write_whole(self.folder.timelapse_file(self.config.timelapse), moving)
        about = {"seconds": round(self.watch.seconds, 3), "memory": memory.peak(self.device)}
        self.folder.write(event="finish", step=self.state.step, **about)


def steps(config: Config, state: State, batch: Batch, loss: Loss) -> Iterator[Progress]:
    """Algorithm 1's iterations, or the autoencoder's."""
    return vae.train(config, state, batch) if config.network == "vae" else algorithm.train(config, state, batch, loss)


def together(progress: Progress, stop: list[int]) -> Progress:
    """What all processes saw on this step, on average. Where one was told to stop, all are."""
    if distributed.size() == 1:
        return progress
    if distributed.any_of(bool(stop)) and not stop:
        stop.append(signal.SIGTERM)
    seen = torch.stack(list(progress)).detach()
    distributed.average([seen])
    return Progress(*seen)


def _length(tensors: Iterable[torch.Tensor | None]) -> float:
    """Of all of them as one vector."""
    lengths = torch._foreach_norm([t.detach() for t in tensors if t is not None])
    return float(torch.stack(lengths).norm()) if lengths else 0.0


def _times(count: int) -> str:
    return "once by now" if count == 1 else f"{count} times by now"


def _words(line: Mapping[str, Any], config: Config) -> str:
    if config.network == "vae":
        return f"KL {line['loss_D']:.1f}  -log p {line['loss_G']:.0f}  {line['images_per_s']:.0f} images/s"
    return (
        f"loss_D {line['loss_D']:.3f}  loss_G {line['loss_G']:.3f}  D(x) {line['D_x']:.2f}  "
        f"D(G(z)) {line['D_Gz']:.2f}  {line['images_per_s']:.0f} images/s"
    )
