"""On copied weights our networks equal the graphs they are named after, written here from their sources.

The common port as a Sequential of torch's own layers; the authors' networks from printed formulas: batch norm by its
mean and variance, their `deconv` as what it is in their code, the gradient of a convolution by its input.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dcgan import mlp
from dcgan.config import Config
from dcgan.networks import Discriminator, Generator, parameters


def config(preset, **settings):
    return Config.build(preset, **{"size": (64, 64), "channels": 3, **settings})


def agree(ours, theirs):
    """The same graph: in float64 equal to its rounding. In float32 to its own, which neither side can help: pictures
    (in [-1, 1]) to 1e-6 root mean square and 5e-6 at worst; logits, sums of up to 16,384 terms whose sizes add up to
    some 130, to 2e-5. And neither constant nor zero, which would prove nothing.
    """
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert theirs.std() > 0.01
    apart = (ours - theirs).abs()
    if ours.dtype == torch.float64:
        assert apart.max() < 1e-12
    elif ours.dim() == 4:
        assert apart.square().mean().sqrt() < 1e-6
        assert apart.max() < 5e-6
    else:
        assert apart.max() < 2e-5


# The common 64 px torch port: 4x4 kernels, G begins with a transposed convolution of a 1x1 map


def port_G(z_dim, width, channels, depth):
    layers, maps = [], [width * min(8, 2 ** (depth - 1 - i)) for i in range(depth)]
    for i, (a, b) in enumerate(zip([z_dim, *maps], [*maps, channels], strict=True)):
        layers.append(nn.ConvTranspose2d(a, b, 4, 2 if i else 1, 1 if i else 0, bias=False))
        layers += [nn.BatchNorm2d(b), nn.ReLU()] if i < depth else [nn.Tanh()]
    return nn.Sequential(*layers)


def port_D(width, channels, depth):
    layers, maps = [], [width * min(8, 2**i) for i in range(depth)]
    for i, (a, b) in enumerate(zip([channels, *maps], maps, strict=False)):
        layers += [nn.Conv2d(a, b, 4, 2, 1, bias=False), *([nn.BatchNorm2d(b)] if i else []), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(maps[-1], 1, 4, 1, 0, bias=False))


def disturb(network):
    """The sources' weights; but biases away from 0 too, which must be seen to be used."""
    for parameter in network.parameters():
        nn.init.normal_(parameter, 1.0 if parameter.dim() == 1 else 0.0, 0.1 if parameter.dim() == 1 else 0.02)


@torch.no_grad()
def from_port(G, D, port_g, port_d):
    """Copy a port's weights into our networks."""
    convs = [layer for layer in port_g if isinstance(layer, nn.ConvTranspose2d)]
    norms = [layer for layer in port_g if isinstance(layer, nn.BatchNorm2d)]
    G.project.linear.weight.copy_(convs[0].weight.flatten(1).T)
    for layer, conv in zip([*G.hidden, G.out], convs[1:], strict=True):
        layer.linear.conv.weight.copy_(conv.weight)
    for layer, norm in zip([G.project, *G.hidden], norms, strict=True):
        layer.norm.load_state_dict(norm.state_dict(), strict=False)
    convs = [layer for layer in port_d if isinstance(layer, nn.Conv2d)]
    norms = [layer for layer in port_d if isinstance(layer, nn.BatchNorm2d)]
    for layer, conv in zip(D.hidden, convs[:-1], strict=True):
        layer.linear.weight.copy_(conv.weight)
    for layer, norm in zip(D.hidden[1:], norms, strict=True):
        layer.norm.load_state_dict(norm.state_dict(), strict=False)
    D.out.weight.copy_(convs[-1].weight.flatten(1))


@pytest.mark.parametrize(("size", "width", "depth", "channels"), [(64, 64, 4, 3), (32, 64, 3, 3), (128, 8, 5, 1)])
def test_tutorial_is_the_common_port(size, width, depth, channels):
    torch.manual_seed(1)
    c = config("tutorial", size=size, width=width, channels=channels)
    G, D = Generator(c), Discriminator(c)
    port_g, port_d = port_G(100, width, channels, depth), port_D(width, channels, depth)
    disturb(port_g)
    disturb(port_d)
    from_port(G, D, port_g, port_d)
    assert parameters(G) == parameters(port_g)
    assert parameters(D) == parameters(port_d)
    z = torch.randn(6, 100)
    for kind in (torch.float32, torch.float64):
        for network in (G, D, port_g, port_d):
            network.to(kind).train()
        compare_with_port(G, D, port_g, port_d, z.to(kind))


@torch.no_grad()
def compare_with_port(G, D, port_g, port_d, z):
    picture = port_g(z[:, :, None, None])
    agree(G(z), picture)
    agree(D(picture), port_d(picture).view(-1))
    norms = [layer for layer in port_g if isinstance(layer, nn.BatchNorm2d)]
    for layer, norm in zip([G.project, *G.hidden], norms, strict=True):
        layer.norm.mean.copy_(norm.running_mean)  # an imported checkpoint keeps its own statistics
        layer.norm.var.copy_(norm.running_var)
    agree(G.eval()(z), port_g.eval()(z[:, :, None, None]))


# The authors' code, 64 px faces: dense without bias, norm per unit over all 16,384, 5x5 everywhere, eps 1e-8


def batchnorm(x, g=None, b=None):
    over = [0, 2, 3] if x.dim() == 4 else [0]
    mean = x.mean(over, keepdim=True)
    variance = ((x - mean) ** 2).mean(over, keepdim=True)
    x = (x - mean) / (variance + 1e-8).sqrt()
    return x if g is None else x * g.view(mean.shape) + b.view(mean.shape)


def deconv(x, w):
    n, _, height, width = x.shape
    return nn.grad.conv2d_input((n, w.shape[1], 2 * height, 2 * width), w, x, stride=2, padding=2)


def conv(x, w):
    return F.conv2d(x, w, stride=2, padding=2)


def lrelu(x):
    return torch.where(x >= 0, x, 0.2 * x)


def faces_G(z, w, g, b, w2, g2, b2, w3, g3, b3, w4, g4, b4, wx):
    h = torch.relu(batchnorm(z @ w, g, b)).view(len(z), -1, 4, 4)
    for weight, gain, bias in ((w2, g2, b2), (w3, g3, b3), (w4, g4, b4)):
        h = torch.relu(batchnorm(deconv(h, weight), gain, bias))
    return torch.tanh(deconv(h, wx))


def faces_D(x, w, w2, g2, b2, w3, g3, b3, w4, g4, b4, wy):
    h = lrelu(conv(x, w))
    for weight, gain, bias in ((w2, g2, b2), (w3, g3, b3), (w4, g4, b4)):
        h = lrelu(batchnorm(conv(h, weight), gain, bias))
    return (h.flatten(1) @ wy)[:, 0]


def weights(*shapes):
    return [torch.randn(shape) * 0.02 if len(shape) > 1 else 1 + 0.1 * torch.randn(shape) for shape in shapes]


@torch.no_grad()
def put(theirs, network):
    """Ours are in the order of the authors' lists; their dense weights multiply from the right."""
    for parameter, weight in zip(network.parameters(), theirs, strict=True):
        parameter.copy_(weight.T if weight.dim() == 2 else weight)


@pytest.mark.parametrize(("n", "kind"), [(128, torch.float32), (32, torch.float64)])
def test_paper_is_the_authors_network(n, kind):
    torch.manual_seed(2)
    c = config("paper", width=n)
    G, D = Generator(c), Discriminator(c)
    gw = weights((100, n * 8 * 16), (n * 8 * 16,), (n * 8 * 16,), (n * 8, n * 4, 5, 5), (n * 4,), (n * 4,),
                 (n * 4, n * 2, 5, 5), (n * 2,), (n * 2,), (n * 2, n, 5, 5), (n,), (n,), (n, 3, 5, 5))  # fmt: skip
    dw = weights((n, 3, 5, 5), (n * 2, n, 5, 5), (n * 2,), (n * 2,), (n * 4, n * 2, 5, 5), (n * 4,), (n * 4,),
                 (n * 8, n * 4, 5, 5), (n * 8,), (n * 8,), (n * 8 * 16, 1))  # fmt: skip
    put(gw, G)
    put(dw, D)
    with torch.no_grad():
        G, D, gw, dw = G.to(kind), D.to(kind), [w.to(kind) for w in gw], [w.to(kind) for w in dw]
        z = torch.rand(4, 100, dtype=kind) * 2 - 1
        picture = faces_G(z, *gw)
        agree(G(z), picture)
        agree(D(picture), faces_D(picture, *dw))


# The authors' conditional MNIST: the one-hot label joins every layer's input, no gains and no biases


def with_maps(x, y):
    return torch.cat([x, y[:, :, None, None] * torch.ones(len(x), 10, *x.shape[2:])], 1)


def mnist_G(z, y, w, w2, w3, wx):
    h = torch.relu(batchnorm(torch.cat([z, y], 1) @ w))
    h = torch.relu(batchnorm(torch.cat([h, y], 1) @ w2)).view(len(z), -1, 7, 7)
    h = torch.relu(batchnorm(deconv(with_maps(h, y), w3)))
    return torch.sigmoid(deconv(with_maps(h, y), wx))


def mnist_D(x, y, w, w2, w3, wy):
    h = lrelu(conv(with_maps(x, y), w))
    h = lrelu(batchnorm(conv(with_maps(h, y), w2))).flatten(1)
    h = lrelu(batchnorm(torch.cat([h, y], 1) @ w3))
    return (torch.cat([h, y], 1) @ wy)[:, 0]


def test_mnist_is_the_authors_conditional_network():
    torch.manual_seed(3)
    c = Config.build("mnist", classes=10)
    G, D = Generator(c), Discriminator(c)
    gw = weights((110, 1024), (1034, 128 * 7 * 7), (138, 64, 5, 5), (74, 1, 5, 5))
    dw = weights((64, 11, 5, 5), (128, 74, 5, 5), (128 * 7 * 7 + 10, 1024), (1034, 1))
    put(gw, G)
    put(dw, D)
    labels = torch.arange(12) % 10
    with torch.no_grad():
        for kind in (torch.float32, torch.float64):
            G, D, gw, dw = G.to(kind), D.to(kind), [w.to(kind) for w in gw], [w.to(kind) for w in dw]
            z, hot = torch.rand(12, 100, dtype=kind) * 2 - 1, torch.eye(10, dtype=kind)[labels]
            picture = mnist_G(z, hot, *gw)
            agree(G(z, labels), picture)
            agree(D(picture, labels), mnist_D(picture, hot, *dw))
            assert (G(z, labels) - G(z, labels.flip(0))).abs().max() > 0.01  # the class matters
            assert (D(picture, labels) - D(picture, labels.flip(0))).abs().max() > 0.01


# Counts and shapes as the sources state them


@pytest.mark.parametrize(("size", "G_has", "D_has"), [(64, 3_576_704, 2_765_568), (32, 1_068_928, 663_296)])
def test_parameter_counts(size, G_has, D_has):
    c = config("tutorial", size=size)
    assert parameters(Generator(c)) == G_has
    assert parameters(Discriminator(c)) == D_has


def shapes(network):
    return [tuple(p.shape) for p in network.parameters() if p.dim() > 1]


def test_svhn_has_the_notebook_s_layers():
    c = Config.build("svhn", channels=3)
    G, D = Generator(c), Discriminator(c)
    assert shapes(G) == [(4 * 4 * 512, 100), (512, 256, 5, 5), (256, 128, 5, 5), (128, 3, 5, 5)]
    assert shapes(D) == [(64, 3, 5, 5), (128, 64, 5, 5), (256, 128, 5, 5), (1, 4 * 4 * 256)]
    for network in (G, D):
        assert {type(m.activation) for m in network.hidden} == {nn.LeakyReLU}
        assert {m.activation.negative_slope for m in network.hidden} == {0.2}


def test_goodfellow_has_the_2014_layers():
    c = Config.build("goodfellow")
    G, D = mlp.Generator(c), mlp.Discriminator(c)
    assert shapes(G) == [(1200, 100), (1200, 1200), (784, 1200)]
    assert shapes(D) == [(240 * 5, 784), (240 * 5, 240), (1, 240)]
    assert [m.p for m in D.modules() if isinstance(m, nn.Dropout)] == pytest.approx([0.2, 0.5, 0.5])
    assert not any(isinstance(m, nn.Dropout) for m in G.modules())
