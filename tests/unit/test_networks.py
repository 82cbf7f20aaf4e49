"""Layers as they are printed in the papers and lectures; the networks' switches; statistics for use."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dcgan import mlp, networks
from dcgan.algorithm import NETWORKS
from dcgan.config import PRESETS, Config
from dcgan.networks import BatchNorm, Discriminator, Doubling, Generator, measure, pooled

SMALL = {"size": (16, 16), "channels": 3, "width": 4, "z_dim": 10}


def config(**settings):
    return Config.build(**(SMALL | settings))


def norm(maps, eps=1e-5, affine=True):
    made = BatchNorm(maps, eps, affine)
    if affine:
        nn.init.normal_(made.weight, 1, 0.5)
        nn.init.normal_(made.bias, 0, 0.5)
    return made.double()


def printed(x, mean, variance, layer):
    """y = gain (x - mean) / sqrt(variance + eps) + bias, in Ioffe & Szegedy's order."""
    shape = (1, -1, *[1] * (x.dim() - 2))
    y = (x - mean.view(shape)) / (variance.view(shape) + layer.eps).sqrt()
    return y if layer.weight is None else layer.weight.view(shape) * y + layer.bias.view(shape)


def statistics(x):
    """Mean and variance (of N, not N - 1) of each map over batch and place, by hand."""
    flat = x.transpose(0, 1).flatten(1)
    mean = flat.sum(1) / flat.shape[1]
    return mean, ((flat - mean[:, None]) ** 2).sum(1) / flat.shape[1]


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (6, 80)], ids=["over maps", "over units"])
@pytest.mark.parametrize(("eps", "affine"), [(1e-5, True), (1e-8, False), (0.5, True)])
def test_batch_norm_is_the_printed_formula(shape, eps, affine):
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(shape, dtype=torch.float64)
    layer = norm(shape[1], eps, affine)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    mean, variance = statistics(x)
    assert torch.allclose(layer(x), printed(x, mean, variance, layer), atol=1e-12)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name])  # training leaves nothing behind
    layer.eval()
    assert torch.allclose(layer(x), printed(x, torch.zeros_like(mean), torch.ones_like(mean), layer), atol=1e-12)
    layer.mean.copy_(torch.randn(shape[1]))
    layer.var.copy_(torch.rand(shape[1]) + 0.1)
    assert torch.allclose(layer(x), printed(x, layer.mean, layer.var, layer), atol=1e-12)
    assert torch.allclose(layer(x)[:1], layer(x[:1]), atol=1e-12)  # in use a picture has no neighbours


def test_batch_norm_per_unit_is_not_per_map():
    """The authors normalise each of the 16 places of a map apart."""
    torch.manual_seed(0)
    z = torch.randn(8, 10)
    of_unit = Generator(config(norm_project="unit"))
    of_map = Generator(config(norm_project="channel"))
    assert len(of_unit.project.norm.mean) == 16 * len(of_map.project.norm.mean)
    grown = of_unit.project.linear(z)
    expected = printed(grown, *statistics(grown), of_unit.project.norm).relu().view(8, -1, 4, 4)
    assert torch.allclose(of_unit.maps(z)[0], expected, atol=1e-5)
    grown = of_map.project.linear(z).view(8, -1, 4, 4)
    expected = printed(grown, *statistics(grown), of_map.project.norm).relu()
    assert torch.allclose(of_map.maps(z)[0], expected, atol=1e-5)


@pytest.mark.parametrize("slope", [0.2, 0.0, 0.01])
def test_leaky_relu_is_the_printed_formula(slope):
    D = Discriminator(config(slope=slope))
    x = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0])
    expected = torch.tensor([value if value > 0 else slope * value for value in x.tolist()])
    for layer in D.hidden:
        assert torch.equal(layer.activation(x), expected)


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_a_stride_1_convolution_padded_by_half_its_kernel_keeps_the_size(kernel):
    """(W - F + 2P)/S + 1 with P = (F - 1)/2 and S = 1 is W: 7x7 stays 7x7."""
    assert nn.Conv2d(1, 1, kernel, 1, (kernel - 1) // 2)(torch.zeros(1, 1, 7, 7)).shape[2:] == (7, 7)


@pytest.mark.parametrize("up", ["transposed", "nearest"])
@pytest.mark.parametrize("kernel", [4, 5])
@pytest.mark.parametrize("height", [4, 5, 7, 16])
def test_growing_exactly_doubles_and_shrinking_exactly_halves(up, kernel, height):
    x = torch.randn(2, 3, height, 6)
    grown = Doubling(3, 2, kernel, up, bias=False)(x)
    assert grown.shape == (2, 2, 2 * height, 12)
    D = Discriminator(config(kernel=kernel))
    assert D.hidden[0].linear(torch.zeros(1, 3, 2 * height, 12)).shape[2:] == (height, 6)


@pytest.mark.parametrize(("kernel", "padding", "more"), [(4, 1, 0), (5, 2, 1)])
def test_a_fractionally_strided_convolution_is_a_convolution_s_gradient(kernel, padding, more):
    """Dumoulin & Visin's reading: the transposed convolution sends back what the strided one took."""
    grow = Doubling(3, 2, kernel, "transposed", bias=False)
    x = torch.randn(2, 3, 7, 5)
    back = nn.grad.conv2d_input((2, 2, 14, 10), grow.conv.weight, x, stride=2, padding=padding)
    assert torch.allclose(grow(x), back, atol=1e-5)
    assert (grow.conv.padding, grow.conv.output_padding) == ((padding, padding), (more, more))


@pytest.mark.parametrize(("kernel", "side"), [(4, 3), (5, 5)])
def test_the_other_way_to_grow_is_nearest_neighbours_and_a_convolution(kernel, side):
    grow = Doubling(3, 2, kernel, "nearest", bias=True)
    x = torch.randn(2, 3, 7, 5)
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert grow.conv.weight.shape == (2, 3, side, side)
    assert torch.allclose(grow(x), F.conv2d(large, grow.conv.weight, grow.conv.bias, padding=side // 2), atol=1e-5)


# The networks


def test_weights_begin_as_the_paper_says():
    torch.manual_seed(0)
    c = Config.build("paper", size=(64, 64), channels=3, width=32)
    for network in (Generator(c), Discriminator(c)):
        weights = torch.cat([p.detach().flatten() for name, p in network.named_parameters() if p.dim() > 1])
        gains = torch.cat([p.detach() for name, p in network.named_parameters() if name.endswith("norm.weight")])
        for held, mean in ((weights, 0), (gains, 1)):
            error = 0.02 / len(held) ** 0.5
            assert abs(held.mean() - mean) < 5 * error
            assert abs(held.std() - 0.02) < 5 * error / 2**0.5
        for name, p in network.named_parameters():
            assert p.dim() > 1 or name.endswith("norm.weight") or not p.any()


def layers_of(network):
    return [*([network.project] if isinstance(network, Generator) else []), *network.hidden]


def test_batch_norm_stands_where_the_paper_puts_it():
    G, D = Generator(config()), Discriminator(config())
    assert all(layer.norm is not None for layer in layers_of(G))
    assert G.out.norm is None
    assert [layer.norm is not None for layer in D.hidden] == [False, True]
    for network in (G, D):
        assert not [name for name, _ in network.named_parameters() if name.endswith(("linear.bias", "conv.bias"))]


def test_batch_norm_s_switches():
    assert all(layer.norm is None for layer in layers_of(Generator(config(norm_G="none"))))
    assert all(layer.norm is None for layer in Discriminator(config(norm_D="none")).hidden)
    assert Generator(config(norm_G_out=True)).out.norm is not None
    assert Discriminator(config(norm_D_in=True)).hidden[0].norm is not None
    assert not any(isinstance(p, nn.Parameter) and name.endswith(("norm.weight", "norm.bias"))
                   for name, p in Generator(config(norm_affine=False)).named_parameters())  # fmt: skip
    for network in (Generator(config(norm_G="none")), Discriminator(config(norm_D="none"))):
        linear = [m for m in network.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d))]
        assert all(m.bias is not None for m in linear)  # where norm is taken out, a bias stands in
    assert Generator(config(norm_eps=0.25)).project.norm.eps == 0.25


def test_rectifiers_and_outputs_are_settings():
    for kind, made in (("relu", nn.ReLU), ("leaky", nn.LeakyReLU)):
        assert {type(m.activation) for m in layers_of(Generator(config(activation_G=kind)))} == {made}
        assert {type(m.activation) for m in Discriminator(config(activation_D=kind)).hidden} == {made}
    z = torch.randn(64, 10) * 100
    for output, low in (("tanh", -1), ("sigmoid", 0)):
        G = Generator(config(output=output, norm_G="none"))
        nn.init.normal_(G.out.linear.conv.weight, 0, 9)
        x = G(z)
        assert low <= x.min() < low + 0.01
        assert 0.99 < x.max() <= 1


def test_maps_are_the_paper_s_figure_1():
    c = Config.build("paper", size=(64, 64), channels=3)
    G, D = Generator(c), Discriminator(c)
    with torch.no_grad():
        maps = G.maps(torch.randn(2, 100))
        shapes = [tuple(m.shape[1:]) for m in maps]
        assert shapes == [(1024, 4, 4), (512, 8, 8), (256, 16, 16), (128, 32, 32), (3, 64, 64)]
        assert all(m.min() >= 0 for m in maps[:-1])  # after the rectifier
        below = [tuple(m.shape[1:]) for m in D.maps(maps[-1])]
    assert below == [(128, 32, 32), (256, 16, 16), (512, 8, 8), (1024, 4, 4)]


def test_maps_stop_growing_at_eight_times_the_width():
    c = config(size=(256, 256), width=2)
    assert [m.shape[1] for m in Generator(c).maps(torch.randn(2, 10))] == [16, 16, 16, 8, 4, 2, 3]
    assert [m.shape[1] for m in Discriminator(c).maps(torch.zeros(2, 3, 256, 256))] == [2, 4, 8, 16, 16, 16]
    assert [m.shape[1] for m in Discriminator(config(width_D=5)).maps(torch.zeros(2, 3, 16, 16))] == [5, 10]


def test_features_of_one_place_count_once():
    maps = [torch.rand(3, 5, 1, 1), torch.rand(3, 2, 8, 8)]
    assert pooled(maps).shape == (3, 5 + 2 * 16)
    assert torch.equal(pooled(maps)[:, :5], maps[0].flatten(1))


def test_features_are_max_pooled_to_4x4():
    """64-128-256 maps at 32 px give 7,168 numbers, as a third of the paper's six-layer net does (PAPER.md)."""
    D = Discriminator(Config.build("svhn", channels=3))
    maps = D.maps(torch.randn(2, 3, 32, 32))
    features = pooled(maps)
    assert features.shape == (2, 7168)
    first = maps[0].unfold(2, 4, 4).unfold(3, 4, 4).amax((4, 5))  # 16x16 in windows of 4x4
    assert torch.equal(features[:, : 64 * 16], first.flatten(1))
    assert torch.equal(features[:, -256 * 16 :], maps[-1].flatten(1))


def test_a_label_joins_every_layer_s_input():
    torch.manual_seed(0)
    c = config(conditional=True, classes=3, dense=12)
    G, D = Generator(c), Discriminator(c)
    plain_G, plain_D = Generator(config(dense=12)), Discriminator(config(dense=12))
    for network, plain in ((G, plain_G), (D, plain_D)):
        for ours, theirs in zip(network.parameters(), plain.parameters(), strict=True):
            if ours.dim() > 1:
                more = [a - b for a, b in zip(ours.shape, theirs.shape, strict=True)]
                assert sorted(more) == [*[0] * (ours.dim() - 1), 3]
    hot = G.join(torch.zeros(2, 5, 4, 4), torch.tensor([2, 0]))[:, 5:]
    assert torch.equal(hot, torch.eye(3)[[2, 0]][:, :, None, None].expand(2, 3, 4, 4))
    with pytest.raises(AssertionError, match="needs labels"):
        G(torch.randn(2, 10))


@pytest.mark.parametrize("kind", ["dcgan", "mlp"])
def test_bf16_stays_inside(kind):
    c = config(network=kind)
    G, D = (made(c) for made in NETWORKS[kind])
    z = torch.randn(4, 10)
    exact = G(z)
    G.precision = D.precision = "bf16"
    x = G(z)
    assert x.dtype == torch.float32
    assert D(x).dtype == torch.float32
    assert G.maps(z)[0].dtype == torch.bfloat16
    assert 1e-6 < (x - exact).abs().max() < 0.05  # 8 bits of mantissa
    D(x).sum().backward()
    assert {p.grad.dtype for p in D.parameters()} == {torch.float32}


# Statistics for use


def test_measure_of_one_batch_is_that_batch_s_statistics():
    torch.manual_seed(0)
    G, z = Generator(config()).double(), torch.randn(32, 10, dtype=torch.float64)
    in_training = G(z)
    measure(G, [(z,)])
    grown = G.project.linear(z).view(32, -1, 4, 4)
    mean, variance = statistics(grown)
    assert torch.allclose(G.project.norm.mean, mean, atol=1e-12)
    assert torch.allclose(G.project.norm.var, variance, atol=1e-12)
    assert torch.allclose(G.eval()(z), in_training, atol=1e-10)  # so the batch is drawn as training drew it


def test_measure_of_many_batches_pools_them():
    """Each batch goes on as its own statistics make it; mean and variance are those of all that was seen."""
    torch.manual_seed(0)
    D, batches = Discriminator(config(norm_D_in=True)).double(), torch.randn(5, 8, 3, 16, 16, dtype=torch.float64)
    batches += torch.arange(5).view(5, 1, 1, 1, 1)  # with means of their own
    measure(D, ((batch,) for batch in batches))
    seen = []
    for batch in batches:
        x, reached = batch, []
        for layer in D.hidden:
            x = layer.linear(x)
            reached.append(x)
            x = layer.activation(printed(x, *statistics(x), layer.norm))
        seen.append(reached)
    for layer, reached in zip(D.hidden, zip(*seen, strict=True), strict=True):
        mean, variance = statistics(torch.cat(reached))
        assert torch.allclose(layer.norm.mean, mean, atol=1e-12)
        assert torch.allclose(layer.norm.var, variance, atol=1e-12)


def test_measure_changes_nothing_but_the_statistics():
    torch.manual_seed(0)
    G = Generator(config())
    before = {name: value.clone() for name, value in G.state_dict().items()}
    x = G(torch.ones(2, 10).cumsum(0))
    measure(G, [(torch.randn(8, 10),)])
    for name, value in G.state_dict().items():
        assert torch.equal(value, before[name]) != name.endswith(("norm.mean", "norm.var")), name
    assert G.training
    assert all(p.grad is None for p in G.parameters())
    assert torch.equal(G(torch.ones(2, 10).cumsum(0)), x)  # training never reads them
    measure(mlp.Generator(config(network="mlp")), [(torch.randn(8, 10),)])  # nothing to measure


# The 2014 networks


def test_maxout_takes_the_largest_of_five():
    layer = mlp.Maxout(6, 4)
    x = torch.randn(3, 6)
    pieces = [x @ layer.linear.weight[i::5].T + layer.linear.bias[i::5] for i in range(5)]
    assert torch.allclose(layer(x), torch.stack(pieces).amax(0), atol=1e-6)


def test_the_2014_networks_begin_uniform_and_drop_out_only_in_training():
    torch.manual_seed(0)
    c = Config.build("goodfellow")
    G, D = mlp.Generator(c), mlp.Discriminator(c)
    for network, reach in ((G, 0.05), (D, 0.005)):
        weights = torch.cat([p.detach().flatten() for p in network.parameters() if p.dim() > 1])
        assert reach * 0.999 < weights.abs().max() <= reach
        assert abs(weights.std() - reach / 3**0.5) < reach * 0.01
        assert not any(p.any() for p in network.parameters() if p.dim() == 1)
    x = G(torch.randn(5, 100))
    assert x.shape == (5, 1, 28, 28)
    assert 0 < x.min() < x.max() < 1
    assert not torch.equal(D(x), D(x))
    D.eval()
    assert torch.equal(D(x), D(x))
    assert [tuple(m.shape) for m in D.maps(x)] == [(5, 240, 1, 1)] * 2
    assert [tuple(m.shape) for m in G.maps(torch.randn(5, 100))] == [(5, 1200), (5, 1200), (5, 1, 28, 28)]


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_builds_and_runs(preset):
    c = Config.build(preset, width=8, width_D=4, **({} if PRESETS[preset].get("size") else {"size": (32, 32)}))
    c = c.replace(channels=c.channels or 3, classes=10 if c.conditional else 0)
    G, D = (made(c) for made in NETWORKS[c.network])
    y = torch.arange(4) if c.conditional else None
    x = G(torch.randn(4, c.z_dim), y)
    assert x.shape == (4, c.channels, *c.size)
    assert D(x, y).shape == ((4, 2 * c.z_dim) if c.network == "vae" else (4,))
    assert networks.parameters(G) == sum(p.numel() for p in G.parameters()) > 0
    for a, b in itertools.pairwise(G.maps(torch.randn(4, c.z_dim), y)):
        assert a.dim() == 2 or b.shape[2:] == (2 * a.shape[2], 2 * a.shape[3])
