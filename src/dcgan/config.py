"""A run is a frozen Config and a changing State; this is the first half.

One dataclass holds every setting, with its help, its bounds and whether it may change when a run goes on. Presets
are dicts of differences. `Config.build(preset, **settings)` makes one, `to_json`/`from_json` keep it beside a run.
The command line, TOML files and the Python API all come through here. No torch: help must be quick.
"""

import contextlib
import dataclasses
import functools
import json
import math
import numbers
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcgan.errors import UserError, suggest

Size = tuple[int, int]  # height, width in pixels
# settings of data.open
PICTURES = ("size", "channels", "fit", "background", "fast", "max_bad", "dedup", "dedup_by", "stream")
COLOURS = {1: "grey", 3: "colour", 4: "colour with alpha"}  # by channels
OWN = ("network", "loss", "optimizer")  # may be a Python object of the user's: recorded as "own:its_name"


def setting(
    default: Any,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    among: tuple = (),
    may_change: bool = False,
    hidden: bool = False,
    group: str = "",
) -> Any:
    """A field of Config: its default, its help, its bounds; `may_change`: free on resume; `hidden`: no flag."""
    rules = {
        "about": about,
        "low": low,
        "high": high,
        "among": among,
        "may_change": may_change,
        "hidden": hidden,
        "group": group,
    }
    return dataclasses.field(default=default, metadata=rules)


_picture, _network, _rule, _length, _speed = (
    functools.partial(setting, group=group)
    for group in ("The pictures", "The networks", "Algorithm 1", "How long, and what is written", "Speed")
)


@dataclass(frozen=True, kw_only=True)
class Config:
    preset: str = setting("default", "the preset this run started from", hidden=True)
    seed: int = _rule(
        0, "one number that fixes the weights, the order of the pictures and all noise", low=0, high=2**53 - 1
    )

    # The pictures
    data: str = _picture("faces", "what it learns from", hidden=True, may_change=True)  # its fingerprint may not
    fingerprint: str = _picture("", "the prepared pictures' own key", hidden=True)
    size: Size | None = _picture(
        None, "side in pixels, N or HxW, 4 to 7 times a power of two; the data's own by default"
    )
    channels: int | None = _picture(
        None, "1 grey, 3 colour, 4 colour with alpha; as the data has it by default", among=(1, 3, 4)
    )
    fit: str = _picture("crop", "how a picture of another shape is made to fit", among=("crop", "pad", "squash"))
    background: str = _picture("white", "colour behind transparent or padded pictures")
    fast: bool = _picture(False, "decode JPEGs straight at the target size: quicker, a little softer")
    max_bad: float = _picture(0.1, "fraction of unreadable files above which nothing is trained", low=0, high=1)
    dedup: bool = _picture(False, "leave out exact and near duplicates")
    dedup_by: str = _picture(
        "pixels",
        "found by their pixels, or by the bits of an autoencoder's codes, as the paper's: minutes more, and more found",
        among=("pixels", "bits"),
    )
    stream: bool = _picture(
        False, "decode pictures while training, not before; sets larger than the disk are streamed of themselves"
    )
    mirror: bool = _picture(False, "show each picture mirrored half of the time")
    translate: int = _picture(0, "shift each picture by up to so many pixels", low=0, high=64)

    # The networks
    network: str = _network(
        "dcgan",
        "convolutional, the 2014 multilayer perceptrons, or a variational autoencoder of G and of D's layers",
        among=("dcgan", "mlp", "vae"),
    )
    width: int = _network(
        64, "feature maps beside the pictures; doubled towards the small end, up to 8 times", low=1, high=4096
    )
    width_D: int | None = _network(None, "the same for D alone; G's by default", low=1, high=4096)
    kernel: int = _network(4, "side of the convolutions", among=(4, 5))
    up: str = _network(
        "transposed",
        "how G doubles its maps: transposed convolution, or nearest + convolution",
        among=("transposed", "nearest"),
    )
    z_dim: int = _network(100, "numbers in a latent", low=1, high=4096)
    z: str = _network("uniform", "their distribution: U(-1, 1) or N(0, 1)", among=("uniform", "normal"))
    conditional: bool = _network(False, "give both networks the class, as the paper's code does for MNIST")
    classes: int = _network(0, "how many classes a conditional run has", low=0, hidden=True)
    dense: int = _network(
        0, "units of a hidden dense layer in both networks; 0 is the paper's guideline", low=0, high=16384
    )
    norm_G: str = _network("batch", "batch norm in G's hidden layers", among=("batch", "none"))
    down: str = _network(
        "strided",
        "how D halves its maps: strided convolution, or convolution + max-pooling",
        among=("strided", "max-pool"),
    )
    norm_D: str = _network(
        "batch",
        "batch norm in D's hidden layers after the first, or spectral norm in all",
        among=("batch", "spectral", "none"),
    )
    norm_G_out: bool = _network(False, "batch norm on G's output too, against the paper's advice")
    norm_D_in: bool = _network(False, "batch norm on D's first layer too, against the paper's advice")
    norm_project: str = _network(
        "channel", "G's first norm: over each map, or over each unit (authors' code)", among=("channel", "unit")
    )
    norm_affine: bool = _network(True, "batch norm's own gain and bias")
    norm_eps: float = _network(1e-5, "batch norm's epsilon", low=0, high=1)
    activation_G: str = _network("relu", "G's rectifier", among=("relu", "leaky"))
    activation_D: str = _network("leaky", "D's rectifier", among=("relu", "leaky"))
    slope: float = _network(0.2, "of LeakyReLU below zero", low=0, high=1)
    output: str = _network(
        "tanh", "G's last function; pixels lie in [-1, 1] with tanh, in [0, 1] with sigmoid", among=("tanh", "sigmoid")
    )

    # Algorithm 1
    loss: str = _rule(
        "non-saturating",
        "G's aim; relativistic sets each generated picture beside a real one, for D too",
        among=("non-saturating", "minimax", "relativistic"),
    )
    augment: bool = _rule(
        False,
        "show D all pictures, real and generated, altered at random: for small sets; in colour, place, with a hole",
    )
    r1: float = _rule(0.0, "penalty on D's squared gradient at real pictures: r1/2 |dD/dx|^2", low=0, high=1e6)
    r2: float = _rule(0.0, "the same at generated pictures", low=0, high=1e6)
    penalty_every: int = _rule(1, "steps between penalties, which are then as much heavier", low=1, high=1000)
    k: int = _rule(1, "steps on D for each on G", low=1, high=100)
    m: int = _rule(64, "pictures in a minibatch", low=2, high=65536)
    optimizer: str = _rule("adam", "gradient rule", among=("adam", "sgd"))
    lr: float = _rule(2e-4, "learning rate", low=0, high=10)
    lr_D: float | None = _rule(None, "D's learning rate; that of --lr where only that is given", low=0, high=10)
    beta1: float = _rule(0.5, "Adam's first moment", low=0, high=0.9999)
    beta2: float = _rule(0.999, "Adam's second moment", low=0, high=0.999999)
    momentum: float = _rule(0.5, "of sgd, at the start", low=0, high=0.9999)
    momentum_to: float = _rule(0.5, "of sgd, at the end of its ramp", low=0, high=0.9999)
    momentum_steps: int = _rule(0, "length of that ramp; 0 keeps it as at the start", low=0)
    l2: float = _rule(0.0, "L2 penalty on all weights, added to the gradient", low=0, high=1)
    lr_decay: float = _rule(1.0, "divides the learning rate at each step", low=1, high=2)
    fade_from: int = _rule(0, "step from which the learning rate falls in a line", low=0)
    fade_to: int = _rule(0, "step at which it reaches zero; 0: it does not fall", low=0)
    ema: float = _rule(
        0.999, "decay of the averaged generator, which draws the samples; 0: G itself", low=0, high=0.99999
    )

    # How long, and what is written on the way
    steps: int | None = _length(None, "iterations of Algorithm 1", low=1, may_change=True)
    minutes: float | None = _length(None, "train for so long instead", low=0.01, may_change=True)
    report_every: int = _length(50, "steps between log lines", low=1, may_change=True)
    sample_every: int = _length(250, "steps between sample pictures", low=1, may_change=True)
    save_every: int = _length(1000, "steps between checkpoints", low=1, may_change=True)
    evaluate_every: int = _length(
        0, "steps between scores of the samples; the best checkpoint is kept; 0: none", low=0, may_change=True
    )
    recover: bool = _length(
        False,
        "when losses are no numbers or G has collapsed, go back to the last sound checkpoint, at half the step size",
        may_change=True,
    )
    timelapse: str = _length("webp", "format of the animation at the end", among=("webp", "gif"), may_change=True)

    # Speed
    device: str = _speed("auto", "where to compute", among=("auto", "cpu", "cuda", "mps"), may_change=True)
    precision: str = _speed(
        "auto",
        "of convolutions; auto is bf16 where the processor has it",
        among=("auto", "float32", "bf16"),
        may_change=True,  # as the machine may, which is worth other bits
    )
    threads: int = _speed(0, "CPU threads; 0: one a core", low=0, high=1024, may_change=True)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))
        if self.size is not None:
            check_size(self.size, self.network)
        if self.fade_to and self.fade_to <= self.fade_from:
            raise UserError(f"--fade-to {self.fade_to}: it must come after --fade-from {self.fade_from}")
        if self.fade_from and not self.fade_to:
            raise UserError(f"--fade-from {self.fade_from}: --fade-to is missing, the step at which the rate is zero")
        if self.network == "mlp" and self.conditional:
            raise UserError("--conditional: the 2014 networks take no class; use --network dcgan")
        if self.network == "vae":
            self._check_vae()
        if self.norm_D == "spectral" and self.norm_D_in:
            raise UserError(
                "--norm-d-in: batch norm on D's first layer goes with --norm-d batch or none; leave one out"
            )
        if self.steps and self.minutes:
            raise UserError("--minutes: --steps is given too, and one of them says how long; keep one")

    def _check_vae(self) -> None:
        """What belongs to the game alone; and the codes' distribution, which is what they are drawn towards."""
        if self.z != "normal":
            raise UserError(f"--z {self.z}: an autoencoder's codes are drawn towards N(0, 1); use --z normal")
        for name in ("loss", "k", "r1", "r2", "augment"):
            value, default = getattr(self, name), Config.__dataclass_fields__[name].default
            if value != default:
                raise UserError(f"{flag(name)} {value}: it belongs to the game of two, and an autoencoder plays none")

    @classmethod
    def build(cls, preset: str = "default", **settings: Any) -> "Config":
        """The preset's differences, then the given settings; an unknown name is a UserError with a suggestion."""
        if _typed("preset", preset) not in PRESETS:
            raise UserError(f"--preset {preset}: there is no such preset{suggest(preset, PRESETS)}")
        known = {field.name: field.metadata["hidden"] for field in dataclasses.fields(cls)}
        for name in settings:
            if name not in known:
                offered = [one for one, hidden in known.items() if not hidden]
                raise UserError(f"setting {name!r}: there is no such setting{suggest(name, offered)}")
        chosen = {"preset": preset, **PRESETS[preset], **settings}
        if "lr" in settings and "lr_D" not in settings:
            chosen["lr_D"] = None  # a rate that is asked for is both players'
        if "minutes" in settings and settings["minutes"] and "steps" not in settings:
            chosen["steps"] = None
        return cls(**{name: _typed(name, value) for name, value in chosen.items()})

    def replace(self, **changes: Any) -> "Config":
        return dataclasses.replace(self, **changes)

    def reached(self, step: int, seconds: float) -> bool:
        """Whether a run that has trained so far, and so long, is at its end."""
        return step >= self.steps if self.steps else seconds >= 60 * (self.minutes or 0)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str, where: str = "config.json") -> "Config":
        try:
            held = json.loads(text)
            if not isinstance(held, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: it does not hold a run's config ({error})") from None
        known = {field.name for field in dataclasses.fields(cls)}
        strange = [name for name in held if name not in known]
        if strange:
            raise UserError(
                f"{where}: it holds {strange[0]!r}, which this version does not know; "
                "it was made by another version of dcgan"
            )
        try:
            return cls(**{name: _typed(name, value) for name, value in held.items()})
        except UserError as error:
            raise UserError(f"{where}: {error}") from None

    def changed(self, asked: "Config") -> dict[str, tuple[Any, Any]]:
        """What differs between a run's config and the one asked for, leaving out what may change."""
        return {
            field.name: (getattr(self, field.name), getattr(asked, field.name))
            for field in dataclasses.fields(self)
            if not field.metadata["may_change"] and getattr(self, field.name) != getattr(asked, field.name)
        }


# Presets: dicts of differences from Config's defaults. Facts and sources of each in docs/presets.md.
PRESETS: dict[str, dict[str, Any]] = {
    # What draws best in minutes on two cores, within the DCGAN backbone: small batches and large steps, D's a
    # third of G's, averaged (docs/log.md and docs/recipe.md have the trials).
    "default": {"width": 32, "m": 32, "lr": 1e-3, "lr_D": 3e-4, "ema": 0.9999},
    # The authors' network and settings for 64 px faces (Radford et al., section 4; their code).
    # k = 1: one of our steps is two of their minibatches, which update G and D in turn; 25 epochs of 350,000 faces.
    "paper": {
        "kernel": 5,
        "width": 128,
        "m": 128,
        "z": "uniform",
        "norm_project": "unit",
        "norm_eps": 1e-8,
        "l2": 1e-5,
        "ema": 0.0,
        "steps": 34_180,
    },
    # The common 64 px torch port, but with z drawn anew in G's step, as Algorithm 1 is printed; 5 epochs of 202,599.
    "tutorial": {"kernel": 4, "width": 64, "m": 128, "z": "normal", "ema": 0.0, "steps": 7_915},
    # The lecture's notebook on street-view house numbers: 25 epochs of 73,257 pictures.
    "svhn": {
        "data": "svhn",
        "size": (32, 32),
        "kernel": 5,
        "width": 128,
        "width_D": 64,
        "m": 128,
        "activation_G": "leaky",
        "norm_eps": 1e-3,
        "ema": 0.0,
        "steps": 14_308,
    },
    # The authors' conditional MNIST: 100 epochs and 100 of linear decay, of 50,000 digits; two minibatches a step.
    "mnist": {
        "data": "mnist:train[:50000]",
        "size": (28, 28),
        "channels": 1,
        "conditional": True,
        "kernel": 5,
        "width": 64,
        "dense": 1024,
        "m": 128,
        "norm_project": "unit",
        "norm_affine": False,
        "norm_eps": 1e-8,
        "output": "sigmoid",
        "l2": 2.5e-5,
        "fade_from": 19_531,
        "fade_to": 39_062,
        "steps": 39_062,
    },
    # The lecture's other model, beside the default: the same generator, the same number of pictures a step.
    "vae": {"network": "vae", "z": "normal", "width": 32, "m": 32, "lr": 1e-3, "ema": 0.998},
    # Goodfellow et al. (2014) on MNIST: 250 epochs of 50,000 digits, momentum rising all the while. Their code halves
    # D's cost, which under SGD is half the rate.
    "goodfellow": {
        "data": "mnist:train[:50000]",
        "size": (28, 28),
        "channels": 1,
        "network": "mlp",
        "width": 1200,
        "width_D": 240,
        "output": "sigmoid",
        "loss": "non-saturating",
        "optimizer": "sgd",
        "z": "normal",
        "lr": 0.1,
        "lr_D": 0.05,
        "lr_decay": 1.000004,
        "momentum": 0.5,
        "momentum_to": 0.7,
        "momentum_steps": 125_000,
        "m": 100,
        "ema": 0.0,
        "steps": 125_000,
    },
}


def parse_size(words: str | int | Size | list) -> Size:
    """`64`, `96x64`: height, width."""
    parts = list(words) if isinstance(words, (tuple, list)) else str(words).lower().split("x")
    if len(parts) == 1:
        parts = parts * 2
    try:
        height, width = (int(part) if isinstance(part, str) else operator.index(part) for part in parts)
    except (ValueError, TypeError):
        raise UserError(
            f"--size {words}: a size is a whole number of pixels, or HEIGHTxWIDTH; write 64 or 96x64"
        ) from None
    return height, width


def doublings(size: Size) -> int:
    """How often G doubles its smallest map (4 to 7 on the shorter side) to reach this size."""
    return int(math.log2(min(size) // 4)) if min(size) >= 4 else 0


def show_size(size: Size) -> str:
    """As it is typed: `64`, `96x64`."""
    return str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"


def shown(value: Any) -> str:
    """A setting's value, in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return show_size((value[0], value[1]))
    return "none" if value is None else str(value)


def check_size(size: Size, network: str = "dcgan") -> None:
    if min(size) < 8 or max(size) > 512:
        raise UserError(f"--size {show_size(size)}: sides go from 8 to 512 pixels; choose 32 or 64 to begin with")
    step, short = 2 ** doublings(size), min(size)
    if network != "mlp" and (size[0] % step or size[1] % step):
        reason = (
            "the generator doubles a small map, so a side must be 4 to 7 times a power of two"
            if short % step
            else f"beside a side of {short}, made by doubling {doublings(size)} times, "
            f"the other must be a multiple of {step}"
        )
        below = (size[0] // step * step, size[1] // step * step)
        rounded = -(-short // step) * step  # 8 steps are 4 of the next power of two
        step = 2 ** doublings((rounded, rounded))
        above = (-(-size[0] // step) * step, -(-size[1] // step) * step)
        raise UserError(
            f"--size {show_size(size)}: {reason}; the nearest are {show_size(below)} and {show_size(above)}"
        )


def flag(name: str) -> str:
    """`save_every` as it is typed: `--save-every`."""
    return "--" + name.lower().replace("_", "-")


def _check(field: dataclasses.Field, value: Any) -> None:
    rules = field.metadata
    if value is None or isinstance(value, bool):
        return
    if rules["among"] and value not in rules["among"]:
        if field.name in OWN and str(value).startswith("own:"):
            return
        known = [str(one) for one in rules["among"]]
        raise UserError(f"{flag(field.name)} {value}: there is no such choice{suggest(str(value), known)}")
    if isinstance(value, (int, float)):
        low, high = rules["low"], rules["high"]
        finite = isinstance(value, int) or math.isfinite(value)
        if not finite or (low is not None and value < low) or (high is not None and value > high):
            bounds = f"from {low} to {high}" if high is not None else f"of {low} or more"
            raise UserError(f"{flag(field.name)} {value}: it must be a number {bounds}")


_TYPES = typing.get_type_hints(Config)


def _typed(name: str, value: Any) -> Any:
    """A setting from JSON, TOML or Python in its field's own type, or a UserError that names it."""
    if name == "size":
        return None if value is None else parse_size(value)
    kind = _TYPES[name]
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if value is None and type(None) in kinds:
        return None
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = int(value)  # numpy's whole numbers too
    if float in kinds and isinstance(value, numbers.Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):
            return float(value)
    if not isinstance(value, tuple(k for k in kinds if k is not type(None))) or (
        isinstance(value, bool) and bool not in kinds
    ):
        wanted = next(k for k in kinds if k is not type(None)).__name__
        words = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a word"}[wanted]
        raise UserError(f"{flag(name)} {value}: it must be {words}")
    return value


def from_mapping(held: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Settings from a TOML file's table: names as flags (`save-every`) or fields (`save_every`)."""
    fields = {
        field.name.lower(): field.name for field in dataclasses.fields(Config) if not field.metadata["hidden"]
    } | {"preset": "preset", "data": "data"}
    settings = {}
    for key, value in held.items():
        name = fields.get(key.replace("-", "_").lower())
        if name is None:
            shown = [other.lower().replace("_", "-") for other in fields]
            raise UserError(f"{where}: there is no setting {key!r}{suggest(key, shown)}")
        settings[name] = value
    return settings
