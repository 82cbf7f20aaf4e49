"""Round the loop: from settings and pictures to a run's folder, and on from where it stopped.

`plan` turns what was asked for into a complete Config (new, or the run's own when it goes on); `train` iterates
Algorithm 1 and decides when to report, sample and save. To resume, run the same command again.
"""

import math
import os
import platform
import shutil
import signal
import threading
import time
import types
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import dcgan
from dcgan import algorithm, checkpoint, data, files, hub, images, latents, networks, plots, sample
from dcgan.algorithm import Batch, Optimizers, Progress, State
from dcgan.checkpoint import Header
from dcgan.config import PICTURES, PRESETS, Config, flag, show_size
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.losses import LOSSES, Loss
from dcgan.metrics import score

DEFAULT_STEPS = 10_000  # where neither --steps nor --minutes nor the preset says
FIXED = 1024  # latents and training pictures from which batch norm's statistics for use are computed
FRAMES = 120  # at most, in the animation


@dataclass(frozen=True)
class Own:
    """What a user hands over in Python in place of a name: a loss, an optimizer, both networks."""

    loss: Loss | None = None
    optimizer: Optimizers | None = None
    networks: tuple | None = None

    def __post_init__(self) -> None:
        if self.loss is not None and not (
            callable(getattr(self.loss, "D", 0)) and callable(getattr(self.loss, "G", 0))
        ):
            raise UserError(f"loss {self.loss!r}: it must be dcgan.Loss(D, G), two functions of logits, or a name")
        if self.optimizer is not None and not callable(self.optimizer):
            raise UserError(f"optimizer {self.optimizer!r}: it must be a function of the parameters, or a name")
        if self.networks is not None and (len(self.networks) != 2 or not all(map(callable, self.networks))):
            raise UserError("networks: they must be a pair (G, D) of classes, or functions, of the Config")

    def names(self) -> dict[str, str]:
        """What Config records of them."""
        parts = {
            "loss": self.loss and self.loss.G,
            "optimizer": self.optimizer,
            "network": self.networks and self.networks[0],
        }
        return {
            name: f"own:{getattr(part, '__qualname__', type(part).__name__)}" for name, part in parts.items() if part
        }

    def check(self, config: Config, source: Any) -> None:
        """All that the config records as the user's own has to be handed over again."""
        for name, given, what, argument in (
            ("loss", self.loss, "a loss of its own", ", loss=..."),
            ("optimizer", self.optimizer, "an optimizer of its own", ", optimizer=..."),
            ("network", self.networks, "networks of its own", ", networks=..."),
            ("data", source, "pictures handed over as an array", ""),
        ):
            held = getattr(config, name)
            if held.startswith("own:") and given is None:
                raise UserError(
                    f"{flag(name)} {held}: this run was begun in Python with {what}, which its folder does not hold; "
                    f"go on there, with dcgan.train({'array' if name == 'data' else '...'}, out=...{argument})"
                )


@dataclass
class Plan:
    """A run about to start or go on: everything is checked, nothing is written."""

    config: Config
    dataset: data.Dataset
    folder: Folder
    own: Own = field(default_factory=Own)
    warm: Path | None = None  # the checkpoint to take weights from


def plan(
    source: Any = None,
    *,
    out: Path | str | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    warm: Path | str | None = None,
    own: Own | None = None,
    console: Console | None = None,
) -> Plan:
    """What was asked for, made complete. Where the run exists, its own config holds and only what was asked for
    explicitly is compared. What can be known to be wrong is said before any picture is prepared."""
    console, own = console or Console(quiet=True), own or Own()
    asked = {**(settings or {}), **own.names()}
    if source is not None:
        asked["data"] = str(source) if isinstance(source, (str, Path)) else "own:array"
    folder = Folder(out) if out is not None else None
    if folder is not None:
        _check_place(folder)
    config = _asked(folder, preset, asked)
    own.check(config, source)
    device(config.device)
    warm_file = _warm(warm, folder)
    dataset = _open(source, config, console)
    if folder is None:
        folder = Folder(Path("runs") / f"{dataset.name}-{show_size(dataset.size)}")
        _check_place(folder)
        before, config = config, _asked(folder, preset, asked)
        own.check(config, source)
        if any(getattr(config, name) != getattr(before, name) for name in PICTURES):
            dataset = _open(source, config, console)
    config = _complete(config, dataset)
    if folder.exists:
        _same(folder, config)
    return Plan(config, dataset, folder, own, warm_file)


def _open(source: Any, config: Config, console: Console) -> data.Dataset:
    with console.data_progress() as progress:
        return data.open(
            config.data if source is None else source,
            progress=progress,
            **{name: getattr(config, name) for name in PICTURES},
        )


def _check_place(folder: Folder) -> None:
    """Whether the run can be written there, and nothing of someone else's is in the way."""
    path = folder.path
    try:
        free = folder.exists or folder.vacant
        nearest = next(one for one in (path, *path.absolute().parents) if one.exists())
        writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    except OSError as error:
        raise UserError(f"--out {path}: it cannot be made ({error.strerror}); choose another place") from None
    if not free:
        raise UserError(f"--out {path}: something else is there, and nothing is overwritten; choose another folder")
    if not writable:
        why = "nothing can be written in it" if nearest.is_dir() else "it is not a folder"
        raise UserError(f"--out {path}: it cannot be made below {nearest} ({why}); choose another place")


def _asked(folder: Folder | None, preset: str | None, asked: Mapping[str, Any]) -> Config:
    """A new config, or the run's own with what was asked for explicitly."""
    new = Config.build(preset or "default", **asked)
    if folder is None or not folder.exists:
        return new
    header = folder.header()
    if header and header.origin:
        raise UserError(
            f"{folder.path}: it was imported from {header.origin} and cannot go on; start from its weights with "
            f"dcgan train PICTURES --from {folder.path} --out ANOTHER"
        )
    explicit = {*asked, *({"preset", *PRESETS[preset]} if preset else ())}
    if explicit & {"steps", "minutes"}:
        explicit |= {"steps", "minutes"}
    return folder.config().replace(**{name: getattr(new, name) for name in explicit})


def _complete(config: Config, dataset: data.Dataset) -> Config:
    """Fill in what the data, the machine and the defaults decide."""
    height, width, channels = dataset.images.shape[1:]
    if config.conditional and not dataset.classes:
        raise UserError(
            f"--conditional: {dataset.name} has no classes; put each class in a folder of its own, "
            "or leave --conditional out"
        )
    if config.evaluate_every:
        score.check(dataset)
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if networks.has_bf16(device(config.device)) else "float32"
    return config.replace(
        size=(height, width),
        channels=channels,
        fingerprint=dataset.fingerprint,
        stream=dataset.streamed,
        precision=precision,
        classes=len(dataset.classes or ()) if config.conditional else 0,
        threads=config.threads or torch.get_num_threads(),
        steps=config.steps if config.steps or config.minutes else DEFAULT_STEPS,
    )


def device(asked: str) -> str:
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "--device cuda: torch finds no CUDA device here; use --device cpu, or install a torch built for your GPU"
        )
    if asked == "mps" and not torch.backends.mps.is_available():
        raise UserError("--device mps: torch finds no Apple GPU here; use --device cpu")
    return asked


def _same(folder: Folder, config: Config) -> None:
    """Refuse to go on with a run under another config, naming each difference."""
    ours = folder.config()
    changed = ours.changed(config)
    if "fingerprint" in changed and not changed.keys() & {*PICTURES}:
        raise UserError(
            f"{folder.path}: this run was made with other pictures ({ours.data}, as they were then; now "
            f"{config.data}); choose another --out, or start from its weights with --from {folder.path}"
        )
    if changed:
        shown = "; ".join(
            f"{flag(name)[2:]}: the checkpoint has {_shown(was)}, you asked for {_shown(now)}"
            for name, (was, now) in changed.items()
            if name != "fingerprint"
        )
        raise UserError(f"{folder.path}: {shown}; leave that out to go on, or choose another --out")


def _shown(value: Any) -> str:
    return show_size(value) if isinstance(value, tuple) else str(value)


def _warm(warm: Path | str | None, folder: Folder | None) -> Path | None:
    """The checkpoint to take weights from; a run that goes on has its own."""
    if warm is None or (folder is not None and folder.last.is_file()):
        return None
    path = hub.model(warm) if hub.is_hub(warm) else Path(warm)
    file = Folder.of(path).last if path.is_dir() else path
    if not file.is_file():
        why = "nothing is saved in it yet; train it on" if path.is_dir() else "there is no such run or checkpoint"
        raise UserError(f"--from {warm}: {why}; `dcgan runs` lists the runs under runs/")
    checkpoint.read_header(file)
    return file


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
        if session.finished and session.all_written:
            more = "--steps" if config.steps else "--minutes"
            console.say(f"{folder.path} is finished: {state.step:,} steps. To train on, ask for more {more}.")
            return 0
        files.write_whole(folder.config_file, config.to_json().encode())
        return session.train(stack.enter_context(_stop_signals(console)))


@contextmanager
def _held(folder: Folder) -> Iterator[None]:
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


@contextmanager
def enough_memory(config: Config) -> Iterator[None]:
    """Where it is not, say so in a sentence. (torch's CPU allocator raises a plain RuntimeError.)"""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, (MemoryError, torch.OutOfMemoryError)) and "memory" not in str(error):
            raise
        raise UserError(
            f"--m {config.m}, --width {config.width}: at {show_size(config.size or (0, 0))} they need more memory than "
            "there is; ask for less of one of them"
        ) from None


def _start(plan: Plan, device: str) -> tuple[State, float]:
    """The State to begin with, and the seconds that it has been trained for."""
    config, folder = plan.config, plan.folder
    state = algorithm.fresh(config, device, plan.own.networks, plan.own.optimizer)
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
    set_precision(config, state)
    return state, seconds


def set_precision(config: Config, state: State) -> None:
    for network in (state.G, state.D, state.G_ema):
        network.precision = config.precision  # type: ignore[assignment]


@contextmanager
def _stop_signals(console: Console) -> Iterator[list[int]]:
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
    def paused(self) -> Iterator[None]:
        self.__exit__()
        yield
        self.__enter__()


class Session:
    """One sitting of a run: the loop's iterations, and what is written between them."""

    def __init__(self, plan: Plan, state: State, device: str, seconds: float, console: Console):
        self.config, self.folder, self.dataset = plan.config, plan.folder, plan.dataset
        self.state, self.device, self.console, self.warm = state, device, console, plan.warm
        self.loss = plan.own.loss or LOSSES[self.config.loss]
        self.stream = data.Stream(plan.dataset, self.config.seed, self.config.mirror, self.config.translate)
        self.watch = Watch(seconds)
        self.reported = state.step, seconds  # when the last line of the log was written
        self.scored: score.Score | None = None  # made when it is first wanted

    @property
    def done(self) -> float:
        """Of the steps, or of the minutes, that were asked for."""
        return self.state.step if self.config.steps else self.watch.seconds / 60

    @property
    def finished(self) -> bool:
        if self.config.steps:
            return self.state.step >= self.config.steps
        return self.watch.seconds >= 60 * (self.config.minutes or 0)

    @property
    def all_written(self) -> bool:
        """Whether the files that a run ends with are there: it may have been killed as it made them."""
        return self.folder.timelapse_file(self.config.timelapse).is_file() and self.folder.losses_file.is_file()

    def train(self, stop: list[int]) -> int:
        """Iterate until it is finished (0) or a signal's number stands in `stop` (that number)."""
        c, state, watch = self.config, self.state, self.watch
        self.folder.rewind(state.step)
        self.folder.write(
            event="resume" if state.step else "start",
            step=state.step,
            **({"from": str(self.warm)} if self.warm and not state.step else {}),
            dcgan=dcgan.__version__,
            torch=torch.__version__,
            device=self.device,
            threads=c.threads,
            machine=platform.machine(),
        )
        if self.finished:
            self.finish()
            return 0
        goes_on = f", on from step {state.step:,}" if state.step else ""
        height, width = self.dataset.size
        about = f"{len(self.dataset):,} pictures of {height}x{width}"
        self.console.say(f"{self.folder.path}: {about}, on {self.device}{goes_on}")
        if not state.step:
            self.sample()
        with self.console.progress("training", c.steps or c.minutes, "" if c.steps else "minutes") as bar, watch:
            bar.update(self.done)
            for progress in algorithm.train(c, state, batches(c, self.stream, self.device), self.loss):
                last = self.finished or bool(stop)
                words = None
                if state.step % c.save_every == 0:
                    self.check(progress)
                if state.step % c.report_every == 0 or last:
                    words = _words(self.report(progress))
                bar.update(self.done, words)
                if state.step % c.sample_every == 0 or last:
                    with watch.paused():
                        self.sample()
                if c.evaluate_every and (state.step % c.evaluate_every == 0 or self.finished):
                    with watch.paused():
                        self.evaluate()
                if state.step % c.save_every == 0 or last:
                    with watch.paused():
                        self.save(self.folder.last)
                if last:
                    break
        if not self.finished:
            self.console.say(f"stopped and saved at step {state.step:,}. To go on, run the same command again.")
            return stop[0]
        self.finish()
        return 0

    def check(self, progress: Progress) -> dict[str, float]:
        """Its numbers; a run whose losses are none any more ends, with what it saved while they were."""
        seen = {name: round(float(value), 6) for name, value in progress._asdict().items()}
        if not all(map(math.isfinite, seen.values())):
            raise UserError(
                f"{self.folder.path}: at step {self.state.step:,} the losses are no numbers any more: the networks "
                "have diverged; train anew, with a lower --lr and another --out"
            )
        return seen

    def report(self, progress: Progress) -> dict[str, Any]:
        """One line of the log; speed since the last one. Reading the losses waits for the device."""
        c, seen = self.config, self.check(progress)
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
        return line

    def sample(self) -> None:
        """The same seeds each time, from G_ema with its statistics for use."""
        c = self.config
        seeds = sample_seeds(c)
        z = torch.from_numpy(latents.draw(seeds, c.z_dim, c.z))
        y = torch.tensor([seed % c.classes for seed in seeds]) if c.conditional else None
        with statistics_for_use(self.config, self.state, self.stream, only_G=True) as (G, _):
            drawn = images.to_uint8(sample.in_chunks(G, z, y, self.device), c.output)
        recipe = {"dcgan:step": str(self.state.step), "dcgan:seeds": f"0-{len(seeds) - 1}"}
        files.write_whole(self.folder.sample_file(self.state.step), images.png(images.grid(drawn), recipe))

    def evaluate(self) -> None:
        """Score the samples of fixed seeds; keep the checkpoint that scores best."""
        self.scored = self.scored or score.Score(self.dataset, self.device, self.console)
        with statistics_for_use(self.config, self.state, self.stream, only_G=True) as (G, _):
            value = round(self.scored(sample.Model(self.header, G, None, None, self.device)), 6)
        step, words = self.state.step, ""
        if value < min((line["score"] for line in self.folder.scores()), default=math.inf):
            self.save(self.folder.best)
            words = ", the best so far"
        self.folder.write(event="evaluate", step=step, score=value, metric=score.METRIC)
        self.console.say(f"step {step:,}: {score.METRIC} {value:.4f}{words}")

    @property
    def header(self) -> Header:
        return Header(self.config, self.state.step, self.watch.seconds, self.dataset.classes)

    def save(self, path: Path) -> None:
        with statistics_for_use(self.config, self.state, self.stream):
            checkpoint.save(path, self.state, self.header)

    def finish(self) -> None:
        reports = self.folder.reports()
        files.write_whole(self.folder.losses_file, plots.losses(reports, self.folder.path.name, self.config.loss))
        frames = self.folder.sample_files()
        if len(frames) > FRAMES:
            frames = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, FRAMES).astype(int))]
        moving = images.animation([images.read_picture(frame) for frame in frames], self.config.timelapse)
        files.write_whole(self.folder.timelapse_file(self.config.timelapse), moving)
        self.folder.write(event="finish", step=self.state.step, seconds=round(self.watch.seconds, 3))


def batches(config: Config, stream: data.Stream, device: str) -> Batch:
    """The i-th minibatch of a run, a function of (seed, i) alone."""

    def batch(i: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        pictures, labels = stream.batch(i * config.m, config.m)
        x = images.to_float(pictures, config.output, device)
        y = torch.as_tensor(labels, device=device) if config.conditional else None
        return x, y

    return batch


@contextmanager
def statistics_for_use(config: Config, state: State, stream: data.Stream, only_G: bool = False) -> Iterator[tuple]:
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
            batch = batches(config.replace(m=size), stream, str(device))
            networks.measure(D, (batch(i) for i in range(FIXED // size)))
        G.eval()
        with torch.no_grad():
            yield G, D
    finally:
        set_precision(config, state)
        G.train()
        D.train()


def sample_seeds(config: Config) -> list[int]:
    """As many as fit a sheet of about 1,000 pixels: 64, or a square number below for large pictures."""
    side = max(2, min(8, 1024 // max(config.size or (64, 64))))
    return list(range(side * side))


def _words(line: Mapping[str, Any]) -> str:
    return (
        f"loss_D {line['loss_D']:.3f}  loss_G {line['loss_G']:.3f}  D(x) {line['D_x']:.2f}  "
        f"D(G(z)) {line['D_Gz']:.2f}  {line['images_per_s']:.0f} images/s"
    )
