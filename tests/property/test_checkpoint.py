"""A State goes through a file bit for bit and goes on as if it had not; any other file is one sentence."""

import itertools
import json
import struct
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan import checkpoint, session
from dcgan.algorithm import fresh
from dcgan.checkpoint import Header, fill, read, read_header, save
from dcgan.config import PRESETS, Config
from dcgan.errors import UserError
from dcgan.losses import LOSSES

VARIANTS = {
    **{preset: {"preset": preset} for preset in PRESETS},
    "nearest": {"preset": "tutorial", "up": "nearest", "kernel": 5},
    "sgd, k = 2": {"preset": "tutorial", "optimizer": "sgd", "momentum": 0.9, "k": 2, "loss": "minimax"},
    "no batch norm": {"preset": "default", "norm_G": "none", "norm_D": "none", "dense": 5},
    "not square": {"preset": "default", "size": (16, 24)},
}


def config(variant: str, **more) -> Config:
    small = {"size": (16, 16), "channels": 1, "width": 4, "width_D": 3, "z_dim": 6, "m": 4}
    made = Config.build(**(small | VARIANTS[variant] | more))
    return made.replace(dense=min(made.dense, 8), classes=3 if made.conditional else 0)


def batch(size):
    def of(i: int):
        generator = torch.Generator().manual_seed(i)
        return torch.rand(4, 1, *size, generator=generator) * 2 - 1, torch.randint(3, (4,), generator=generator)

    return of


def go_on(config: Config, state, steps: int):
    for _ in itertools.islice(session.steps(config, state, batch(config.size), LOSSES[config.loss]), steps):
        pass
    return state


def everything(state) -> dict[str, torch.Tensor]:
    """Every tensor of a State, by name."""
    held = {}
    for name in ("G", "D", "G_ema"):
        held |= {f"{name}.{key}": tensor for key, tensor in getattr(state, name).state_dict().items()}
    for name in ("opt_G", "opt_D"):
        for i, roles in getattr(state, name).state_dict()["state"].items():
            held |= {f"{name}.{i}.{role}": tensor for role, tensor in roles.items() if tensor is not None}
    return held


def assert_equal(one, two) -> None:
    """To the bit, in the same place in memory's order, at the same step."""
    assert one.step == two.step
    a, b = everything(one), everything(two)
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype, name
        assert torch.equal(a[name], b[name]), name
        assert a[name].stride() == b[name].stride(), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_state_saved_at_any_step_goes_on_as_if_it_had_not_been(variant, tmp_path):
    c = config(variant)
    path, whole = tmp_path / "last.safetensors", go_on(c, fresh(c), 4)
    going = fresh(c)
    for step in range(4):
        save(path, going, Header(c, going.step, 1.5, ("a", "b")))
        header, tensors = read(path)
        assert header == read_header(path) == Header(c, step, 1.5, ("a", "b"))
        again = fresh(c.replace(seed=9))  # whatever is not read would differ
        fill(again, header, tensors, path)
        assert_equal(again, going)
        assert_equal(go_on(c, again, 4 - step), whole)
        go_on(c, going, 1)
    assert_equal(going, whole)  # saving changes nothing


def test_statistics_for_use_are_kept(tmp_path):
    c = config("default")
    state = fresh(c)
    state.G_ema.project.norm.mean.copy_(torch.arange(8))
    save(tmp_path / "f", state, Header(c, 0))
    again = fresh(c)
    fill(again, *read(tmp_path / "f"), tmp_path / "f")
    assert torch.equal(again.G_ema.project.norm.mean, torch.arange(8).float())


def test_what_was_read_does_not_hold_the_file(tmp_path):
    """A tensor that still reads the file would see it change, or keep Windows from replacing it."""
    c = config("tutorial")
    state, path = go_on(c, fresh(c), 2), tmp_path / "f"
    save(path, state, Header(c, 2))
    again = fresh(c)
    fill(again, *read(path), path)
    held = path.read_bytes()
    with open(path, "r+b") as file:
        file.write(b"\xff" * len(held))
    assert_equal(again, state)


def test_an_optimizer_of_one_s_own_resumes_too(tmp_path):
    c = config("tutorial").replace(optimizer="own:RMSprop")

    def optimizer(parameters):
        return torch.optim.RMSprop(parameters, lr=0.01, momentum=0.5, centered=True)

    whole = go_on(c, fresh(c, own_optimizer=optimizer), 4)
    half = go_on(c, fresh(c, own_optimizer=optimizer), 2)
    save(tmp_path / "f", half, Header(c, 2))
    again = fresh(c, own_optimizer=optimizer)
    fill(again, *read(tmp_path / "f"), tmp_path / "f")
    assert_equal(go_on(c, again, 2), whole)


def test_an_optimizer_that_keeps_more_than_tensors_is_named(tmp_path):
    c = config("tutorial")
    state = go_on(c, fresh(c), 1)
    next(iter(state.opt_D.state.values()))["note"] = [1]
    with pytest.raises(UserError) as caught:
        save(tmp_path / "f", state, Header(c, 1))
    assert str(caught.value) == (
        "optimizer Adam: it keeps its 'note' as list, and a checkpoint holds tensors only; keep it in a tensor"
    )
    assert not (tmp_path / "f").exists()


# What is in the file


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A checkpoint's path, bytes, the length of its header, and a State that it fits."""
    c = config("mnist")
    state = go_on(c, fresh(c), 1)
    path = tmp_path_factory.mktemp("saved") / "last.safetensors"
    save(path, state, Header(c, 1, 0.5))
    content = path.read_bytes()
    return path, content, struct.unpack("<Q", content[:8])[0], state


def test_the_file_is_a_length_json_and_plain_numbers(saved):
    """Every byte accounted for: there is no room for code."""
    _, content, length, state = saved
    head = json.loads(content[8 : 8 + length])
    about = head.pop("__metadata__")
    assert about["format"] == "dcgan-1"
    assert json.loads(about["config"])["preset"] == "mnist"
    assert all(isinstance(value, str) for value in about.values())
    assert {part["dtype"] for part in head.values()} == {"F32"}
    spans = sorted(tuple(part["data_offsets"]) for part in head.values())
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(content) - 8 - length]
    for part in head.values():
        start, end = part["data_offsets"]
        assert end - start == 4 * int(np.prod(part["shape"]))
    assert len(head) == len(everything(state))
    assert "D.hidden.0.linear.weight" in head
    assert "opt_G.out.linear.conv.weight.exp_avg_sq" in head


def test_the_header_is_read_without_torch(saved):
    code = (
        "import sys; from dcgan import checkpoint; "
        f"h = checkpoint.read_header({str(saved[0])!r}); "
        "print(h.step, h.config.preset, *(name for name in ('torch', 'safetensors') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1 mnist\n"


# Any other file


def tried(path, content: bytes, state) -> str | None:
    """The sentence with which these bytes are refused, or None where they are read. Nothing else may happen."""
    path.write_bytes(content)
    try:
        fill(state, *read(path), path)
    except UserError as error:
        sentence = str(error)
        assert sentence.startswith(f"{path}: ")
        assert "\n" not in sentence
        return sentence
    return None


def test_a_file_cut_short_anywhere_is_refused(saved, tmp_path):
    _, content, length, state = saved
    path = tmp_path / "cut"
    begun = f"{path}: it is not a dcgan checkpoint"
    cuts = {0, 1, 7, 8, 9, length - 8, *range(8, length - 8, 97)}  # its last bytes are spaces
    assert all(tried(path, content[:cut], state).startswith(begun) for cut in cuts)
    for cut in {length + 8, length + 9, len(content) // 2, len(content) - 1}:
        assert tried(path, content[:cut], state) == (
            f"{path}: it is cut short ({cut:,} of {len(content):,} bytes); copy it again, or delete it and train anew"
        )
    assert tried(path, content, state) is None
    assert tried(path, content + b"x", state).startswith(f"{path}: it is damaged (")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.booleans())
def test_garbage_is_refused(saved, tmp_path, garbage, framed):
    content = struct.pack("<Q", len(garbage)) + garbage if framed else garbage
    assert tried(tmp_path / "garbage", content, saved[3]) is not None


bytes_to_change = st.tuples(st.integers(0, 10**6), st.integers(0, 255) | st.sampled_from(b'0123456789{}[]",:-.eE\\'))


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(bytes_to_change, min_size=1, max_size=3))
def test_a_damaged_header_is_read_or_refused(saved, tmp_path, changes):
    _, content, length, state = saved
    damaged = bytearray(content)
    for at, byte in changes:
        damaged[at % (length + 8)] = byte
    tried(tmp_path / "damaged", bytes(damaged), state)


def framed(head: object, data: bytes = b"") -> bytes:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


ABOUT = {"format": checkpoint.FORMAT, "config": "{}", "step": "3", "seconds": "1.0", "classes": "null"}
ONE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
NOT_OURS = {
    "nothing": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "words": b"just some words, not a checkpoint at all",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00" + bytes(64),
    "a zip": b"PK\x03\x04" + bytes(200),
    "a header longer than any": struct.pack("<Q", 2**63) + b"{}",
    "brackets": framed(b"[" * 100_000),
    "objects": framed(b'{"a":' * 100_000),
    "not utf-8": framed(b'{"\xff": 1}'),
    "a list": framed([]),
    "a number": framed(5),
    "nothing in it": framed({}),
    "no metadata": framed({"w": ONE}, bytes(4)),
    "another's metadata": framed({"__metadata__": {"format": "pt"}, "w": ONE}, bytes(4)),
    "metadata of another kind": framed({"__metadata__": "dcgan-1", "w": ONE}, bytes(4)),
    "no tensor": framed({"__metadata__": ABOUT}),
    "no offsets": framed({"__metadata__": ABOUT, "w": {}}),
    "no end": framed({"__metadata__": ABOUT, "w": {"data_offsets": [0]}}),
    "offsets of another kind": framed({"__metadata__": ABOUT, "w": {"data_offsets": {"1": 2}}}),
    "words for offsets": framed({"__metadata__": ABOUT, "w": {"data_offsets": "ab"}}),
    "part of another kind": framed({"__metadata__": ABOUT, "w": 7}),
    "an unknown type": framed({"__metadata__": ABOUT, "w": ONE | {"dtype": "F7"}}, bytes(4)),
    "too little data": framed({"__metadata__": ABOUT, "w": ONE}, bytes(3)),
    "offsets that lie": framed({"__metadata__": ABOUT, "w": ONE | {"shape": [9]}}, bytes(4)),
    "another's tensors": framed({"__metadata__": ABOUT, "w": ONE}, bytes(4)),
    **{
        f"{key} = {value!r}": framed({"__metadata__": ABOUT | {key: value}, "w": ONE}, bytes(4))
        for key, value in [
            ("step", "-1"), ("step", "x"), ("step", None), ("step", [1]), ("step", "9" * 5000), ("seconds", "soon"),
            ("seconds", {}), ("classes", "["), ("classes", 5), ("classes", "5"), ("config", "["), ("config", 5),
            ("config", '{"m": "many"}'), ("config", '{"m": 1e400}'), ("config", '{"lr": NaN}'),
            ("config", '{"size": 50}'), ("config", '{"size": [[1], {}]}'), ("config", "[" * 100_000),
            ("config", '{"m": ' + "9" * 5000 + "}"),
            ("format", "dcgan-2"), ("format", 1),
        ]
    },
}  # fmt: skip


@pytest.mark.parametrize("what", NOT_OURS)
def test_a_file_of_another_kind_is_refused(what, saved, tmp_path):
    assert tried(tmp_path / "file", NOT_OURS[what], saved[3]) is not None


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "none", tmp_path, tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match="it cannot be read"):
            read(path)


def rewritten(saved, path, change) -> str | None:
    """A checkpoint whose tensors went through `change`."""
    with safetensors.safe_open(saved[0], "pt") as file:
        about = file.metadata()
    tensors = change(safetensors.torch.load_file(saved[0]))
    return tried(path, safetensors.torch.save(tensors, about), saved[3])


def test_tensors_that_do_not_fit_are_named(saved, tmp_path):
    path = tmp_path / "file"
    wide = rewritten(saved, path, lambda t: t | {"D.out.weight": torch.zeros(1, 99)})
    missing = rewritten(saved, path, lambda t: {k: v for k, v in t.items() if k != "D.out.weight"})
    strange = rewritten(saved, path, lambda t: t | {"D.out.wieght": torch.zeros(1)})
    said = (
        "does not fit the network of its config (at {}); it was made by another version, or with a network of your own"
    )
    for sentence, key in ((wide, "out.weight"), (missing, "out.weight"), (strange, "out.wieght")):
        assert sentence == f"{path}: its D {said.format(key)}: hand that to dcgan.load"
    for key, value in [
        ("opt_G.nowhere.weight.exp_avg", torch.zeros(3)),
        ("opt_G.exp_avg", torch.zeros(())),
        ("opt_G.", torch.zeros(3)),
        ("opt_G.out.linear.conv.weight.exp_avg", torch.zeros(3)),
    ]:
        sentence = rewritten(saved, path, lambda t, key=key, value=value: t | {key: value})
        at = key.removeprefix("opt_G.")
        assert sentence == (
            f"{path}: its opt_G does not fit the network of its config (at {at}); was it made by another version?"
        )
