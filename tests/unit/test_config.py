"""Config: presets and their sources' facts, bounds and their sentences, sizes, JSON, what may change on resume."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.config import PRESETS, Config, check_size, doublings, flag, from_mapping, parse_size
from dcgan.errors import UserError

FIELDS = {field.name: field for field in dataclasses.fields(Config)}


def refused(call, *args, **settings) -> str:
    with pytest.raises(UserError) as caught:
        call(*args, **settings)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


# Presets: all that their sources say (PAPER.md's facts; docs/presets.md has the sources and what is left out)

FACTS = {
    "paper": {
        "network": "dcgan", "kernel": 5, "up": "transposed", "width": 128, "width_D": None, "dense": 0,
        "z_dim": 100, "z": "uniform", "output": "tanh", "activation_G": "relu", "activation_D": "leaky", "slope": 0.2,
        "norm_G": "batch", "norm_D": "batch", "norm_G_out": False, "norm_D_in": False,
        "norm_project": "unit", "norm_affine": True, "norm_eps": 1e-8,
        "loss": "non-saturating", "k": 1, "m": 128, "optimizer": "adam", "lr": 2e-4, "lr_D": None,
        "beta1": 0.5, "beta2": 0.999, "l2": 1e-5, "lr_decay": 1.0, "fade_to": 0, "ema": 0.0,
        "steps": round(25 * 350_000 / 128 / 2),  # G and D in turn: two of their minibatches are one of our steps
    },
    "tutorial": {
        "network": "dcgan", "kernel": 4, "up": "transposed", "width": 64, "width_D": None, "dense": 0,
        "z_dim": 100, "z": "normal", "output": "tanh", "activation_G": "relu", "activation_D": "leaky", "slope": 0.2,
        "norm_G": "batch", "norm_D": "batch", "norm_G_out": False, "norm_D_in": False,
        "norm_project": "channel", "norm_affine": True, "norm_eps": 1e-5,
        "loss": "non-saturating", "k": 1, "m": 128, "optimizer": "adam", "lr": 2e-4, "lr_D": None,
        "beta1": 0.5, "beta2": 0.999, "l2": 0.0, "lr_decay": 1.0, "fade_to": 0, "ema": 0.0,
        "steps": 5 * math.ceil(202_599 / 128),
    },
    "svhn": {
        "data": "svhn", "size": (32, 32), "network": "dcgan", "kernel": 5, "up": "transposed",
        "width": 128, "width_D": 64, "dense": 0, "z_dim": 100, "z": "uniform", "output": "tanh",
        "activation_G": "leaky", "activation_D": "leaky", "slope": 0.2, "norm_project": "channel", "norm_eps": 1e-3,
        "loss": "non-saturating", "k": 1, "m": 128, "optimizer": "adam", "lr": 2e-4, "beta1": 0.5, "l2": 0.0,
        "ema": 0.0, "steps": round(25 * 73_257 / 128),
    },
    "mnist": {
        "data": "mnist:train[:50000]", "size": (28, 28), "channels": 1, "network": "dcgan",
        "conditional": True, "kernel": 5, "width": 64, "dense": 1024, "z_dim": 100, "z": "uniform",
        "output": "sigmoid", "activation_G": "relu",
        "activation_D": "leaky", "slope": 0.2, "norm_project": "unit", "norm_affine": False, "norm_eps": 1e-8,
        "loss": "non-saturating", "k": 1, "m": 128, "optimizer": "adam", "lr": 2e-4, "beta1": 0.5, "l2": 2.5e-5,
        "fade_from": round(100 * 50_000 / 128 / 2), "fade_to": int(200 * 50_000 / 128 / 2),
        "steps": int(200 * 50_000 / 128 / 2),
    },
    "vae": {  # the default's own, but for what makes it another model
        "network": "vae", "kernel": 4, "up": "transposed", "width": 32, "width_D": None, "dense": 0, "z_dim": 100,
        "z": "normal", "output": "tanh", "activation_G": "relu", "activation_D": "leaky", "m": 32, "optimizer": "adam",
        "lr": 1e-3, "lr_D": None, "ema": 0.998, "steps": None,
    },
    "goodfellow": {
        "data": "mnist:train[:50000]", "size": (28, 28), "channels": 1, "network": "mlp", "width": 1200, "width_D": 240,
        "z_dim": 100, "z": "normal", "output": "sigmoid", "activation_G": "relu", "loss": "non-saturating", "k": 1,
        "m": 100, "optimizer": "sgd", "lr": 0.1, "lr_D": 0.05, "lr_decay": 1.000004, "momentum": 0.5,
        "momentum_to": 0.7, "momentum_steps": 250 * 500, "l2": 0.0, "ema": 0.0, "steps": 250 * 500,
    },
}  # fmt: skip


@pytest.mark.parametrize("preset", FACTS)
def test_a_preset_holds_its_sources_facts(preset):
    config = Config.build(preset)
    assert config.preset == preset
    assert {name: getattr(config, name) for name in FACTS[preset]} == FACTS[preset]
    assert set(PRESETS[preset]) <= set(FACTS[preset]), "a setting of the preset without a fact"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_says_only_what_differs(preset):
    assert set(PRESETS) == {"default", *FACTS}
    spoken = {
        "kernel",
        "width",
        "z",
        "loss",
        "momentum",
    }  # set by a preset for the reader, though the default is the same
    for name, value in PRESETS[preset].items():
        assert name in spoken or value != FIELDS[name].default, name


def test_settings_win_over_the_preset():
    config = Config.build("mnist", width=32, size="56", steps=None, minutes=3)
    assert (config.width, config.size, config.steps, config.minutes, config.dense) == (32, (56, 56), None, 3.0, 1024)
    assert (Config.build(lr=2e-4).lr_D, Config.build(lr=2e-4, lr_D=1e-4).lr_D, Config.build().lr_D) == (
        None,
        1e-4,
        3e-4,
    )
    assert Config.build("mnist", minutes=3).steps is None  # asked for a time: the preset's length gives way
    assert Config.build("mnist", minutes=None).steps == 39_062


@pytest.mark.parametrize(
    ("preset", "sentence"),
    [
        ("tutorail", "--preset tutorail: there is no such preset; did you mean 'tutorial'?"),
        ("x", "--preset x: there is no such preset; there are: default, paper, tutorial, svhn, mnist, vae, goodfellow"),
    ],
)
def test_an_unknown_preset(preset, sentence):
    assert refused(Config.build, preset) == sentence


def test_an_unknown_setting():
    assert refused(Config.build, sed=1) == "setting 'sed': there is no such setting; did you mean 'seed'?"


# Each field: choices, bounds, types


def refusals():
    """(name, value, what is said) for every rule that Config's fields state."""
    for name, field in FIELDS.items():
        rules, words = field.metadata, flag(name)
        if rules["among"]:
            known = [str(one) for one in rules["among"]]
            wrong = 2 if isinstance(rules["among"][0], int) else "@"
            yield name, wrong, f"{words} {wrong}: there is no such choice; there are: {', '.join(known)}"
            near = known[0][:-1] + "x" if len(known[0]) > 4 else None
            if near:
                yield name, near, f"{words} {near}: there is no such choice; did you mean {known[0]!r}?"
        numeric = rules["low"] is not None
        assert numeric or rules["high"] is None, f"{name}: a bound above and none below"
        if numeric:
            low, high = rules["low"], rules["high"]
            bounds = f"from {low} to {high}" if high is not None else f"of {low} or more"
            typed = float if "float" in str(field.type) else int
            for wrong in {typed(low - 1), *([typed(high + 1)] if high is not None else ())}:
                yield name, wrong, f"{words} {wrong}: it must be a number {bounds}"
            if typed is float:
                for wrong in (math.nan, math.inf, -math.inf):
                    yield name, wrong, f"{words} {wrong}: it must be a number {bounds}"
            else:
                yield name, 3.5, f"{words} 3.5: it must be a whole number"
            yield name, "12", f"{words} 12: it must be {'a number' if typed is float else 'a whole number'}"
            yield name, True, f"{words} True: it must be {'a number' if typed is float else 'a whole number'}"
        elif field.type is bool:
            yield name, 1, f"{words} 1: it must be true or false"
            yield name, "yes", f"{words} yes: it must be true or false"
        elif field.type is str:
            yield name, 7, f"{words} 7: it must be a word"
            yield name, None, f"{words} None: it must be a word"
            yield name, ["a"], f"{words} ['a']: it must be a word"


REFUSALS = list(refusals())


def test_every_number_and_choice_has_a_rule():
    for name, field in FIELDS.items():
        if name in ("preset", "data", "fingerprint", "size", "background"):
            continue
        assert field.type is bool or field.metadata["among"] or field.metadata["low"] is not None, name
        assert field.metadata["about"], name
    assert len(REFUSALS) > 150


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSALS)
def test_a_setting_out_of_its_rule_is_named(name, value, sentence):
    assert refused(Config.build, **{name: value}) == sentence
    if isinstance(value, bool):
        return  # JSON's own check comes before the value's
    held = json.dumps({name: value})
    assert refused(Config.from_json, held, "runs/x/config.json") == f"runs/x/config.json: {sentence}"


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if field.metadata["low"] is not None])
def test_bounds_themselves_are_allowed(name):
    rules = FIELDS[name].metadata
    beside = {"fade_to": {"fade_from": 0}, "fade_from": {"fade_to": 10}}.get(name, {})
    for value in (rules["low"], rules["high"]):
        if value is not None:
            assert getattr(Config.build(**{name: value, **beside}), name) == value


@pytest.mark.parametrize("name", ["m", "steps", "lr", "norm_eps", "seed"])
def test_numbers_too_large_for_a_float_are_refused_too(name):
    value = 10**400
    if name == "steps":
        assert Config.build(steps=value).steps == value  # whole and without a bound above
    else:
        assert refused(Config.build, **{name: value}).startswith(f"{flag(name)} {value}: it must be a number")


def test_numpy_s_numbers_are_numbers():
    config = Config.build(m=np.int64(32), lr=np.float32(0.5), ema=np.int32(0), size=(np.int64(32), 64))
    assert (config.m, config.lr, config.ema, config.size) == (32, 0.5, 0.0, (32, 64))
    assert [type(value) for value in (config.m, config.lr, config.ema, config.size[0])] == [int, float, float, int]
    assert Config.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"steps": 5, "minutes": 1}, "--minutes: --steps is given too, and one of them says how long; keep one"),
        ({"minutes": 0}, "--minutes 0.0: it must be a number of 0.01 or more"),
        ({"fade_from": 9, "fade_to": 9}, "--fade-to 9: it must come after --fade-from 9"),
        ({"fade_from": 9}, "--fade-from 9: --fade-to is missing, the step at which the rate is zero"),
        (
            {"network": "mlp", "conditional": True},
            "--conditional: the 2014 networks take no class; use --network dcgan",
        ),
    ],
)
def test_settings_that_contradict_each_other(settings, sentence):
    assert refused(Config.build, **settings) == sentence


def test_one_s_own_parts_are_recorded_by_name():
    config = Config.build(loss="own:hinge", optimizer="own:Lion", network="own:G")
    assert Config.from_json(config.to_json()) == config
    assert refused(Config.build, up="own:mine").startswith("--up own:mine: there is no such choice")


# Sizes


def grows(height: int, width: int) -> bool:
    """Whether doubling a map with 4 to 7 on its shorter side can give this size, by trying."""
    while min(height, width) > 7 and height % 2 == width % 2 == 0:
        height, width = height // 2, width // 2
    return 4 <= min(height, width) <= 7


@given(st.integers(8, 512), st.integers(8, 512))
def test_exactly_the_sizes_that_doubling_reaches_are_allowed(height, width):
    if grows(height, width):
        assert Config(size=(height, width)).size == (height, width)
        base = min(height, width) >> doublings((height, width))
        assert 4 <= base <= 7
    else:
        sentence = refused(Config, size=(height, width))
        below, above = (parse_size(words) for words in sentence.split("the nearest are ")[1].split(" and "))
        for near in (below, above):
            check_size(near)
            assert grows(*near)
        assert below[0] <= height <= above[0]
        assert below[1] <= width <= above[1]
        if height == width:
            assert below[0] == max(side for side in range(8, height) if grows(side, side))
            assert above[0] == min(side for side in range(height, 513) if grows(side, side))


def test_square_sizes_are_the_ones_listed():
    allowed = [side for side in range(8, 513) if grows(side, side)]
    assert allowed[:17] == [8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128]
    assert allowed[17:] == [160, 192, 224, 256, 320, 384, 448, 512]
    for side in range(8, 513):
        if side not in allowed:
            refused(Config, size=(side, side))


@pytest.mark.parametrize("size", [(64, 64), (28, 28), (48, 48), (96, 64), (160, 96), (64, 512), (8, 510)])
def test_sizes_promised(size):
    assert Config(size=size).size == size


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (
            "50",
            "--size 50: the generator doubles a small map, so a side must be 4 to 7 times a power of two; "
            "the nearest are 48 and 56",
        ),
        (
            "48x100",
            "--size 48x100: beside a side of 48, made by doubling 3 times, the other must be a multiple of 8; "
            "the nearest are 48x96 and 48x104",
        ),
        (
            "63x66",
            "--size 63x66: the generator doubles a small map, so a side must be 4 to 7 times a power of two; "
            "the nearest are 56x64 and 64x80",
        ),
        ("0", "--size 0: sides go from 8 to 512 pixels; choose 32 or 64 to begin with"),
        ("-5", "--size -5: sides go from 8 to 512 pixels; choose 32 or 64 to begin with"),
        ("7x64", "--size 7x64: sides go from 8 to 512 pixels; choose 32 or 64 to begin with"),
        ("1024", "--size 1024: sides go from 8 to 512 pixels; choose 32 or 64 to begin with"),
    ],
)
def test_size_sentences(size, sentence):
    assert refused(Config.build, size=size) == sentence


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("64", (64, 64)),
        (64, (64, 64)),
        ("96x64", (96, 64)),
        ("96X64", (96, 64)),
        ([96, 64], (96, 64)),
        ([64], (64, 64)),
    ],
)
def test_parse_size(words, size):
    assert parse_size(words) == size


@pytest.mark.parametrize(
    "words", ["", "x", "64x", "64x64x64", "big", "64.5", 64.5, [1, 2, 3], [64, 64.5], [[1], [2]], [None], {}, True]
)
def test_parse_size_refuses(words):
    expected = f"--size {words}: a size is a whole number of pixels, or HEIGHTxWIDTH; write 64 or 96x64"
    assert refused(parse_size, words) == expected


def test_the_2014_networks_take_any_size():
    assert Config(network="mlp", size=(50, 51)).size == (50, 51)
    refused(Config, network="mlp", size=(513, 8))


# JSON, TOML, resume


@pytest.mark.parametrize("preset", PRESETS)
def test_json_gives_back_the_same_config(preset):
    config = Config.build(preset, size=(96, 64), seed=2**53 - 1, lr=1 / 3)
    assert Config.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value: line 1 column 1 (char 0)"),
        ("[]", "not an object"),
        ('"x"', "not an object"),
        ("[" * 100_000, "maximum recursion depth exceeded"),
        ('{"m": 64', "Expecting ',' delimiter: line 1 column 9 (char 8)"),
    ],
)
def test_json_that_is_no_config(text, why):
    sentence = refused(Config.from_json, text, "runs/x/config.json")
    assert sentence.startswith(f"runs/x/config.json: it does not hold a run's config ({why}")


def test_json_of_another_version():
    assert refused(Config.from_json, '{"widht": 64}', "c.json") == (
        "c.json: it holds 'widht', which this version does not know; it was made by another version of dcgan"
    )


def test_a_table_s_names_are_flags_or_fields():
    held = {"save-every": 5, "width_d": 8, "norm-G": "none", "preset": "svhn", "data": "faces"}
    expected = {"save_every": 5, "width_D": 8, "norm_G": "none", "preset": "svhn", "data": "faces"}
    assert from_mapping(held, "a.toml") == expected
    assert refused(from_mapping, {"save-evry": 5}, "a.toml") == (
        "a.toml: there is no setting 'save-evry'; did you mean 'save-every'?"
    )
    assert "there is no setting 'fingerprint'" in refused(from_mapping, {"fingerprint": "x"}, "a.toml")


def test_changed_names_what_may_not_change_and_only_that():
    run = Config.build("tutorial", k=1)
    asked = run.replace(k=5, lr=1e-3, steps=9, save_every=7, device="cpu", data="elsewhere")
    assert run.changed(asked) == {"k": (1, 5), "lr": (2e-4, 1e-3)}
    assert run.changed(run.replace(minutes=None)) == {}
    free = {name for name, field in FIELDS.items() if field.metadata["may_change"]}
    assert free == {
        "data", "steps", "minutes", "report_every", "sample_every", "save_every", "evaluate_every", "recover",
        "timelapse", "device", "precision", "threads",
    }  # fmt: skip


def test_a_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().m = 5
