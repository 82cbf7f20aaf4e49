"""Round the loop: from settings and pictures to a run's folder, and on from where it stopped.

`plan` turns what was asked for into a complete Config (new, or the run's own when it goes on); `train` iterates
Algorithm 1 and decides when to report, sample and save. To resume, run the same command again.
"""

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
from dcgan import algorithm, checkpoint, data, files, images, latents, networks, plots
from dcgan.algorithm import Batch, Optimizers, Progress, State
from dcgan.checkpoint import Header
from dcgan.config import PRESETS, Config
from dcgan.console import Console
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.losses import LOSSES, Loss

DEFAULT_STEPS = 10_000  # where neither --steps nor --minutes nor the preset says
FIXED = 1024  # latents and training pictures from which batch norm's statistics for use are computed
FRAMES = 120  # at most, in the animation


@dataclass(frozen=True)
class Own:
    """What a user hands over in Python in place of a name: a loss, an optimizer, both networks."""

    loss: Loss | None = None
    optimizer: Optimizers | None = None
    networks: tuple | None = None

    def names(self) -> dict[str, str]:
        parts = {
            "loss": self.loss and self.loss.G,
            "optimizer": self.optimizer,
            "network": self.networks and self.networks[0],
        }
        return {
            name: f"own:{getattr(part, '__qualname__', type(part).__name__)}" for name, part in parts.items() if part
        }


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
    explicitly is compared."""
    console, own = console or Console(quiet=True), own or Own()
    asked = {**(settings or {}), **own.names()}
    if source is not None:
        asked["data"] = str(source) if isinstance(source, (str, Path)) else "array"
    before = Folder(out) if out is not None else None
    config = _asked(before, preset, asked)
    with console.data_progress() as progress:
        dataset = data.open(
            config.data if source is None else source,
            size=config.size,
            channels=config.channels,
            fit=config.fit,
            background=config.background,
            fast=config.fast,
            max_bad=config.max_bad,
            dedup=config.dedup,
            progress=progress,
        )
    height, width = dataset.images.shape[1:3]
    shown = str(height) if height == width else f"{height}x{width}"
    folder = before or Folder(Path("runs") / f"{dataset.name}-{shown}")
    if before is None:
        config = _asked(folder, preset, asked)
    config = _complete(config, dataset)
    if folder.exists:
        _same(folder, config)
    elif folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
        raise UserError(
            f"--out {folder.path}: something else is there, and nothing is overwritten; choose another folder"
        )
    return Plan(config, dataset, folder, own, _warm(warm))


def _asked(folder: Folder | None, preset: str | None, asked: Mapping[str, Any]) -> Config:
    """A new config, or the run's own with what was asked for explicitly."""
    new = Config.build(preset or "default", **asked)
    if folder is None or not folder.exists:
        return new
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
    where = device(config.device)
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if _has_bf16(where) else "float32"
    return config.replace(
        size=(height, width),
        channels=channels,
        fingerprint=dataset.fingerprint,
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


def _has_bf16(device: str) -> bool:
    """Whether the processor itself multiplies bf16; emulated, it is slower than float32."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and torch.cpu._is_avx512_bf16_supported()


def _same(folder: Folder, config: Config) -> None:
    """Refuse to go on with a run under another config, naming each difference."""
    ours = folder.config()
    changed = ours.changed(config)
    if "fingerprint" in changed:
        raise UserError(
            f"{folder.path}: this run was made with other pictures ({ours.data}, as they were then; now "
            f"{config.data}); choose another --out, or start from its weights with --from {folder.path}"
        )
    if changed:
        shown = "; ".join(
            f"{name.replace('_', '-')}: the checkpoint has {was}, you asked for {now}"
            for name, (was, now) in changed.items()
        )
        raise UserError(f"{folder.path}: {shown}; leave that out to go on, or choose another --out")


def _warm(warm: Path | str | None) -> Path | None:
    if warm is None:
        return None
    path = Path(warm)
    file = Folder.of(path).last if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"--from {warm}: there is no such run or checkpoint; `dcgan runs` lists the runs under runs/")
    checkpoint.read_header(file)
    return file


def train(plan: Plan, console: Console | None = None) -> bool:
    """Train to the plan's end. False if it was stopped before: the same plan goes on from there."""
    console = console or Console(quiet=True)
    config, folder = plan.config, plan.folder
    with ExitStack() as stack:
        stack.enter_context(_folder_made(folder))
        stack.enter_context(
            files.lock(
                folder.lock_file,
                f"{folder.path}: another process is training this run; wait for it, stop it, or choose another --out",
            )
        )
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(config.threads)
        where = device(config.device)
        state, seconds = _start(plan, where)
        session = Session(plan, state, where, seconds, console)
        if session.finished:
            console.say(f"{folder.path} is finished: {state.step} steps. To train on, ask for more --steps.")
            return True
        files.write_whole(folder.config_file, config.to_json().encode())
        return session.train(stack.enter_context(_stop_signals(console)))


@contextmanager
def _folder_made(folder: Folder) -> Iterator[None]:
    """Make a run's folder; if nothing worth keeping comes of it, leave nothing behind."""
    made = [path for path in (folder.path, *folder.path.parents) if not path.exists()]
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {folder.path}: it cannot be made ({error.strerror}); choose another place") from None
    try:
        yield
    except UserError:
        if made and not folder.last.is_file():
            shutil.rmtree(folder.path, ignore_errors=True)
            for parent in made[1:]:
                with suppress(OSError):
                    parent.rmdir()
        raise


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
        try:
            checkpoint.load_networks({"G": state.G, "D": state.D, "G_ema": state.G_ema}, tensors, plan.warm)
        except UserError:
            theirs = checkpoint.read_header(plan.warm).config
            raise UserError(
                f"--from {plan.warm}: its networks have other shapes (preset {theirs.preset}, "
                f"size {theirs.size}, width {theirs.width}); ask for the same size and width"
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
            raise KeyboardInterrupt
        caught.append(number)
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
        self._before, self._since = seconds, None

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._since is None else time.perf_counter() - self._since)

    def __enter__(self) -> None:
        self._since: float | None = time.perf_counter()

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
        self.state, self.device, self.console = state, device, console
        self.loss = plan.own.loss or LOSSES[self.config.loss]
        self.stream = data.Stream(plan.dataset, self.config.seed, self.config.mirror, self.config.translate)
        self.watch = Watch(seconds)

    @property
    def done(self) -> float:
        """Of the steps, or of the minutes, that were asked for."""
        return self.state.step if self.config.steps else self.watch.seconds / 60

    @property
    def finished(self) -> bool:
        if self.config.steps:
            return self.state.step >= self.config.steps
        return self.watch.seconds >= 60 * (self.config.minutes or 0)

    def train(self, stop: list[int]) -> bool:
        c, state, watch = self.config, self.state, self.watch
        self.folder.rewind(state.step)
        self.folder.write(
            event="resume" if state.step else "start",
            step=state.step,
            dcgan=dcgan.__version__,
            torch=torch.__version__,
            device=self.device,
            threads=c.threads,
            machine=platform.machine(),
        )
        if not self.folder.sample_file(state.step).exists():
            self.sample()
        reported = (state.step, watch.seconds)
        with self.console.progress("training", c.steps or c.minutes, "" if c.steps else "minutes") as bar, watch:
            bar.update(self.done)
            for progress in algorithm.train(c, state, batches(c, self.stream, self.device), self.loss):
                last = self.finished or bool(stop)
                words = None
                if state.step % c.report_every == 0 or last:
                    line = self.report(progress, *reported)
                    reported = (state.step, watch.seconds)
                    words = _words(line)
                bar.update(self.done, words)
                if state.step % c.sample_every == 0 or last:
                    with watch.paused():
                        self.sample()
                if state.step % c.save_every == 0 or last:
                    with watch.paused():
                        self.save()
                if last:
                    break
        if not self.finished:
            self.console.say(f"stopped and saved at step {state.step}. To go on, run the same command again.")
            return False
        self.finish()
        return True

    def report(self, progress: Progress, step: int, seconds: float) -> dict[str, Any]:
        """One line of the log; speed since the last one. Reading the losses waits for the device."""
        c, seen = self.config, {name: round(float(v), 6) for name, v in progress._asdict().items()}
        now = self.watch.seconds
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
        z = torch.from_numpy(latents.draw(seeds, c.z_dim, c.z)).to(self.device)
        y = torch.tensor([seed % c.classes for seed in seeds], device=self.device) if c.conditional else None
        with statistics_for_use(self.config, self.state, self.stream, only_G=True) as (G, _):
            drawn = images.to_uint8(
                torch.cat([G(z[i : i + 32], None if y is None else y[i : i + 32]) for i in range(0, len(z), 32)]),
                c.output,
            )
        recipe = {"dcgan:step": str(self.state.step), "dcgan:seeds": f"0-{len(seeds) - 1}"}
        files.write_whole(self.folder.sample_file(self.state.step), images.png(images.grid(drawn), recipe))

    def save(self) -> None:
        with statistics_for_use(self.config, self.state, self.stream):
            checkpoint.save(
                self.folder.last,
                self.state,
                Header(self.config, self.state.step, self.watch.seconds, self.dataset.classes),
            )

    def finish(self) -> None:
        reports = self.folder.reports()
        files.write_whole(
            self.folder.path / "losses.png", plots.losses(reports, self.folder.path.name, self.config.loss)
        )
        frames = self.folder.sample_files()
        if len(frames) > FRAMES:
            frames = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, FRAMES).astype(int))]
        moving = images.animation([images.read_picture(frame) for frame in frames], self.config.timelapse)
        files.write_whole(self.folder.path / f"timelapse.{self.config.timelapse}", moving)
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
