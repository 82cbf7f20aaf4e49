"""The stages read off the networks: against what the networks make, and against the papers' own figures."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan import algorithm, layers, networks
from dcgan.config import Config, doublings
from dcgan.errors import UserError
from dcgan.layers import Stage


def config(preset="default", **changes):
    return Config.build(preset, **{"size": (64, 64), "channels": 3, **changes})


def ops(stages: list[Stage]) -> list[tuple]:
    return [(s.op, s.shape, s.norm, s.activation) for s in stages]


def test_the_paper_s_generator_is_figure_1():
    G, D = layers.read(config("paper"))
    assert ops(G) == [
        ("input", (100,), "", ""),
        ("dense", (1024, 4, 4), "unit", "ReLU"),
        ("transposed", (512, 8, 8), "map", "ReLU"),
        ("transposed", (256, 16, 16), "map", "ReLU"),
        ("transposed", (128, 32, 32), "map", "ReLU"),
        ("transposed", (3, 64, 64), "", "tanh"),
    ]
    assert ops(D) == [
        ("input", (3, 64, 64), "", ""),
        ("convolution", (128, 32, 32), "", "LeakyReLU 0.2"),
        ("convolution", (256, 16, 16), "map", "LeakyReLU 0.2"),
        ("convolution", (512, 8, 8), "map", "LeakyReLU 0.2"),
        ("convolution", (1024, 4, 4), "map", "LeakyReLU 0.2"),
        ("dense", (1,), "", ""),
    ]
    assert {(s.kernel, s.stride) for s in (*G[2:], *D[1:-1])} == {(5, 2)}
    assert [s.flattened for s in D] == [False] * 5 + [True]


def test_classes_join_every_layer_of_the_conditional_mnist():
    G, D = layers.read(Config.build("mnist", classes=10))
    assert [(s.shape, s.labels) for s in G] == [
        ((100,), 0),
        ((1024,), 10),
        ((128, 7, 7), 10),
        ((64, 14, 14), 10),
        ((1, 28, 28), 10),
    ]
    assert [(s.shape, s.labels) for s in D] == [
        ((1, 28, 28), 0),
        ((64, 14, 14), 10),
        ((128, 7, 7), 10),
        ((1024,), 10),
        ((1,), 10),
    ]
    assert not any(s.affine for s in (*G, *D))
    assert [s.norm for s in (*G, *D)] == ["", "unit", "unit", "map", "", "", "", "map", "unit", ""]


def test_the_networks_of_2014():
    G, D = layers.read(Config.build("goodfellow"))
    assert ops(G) == [
        ("input", (100,), "", ""),
        ("dense", (1200,), "", "ReLU"),
        ("dense", (1200,), "", "ReLU"),
        ("dense", (1, 28, 28), "", "sigmoid"),
    ]
    assert ops(D) == [
        ("input", (1, 28, 28), "", ""),
        ("dense", (240,), "", "maxout"),
        ("dense", (240,), "", "maxout"),
        ("dense", (1,), "", ""),
    ]
    assert [s.pieces for s in D] == [1, 5, 5, 1]
    assert [s.dropout for s in D] == pytest.approx([0, 0.2, 0.5, 0.5])


@pytest.mark.parametrize(
    ("switch", "network", "stage", "norm"),
    [
        ({}, 0, 1, "map"),
        ({}, 0, -1, ""),
        ({}, 1, 1, ""),
        ({"norm_G": "none"}, 0, 1, ""),
        ({"norm_D": "none"}, 1, 2, ""),
        ({"norm_G_out": True}, 0, -1, "map"),
        ({"norm_D_in": True}, 1, 1, "map"),
    ],
)
def test_batch_norm_is_where_it_is(switch, network, stage, norm):
    assert layers.read(config(**switch))[network][stage].norm == norm


def test_nearest_resizes_before_it_convolves():
    (_, _, *grown, out), _ = layers.read(config(up="nearest", kernel=4))
    assert {(s.op, s.kernel, s.stride) for s in (*grown, out)} == {("nearest", 3, 2)}


def test_the_widest_networks_take_no_memory():
    G, _ = layers.read(config(width=4096, kernel=5))
    assert sum(s.parameters for s in G) > 10**10  # 40 GB of float32, had they been made


def test_networks_of_one_s_own_are_named_and_refused():
    with pytest.raises(UserError, match="--network own:Mine: only the networks that come with dcgan"):
        layers.read(config(network="own:Mine"))


sizes = st.tuples(st.integers(8, 48), st.integers(8, 48)).filter(
    lambda size: all(side % 2 ** doublings(size) == 0 for side in size)
)


@given(
    size=sizes,
    channels=st.sampled_from([1, 3, 4]),
    width=st.integers(1, 9),
    width_D=st.none() | st.integers(1, 9),
    kernel=st.sampled_from([4, 5]),
    up=st.sampled_from(["transposed", "nearest"]),
    z_dim=st.integers(1, 9),
    classes=st.integers(0, 5),
    dense=st.sampled_from([0, 1, 7]),
    norm_project=st.sampled_from(["channel", "unit"]),
)
@settings(max_examples=40, deadline=None)
def test_stages_are_what_the_networks_make(size, classes, **choices):
    """Shapes of all hidden maps and all parameters, against a real forward pass at any choice."""
    import torch

    made = Config.build(size=size, classes=classes, conditional=classes > 0, **choices)
    G, D = layers.read(made)
    state = algorithm.fresh(made)
    y = torch.zeros(2, dtype=torch.long) if classes else None
    z = torch.zeros(2, made.z_dim)
    x = torch.zeros(2, made.channels, *size)
    state.G.eval(), state.D.eval()
    assert [s.shape for s in G if len(s.shape) == 3] == [tuple(m.shape[1:]) for m in state.G.maps(z, y)]
    assert [s.shape for s in D if len(s.shape) == 3][1:] == [tuple(m.shape[1:]) for m in state.D.maps(x, y)]
    for stages, network in ((G, state.G), (D, state.D)):
        assert sum(s.parameters for s in stages) == networks.parameters(network)
        assert {s.labels for s in stages[1:]} == {classes}
        assert len(stages) == doublings(size) + 2 + (made.dense > 0)
