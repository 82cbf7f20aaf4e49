"""The ONNX file draws what torch draws: every preset and every kind of layer, any batch, whole and half."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import dcgan
import untrained
from dcgan.export import onnx as exporting

# What differs between them: classes, a dense layer, grey, sigmoid; non-square, nearest + convolution; perceptrons.
CASES = {
    "mnist": {"preset": "mnist", "size": (28, 28), "channels": 1, "classes": 10, "dense": 64, "steps": 5},
    "nearest": {"size": (48, 32), "channels": 1, "up": "nearest", "norm_G_out": True},
    "goodfellow": {"preset": "goodfellow", "size": (28, 28), "channels": 1, "width": 120, "steps": 5},
}
FULL = {
    "default": {"preset": "default", "size": (64, 64), "width": 64},
    "paper": {"preset": "paper", "size": (64, 64), "width": 128},
    "tutorial": {"preset": "tutorial", "size": (64, 64), "width": 64},
    "svhn": {"preset": "svhn", "width": 128},
    "mnist": {"preset": "mnist", "size": (28, 28), "channels": 1, "classes": 10, "width": 64},
    "goodfellow": {"preset": "goodfellow", "size": (28, 28), "channels": 1, "width": 1200},
    "alpha, nearest, 5x5, 40x56": {"size": (40, 56), "channels": 4, "up": "nearest", "kernel": 5, "width": 64},
    "no norm, leaky": {"norm_G": "none", "activation_G": "leaky", "width": 64},
}


class Exported:
    def __init__(self, settings):
        self.model = untrained.model(**settings)
        graph = exporting.graph(self.model)
        halved = onnx.ModelProto()
        halved.CopyFrom(graph)
        self.whole, self.said = exporting.checked(graph, self.model, half=False)
        self.half, self.said_half = exporting.checked(halved, self.model, half=True)

    def drawn(self, content, count):
        """By onnxruntime and by torch, of latents that are not the exporter's own."""
        c = self.model.config
        generator = torch.Generator().manual_seed(count)
        z = torch.rand(count, c.z_dim, generator=generator) * 2 - 1
        y = torch.randint(c.classes, (count,), generator=generator) if c.conditional else None
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        inputs = {"z": z.numpy()} | ({} if y is None else {"labels": y.numpy()})
        with torch.inference_mode():
            return session.run(None, inputs)[0], self.model.G(z, y).numpy()


@pytest.fixture(scope="module", params=CASES)
def exported(request):
    return Exported(CASES[request.param])


@pytest.mark.parametrize("count", [1, 7])
def test_it_draws_what_torch_draws_at_any_batch(exported, count):
    theirs, ours = exported.drawn(exported.whole, count)
    assert ours.std() > 0.05  # pictures, not a grey sheet
    # float32 through a handful of layers: rounding leaves about 1e-6, a wrong constant 1e-2
    assert theirs == pytest.approx(ours, abs=1e-5)


def test_half_the_bytes_draw_nearly_the_same(exported):
    theirs, ours = exported.drawn(exported.half, 7)
    assert 1e-6 < np.abs(theirs - ours).max() <= 2e-3  # a quarter of a grey level; not nothing, or it was not halved
    weights = sum(p.numel() for p in exported.model.G.parameters() if p.dim() > 1) * 4
    assert len(exported.whole) - len(exported.half) == pytest.approx(weights / 2, rel=0.05)


def test_it_says_how_far_it_is_from_torch(exported):
    assert 0 <= exported.said <= 1e-5
    assert 10 * exported.said < exported.said_half <= 2e-3


def test_batch_norm_is_folded_and_nothing_of_this_machine_is_in_it(exported):
    proto = onnx.load_from_string(exported.whole)
    operations = {node.op_type for node in proto.graph.node}
    assert "BatchNormalization" not in operations
    assert proto.opset_import[0].version == 20
    assert not any(part.metadata_props or part.doc_string for part in (*proto.graph.node, *proto.graph.initializer))
    sources = str(Path(dcgan.__file__).parent).encode()
    assert not any(path in exported.whole for path in (sources, b"site-packages", b"networks.py"))


def test_it_says_what_goes_in_and_what_comes_out(exported):
    c = exported.model.config
    proto = onnx.load_from_string(exported.whole)
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*proto.graph.input, *proto.graph.output)
    }
    labels = {"labels": ["N"]} if c.conditional else {}
    assert shapes == {"z": ["N", c.z_dim], **labels, "images": ["N", c.channels, *c.size]}
    said = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(said["dcgan.config"])["z_dim"] == c.z_dim
    assert ("round((x + 1) * 127.5)" if c.output == "tanh" else "round(x * 255)") in said["dcgan.images"]
    assert ("dcgan.labels" in said) == c.conditional


@pytest.mark.slow
@pytest.mark.parametrize("case", FULL)
def test_every_preset_at_its_full_width(case):
    made = Exported(FULL[case])
    theirs, ours = made.drawn(made.whole, 5)
    assert theirs == pytest.approx(ours, abs=1e-5)
    theirs, ours = made.drawn(made.half, 5)
    assert 1e-6 < np.abs(theirs - ours).max() <= 2e-3
