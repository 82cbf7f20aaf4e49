"""Round the loop: from a plan to a run's folder, and on from where it stopped.

`train` iterates Algorithm 1 and decides when to report, sample and save. To resume, run the same command again.
"""

import math
import os
import platform
import re
import shutil
import signal
import sys
import threading
import time
import types
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import dcgan
from dcgan import (
    algorithm,
    checkpoint,
    data,
    diagnosis,
    distributed,
    feed,
    files,
    images,
    latents,
    networks,
    plots,
    vae,
)
from dcgan.algorithm import Batch, Progress, State
from dcgan.checkpoint import Header
from dcgan.config import Config, show_size
from dcgan.console import Console
from dcgan.diagnosis import Finding
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.losses import Loss
from dcgan.metrics import score
from dcgan.planning import Own, Plan, device, open_pictures
from dcgan.sample import CHUNK, Model

FIXED = 1024  # latents and training pictures from which batch norm's statistics for use are computed
FRAMES = 120  # at most, in the animation
MOST_RECOVERIES = 5  # the steps are then 1/32 of what they were
ON, BACK, LAST = range(3)  # process 0's words to the others: a next step; back to a checkpoint; that was all
FEW = 2000  # pictures: of 1,000 photographs D knew each by heart, and --augment drew far better (docs/log.md)
LOOKED_AT = 64  # pictures through D, to see its dead units


def train(plan: Plan, console: Console | None = None) -> int:
    """Train to the plan's end: 0. Else the number of the signal that stopped it: the same plan goes on from there."""
    console = console or Console(quiet=True)
    config, folder = plan.config, plan.folder
    with ExitStack() as stack:
        stack.enter_context(_held(folder))
        stack.enter_context(enough_memory(config))
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(config.threads)
        where = device(config.device)
        state, seconds = _start(plan, where)
        session = Session(plan, state, where, seconds, console)
        distributed.hand_out(os.fsencode(folder.path))
        distributed.hand_out(session.packed)
        if session.finished and session.all_written:
            distributed.tell(LAST)
            more = "--steps" if config.steps else "--minutes"
            console.say(f"{folder.path} is finished: {state.step:,} steps. To train on, ask for more {more}.")
            return distributed.tell(0)
        if config.recover and not folder.sound.is_file():
            session.first_sound()
        files.write_whole(folder.config_file, config.to_json().encode())
        return distributed.tell(session.train(stack.enter_context(_stop_signals(console))))


def follow(source: Any = None, own: Own | None = None) -> tuple[Path, int]:
    """What every process after the first does: the same steps, each on its own rows of the minibatches.

    Returns the run's folder, and what `train` returned.
    """
    own = own or Own()
    path = Path(os.fsdecode(distributed.hand_out()))
    header, tensors = checkpoint.from_bytes(distributed.hand_out(), "process 0")
    config = header.config
    own.check(config, source)
    torch.set_num_threads(config.threads)
    where = device(config.device)
    dataset = open_pictures(source, config, Console(quiet=True))
    if dataset.fingerprint != config.fingerprint:
        raise UserError(
            f"{config.data}: process {distributed.rank()} finds other pictures there than process 0 does; give each "
            "machine the same"
        )
    state = _fresh(config, where, own)
    checkpoint.fill(state, header, tensors, "process 0")
    stream = feed.stream(dataset, config, where)
    trained = steps(config, state, feed.batches(config, stream, where, distributed.rows(config.m)), own.loss_of(config))
    with _stop_signals(Console(quiet=True)) as stop:
        while (word := distributed.tell()) != LAST:
            if word == BACK:
                checkpoint.fill(state, *checkpoint.from_bytes(distributed.hand_out(), "process 0"), "process 0")
            together(next(trained), stop)
    return path, distributed.tell()


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


@contextmanager
def _held(folder: Folder) -> Generator[None]:
    """Make a run's folder and hold it against other trainers; leave nothing where nothing was saved."""
    made = files.missing(folder.path)
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder.path}: it cannot be made ({error.strerror}); choose another place") from None
    training = f"{folder.path}: another process is training this run; wait for it, stop it, or choose another --out"
    with files.lock(folder.lock_file, training):
        try:
            yield
        except BaseException:
            if made and not folder.last.is_file():
                shutil.rmtree(folder.path, ignore_errors=True)
                files.remove_empty(made[1:])
            raise


_NO_MEMORY = re.compile(r"not enough memory|can't allocate memory|out of memory", re.IGNORECASE)  # torch's words


@contextmanager
def enough_memory(config: Config) -> Generator[None]:
    """Where it is not, say so in a sentence. (torch's CPU allocator raises a plain RuntimeError.)"""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and not _NO_MEMORY.search(str(error)):
            raise
        raise UserError(
            f"--m {config.m}, --width {config.width}: at {show_size(config.size or (0, 0))} they need more memory than "
            "there is; ask for less of one of them"
        ) from None


def _start(plan: Plan, device: str) -> tuple[State, float]:
    """The State to begin with, and the seconds that it has been trained for."""
    config, folder = plan.config, plan.folder
    state = _fresh(config, device, plan.own)
    seconds = 0.0
    if folder.last.is_file():
        header, tensors = checkpoint.read(folder.last)
        checkpoint.fill(state, header, tensors, folder.last)
        seconds = header.seconds
    elif plan.warm:
        _, tensors = checkpoint.read(plan.warm)
        if not checkpoint.has(tensors, "D"):
            raise UserError(
                f"--from {plan.warm}: it holds a generator alone, and training needs a discriminator too; import both "
                "networks, or begin without --from"
            )
        try:
            checkpoint.load_networks({"G": state.G, "D": state.D, "G_ema": state.G_ema}, tensors, plan.warm)
        except UserError:
            theirs = checkpoint.read_header(plan.warm).config
            raise UserError(
                f"--from {plan.warm}: its networks have other shapes (preset {theirs.preset}, "
                f"size {show_size(theirs.size or (0, 0))}, width {theirs.width}); ask for the same size and width"
            ) from None
    return state, seconds


def _fresh(config: Config, device: str, own: Own) -> State:
    """The State before the first step, ready to be trained with the others."""
    state = algorithm.fresh(config, device, own.networks, own.optimizer)
    set_precision(config, state)
    distributed.average_gradients(state.opt_G, state.opt_D)
    return state


def set_precision(config: Config, state: State) -> None:
    for network in (state.G, state.D, state.G_ema):
        network.precision = config.precision  # type: ignore[assignment]


@contextmanager
def _stop_signals(console: Console) -> Generator[list[int]]:
    """Ctrl-C and SIGTERM finish the step and save; a second one leaves at once."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def on_signal(number: int, frame: types.FrameType | None) -> None:
        if caught:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        caught.append(number)
        with suppress(RuntimeError):  # the signal came while something was being printed
            console.say("stopping after this step; once more to leave at once")

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
        about = {"seconds": round(self.watch.seconds, 3), "memory": peak_memory(self.device)}
        self.folder.write(event="finish", step=self.state.step, **about)


@contextmanager
def statistics_for_use(config: Config, state: State, stream: data.Stream, only_G: bool = False) -> Generator[tuple]:
    """G_ema and D with batch norm's statistics for use, in float32: what samples, score, features and export see.

    G_ema's come from FIXED latents, D's from the run's first FIXED training pictures. They live in buffers that
    training never reads, so the run goes the same way however often this is done.
    """
    G, D, size = state.G_ema, state.D, 128
    device = next(G.parameters()).device
    try:
        set_precision(config.replace(precision="float32"), state)
        y = torch.arange(size, device=device) % config.classes if config.conditional else None
        z = torch.from_numpy(latents.draw(range(FIXED), config.z_dim, config.z, stream=3)).to(device)
        networks.measure(G, ((part, y) for part in z.split(size)))
        if not only_G:
            batch = feed.batches(config.replace(m=size), stream, str(device))
            networks.measure(D, (batch(i) for i in range(FIXED // size)))
        G.eval()
        with torch.no_grad():
            yield G, D
    finally:
        set_precision(config, state)
        G.train()
        D.train()


def peak_memory(device: str) -> int | None:
    """Bytes that this process held at most, of the GPU where one computes; None where the system does not tell."""
    if device == "cuda":
        return torch.cuda.max_memory_reserved()
    with suppress(OSError, StopIteration):  # Linux, whose getrusage counts what the starting program held, too
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def sample_seeds(config: Config) -> list[int]:
    """As many as fit a sheet of about 1,000 pixels: 64, or a square number below for large pictures."""
    side = max(2, min(8, 1024 // max(config.size or (64, 64))))
    return list(range(side * side))


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
