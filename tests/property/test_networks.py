"""One definition, any size: whatever Config allows, G draws that size, D reads it, and each picture stands alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dcgan.config import Config
from dcgan.networks import Discriminator, Generator, measure


@st.composite
def configs(draw):
    depth = draw(st.integers(1, 4))
    base = draw(st.integers(4, 7))
    side = base << depth
    other = min(512, draw(st.integers(base, 2 * base)) << depth)
    size = draw(st.sampled_from([(side, other), (other, side)]))
    conditional = draw(st.booleans())
    return Config(
        size=size,
        channels=draw(st.sampled_from([1, 3, 4])),
        width=draw(st.integers(1, 3)),
        width_D=draw(st.none() | st.integers(1, 3)),
        z_dim=draw(st.integers(1, 9)),
        kernel=draw(st.sampled_from([4, 5])),
        up=draw(st.sampled_from(["transposed", "nearest"])),
        dense=draw(st.sampled_from([0, 6])),
        conditional=conditional,
        classes=draw(st.integers(1, 4)) if conditional else 0,
        norm_G=draw(st.sampled_from(["batch", "none"])),
        norm_D=draw(st.sampled_from(["batch", "none"])),
        norm_G_out=draw(st.booleans()),
        norm_D_in=draw(st.booleans()),
        norm_project=draw(st.sampled_from(["channel", "unit"])),
        norm_affine=draw(st.booleans()),
        output=draw(st.sampled_from(["tanh", "sigmoid"])),
    )


@settings(max_examples=40)
@given(configs(), st.integers(0, 2**32))
def test_any_size_and_any_switch(config, seed):
    torch.manual_seed(seed)
    G, D = Generator(config), Discriminator(config)
    z = torch.randn(5, config.z_dim)
    y = torch.arange(5) % config.classes if config.conditional else None
    with torch.no_grad():
        measure(G, [(torch.randn(8, config.z_dim), None if y is None else y.repeat(2)[:8])])
        G.eval()
        x, maps = G(z, y), G.maps(z, y)
        assert x.shape == (5, config.channels, *config.size)
        assert torch.equal(maps[-1], x)
        low = -1 if config.output == "tanh" else 0
        assert low <= x.min() <= x.max() <= 1
        alone = torch.cat([G(z[i : i + 1], None if y is None else y[i : i + 1]) for i in range(5)])
        assert (alone - x).abs().max() < 1e-5  # float32's rounding: kernels differ by batch size
        D.eval()
        logits, features = D(x, y), D.maps(x, y)
        assert logits.shape == (5,)
        assert [m.shape[2:] for m in features] == [m.shape[2:] for m in maps[-2::-1]]  # D mirrors G
        assert min(features[-1].shape[2:]) in (4, 5, 6, 7)
        alone = torch.cat([D(x[i : i + 1], None if y is None else y[i : i + 1]) for i in range(5)])
        assert (alone - logits).abs().max() < 1e-4 * max(1, float(logits.abs().max()))
