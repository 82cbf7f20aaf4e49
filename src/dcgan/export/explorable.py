"""The generator opened up: the ONNX file that the explorer runs in a browser.

    inputs   z [N, z_dim]; labels int32 [N] of a conditional run; gate0 ... [maps] for each hidden layer: 0 is off
    outputs  images [N, C, H, W], and maps0 ... [N, maps, h, w]: each hidden layer after its rectifier, small to large

Written node by node, not by torch's exporter: in a tenth of a second, so that a page opens at once. Batch norm is
folded away and weights are stored in half the bytes (`dcgan.export.onnx`). The 2014 networks have no maps and no gates.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dcgan import mlp
from dcgan.errors import UserError
from dcgan.export import onnx as whole
from dcgan.export.directions import Direction
from dcgan.export.public import about, public
from dcgan.folding import folded
from dcgan.networks import Doubling, Generator, Layer
from dcgan.sample import Model


@dataclass(frozen=True)
class Explorable:
    content: bytes
    layers: list[tuple[int, int, int]]  # maps, height, width of each hidden layer


def make(model: Model) -> Explorable:
    G = folded(model.G).cpu().to(memory_format=torch.contiguous_format)
    graph = _Graph()
    if isinstance(G, Generator):
        layers = _convolutional(graph, G)
    elif isinstance(G, mlp.Generator):
        layers = _perceptron(graph, G)
    else:
        raise UserError("the explorer draws with the networks of dcgan alone; sample your own in Python")
    return Explorable(graph.written(model, layers), layers)


def describe(model: Model, layers: list[tuple[int, int, int]], found: Sequence[Direction] = ()) -> dict[str, Any]:
    """What the explorer must know of a generator besides its file (`About` of web/src/core/generator.ts)."""
    c = model.config
    own = model.folder.points() if model.folder else {}
    return {
        "run": model.folder.name if model.folder else public(c).data,
        "step": model.header.step,
        "size": list(c.size or ()),
        "channels": c.channels,
        "z_dim": c.z_dim,
        "z": c.z,
        "output": c.output,
        "classes": c.classes if c.conditional else 0,
        "class_names": list(model.header.classes) if model.header.classes and c.conditional else None,
        "layers": [list(layer) for layer in layers],
        "names": own | {one.name: [float(value) for value in one.z] for one in found},
        "directions": [{"name": one.name, "share": one.share} for one in found],
    }


def _convolutional(graph: "_Graph", G: Generator) -> list[tuple[int, int, int]]:
    """The same lines as `Generator.maps`."""
    if G.classes:
        graph.hot(G.classes)
    layers = []
    x = graph.join("z", G.classes)
    if G.dense is not None:
        x = graph.join(graph.layer(G.dense, x), G.classes)
    units = G.project.linear.weight.shape[0]  # type: ignore[union-attr]
    maps, sides = int(units) // (G.base[0] * G.base[1]), G.base
    x = graph.add("Reshape", graph.linear(G.project.linear, x), graph.keep(np.array([0, maps, *sides], np.int64)))
    x = graph.gated(graph.activation(G.project.activation, x), 0, maps)
    layers.append((maps, *sides))
    for layer in G.hidden:
        assert isinstance(layer, Layer)
        x = graph.layer(layer, graph.join(x, G.classes, sides))
        maps, sides = layer.linear.conv.bias.shape[0], (2 * sides[0], 2 * sides[1])  # type: ignore[union-attr]
        x = graph.gated(x, len(layers), int(maps))
        layers.append((int(maps), *sides))
    graph.add("Identity", graph.layer(G.out, graph.join(x, G.classes, sides)), name="images")
    return layers


def _perceptron(graph: "_Graph", G: mlp.Generator) -> list[tuple[int, int, int]]:
    x = "z"
    for part in (*G.hidden, G.out):
        linear, activation = part  # type: ignore[misc]
        x = graph.activation(activation, graph.linear(linear, x))
    graph.add("Reshape", x, graph.keep(np.array([0, *G.shape], np.int64)), name="images")
    return []


class _Graph:
    """Nodes in order, and the tensors they need."""

    def __init__(self) -> None:
        (self.onnx,) = whole.libraries("onnx")
        self.nodes: list[Any] = []
        self.tensors: list[Any] = []
        self.gates: list[int] = []

    def add(self, operation: str, *given: str, name: str = "", **attributes: Any) -> str:
        name = name or f"x{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operation, list(given), [name], **attributes))
        return name

    def keep(self, values: Tensor | np.ndarray) -> str:
        name = f"w{len(self.tensors)}"
        array = values.detach().numpy() if isinstance(values, Tensor) else values
        self.tensors.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def hot(self, classes: int) -> None:
        values = self.keep(np.array([0, 1], np.float32))
        self.add("OneHot", "labels", self.keep(np.array([classes], np.int32)), values, name="hot")

    def join(self, x: str, classes: int, sides: tuple[int, int] | None = None) -> str:
        """The one-hot label beside x, as numbers or as constant maps."""
        if not classes:
            return x
        hot = "hot"
        if sides:
            shape = self.add("Reshape", hot, self.keep(np.array([0, classes, 1, 1], np.int64)))
            hot = self.add("Expand", shape, self.keep(np.array([1, classes, *sides], np.int64)))
        return self.add("Concat", x, hot, axis=1)

    def layer(self, layer: Layer, x: str) -> str:
        return self.activation(layer.activation, self.linear(layer.linear, x))

    def linear(self, part: nn.Module, x: str) -> str:
        if isinstance(part, nn.Linear):
            bias = () if part.bias is None else (self.keep(part.bias),)
            return self.add("Gemm", x, self.keep(part.weight), *bias, transB=1)
        assert isinstance(part, Doubling)
        conv = part.conv
        side = conv.padding[0]
        same = {"strides": list(conv.stride), "pads": [side] * 4, "kernel_shape": list(conv.kernel_size)}
        if isinstance(conv, nn.ConvTranspose2d):
            same["output_padding"] = list(conv.output_padding)
            operation = "ConvTranspose"
        else:
            scales = self.keep(np.array([1, 1, 2, 2], np.float32))
            x = self.add("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
                         nearest_mode="floor")  # fmt: skip
            operation = "Conv"
        bias = () if conv.bias is None else (self.keep(conv.bias),)
        return self.add(operation, x, self.keep(conv.weight), *bias, **same)  # type: ignore[arg-type]

    def activation(self, part: nn.Module, x: str) -> str:
        if isinstance(part, nn.LeakyReLU):
            return self.add("LeakyRelu", x, alpha=part.negative_slope)
        return self.add({"ReLU": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid"}[type(part).__name__], x)

    def gated(self, x: str, number: int, maps: int) -> str:
        self.gates.append(maps)
        factor = self.add("Reshape", f"gate{number}", self.keep(np.array([1, maps, 1, 1], np.int64)))
        return self.add("Mul", x, factor, name=f"maps{number}")

    def written(self, model: Model, layers: list[tuple[int, int, int]]) -> bytes:
        onnx, c = self.onnx, model.config
        value, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
        given = [value("z", kinds.FLOAT, ["N", c.z_dim])]
        if c.conditional:
            given.append(value("labels", kinds.INT32, ["N"]))
        given += [value(f"gate{i}", kinds.FLOAT, [maps]) for i, maps in enumerate(self.gates)]
        made = [value("images", kinds.FLOAT, ["N", c.channels, *(c.size or ())])]
        made += [value(f"maps{i}", kinds.FLOAT, ["N", *shape]) for i, shape in enumerate(layers)]
        graph = onnx.helper.make_graph(self.nodes, "generator", given, made, self.tensors)
        whole.halve(graph)
        opsets = [onnx.helper.make_opsetid("", whole.OPSET)]
        proto = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="dcgan")
        proto.metadata_props.add(key="dcgan", value=json.dumps(about(model)))
        onnx.checker.check_model(proto, full_check=True)
        return proto.SerializeToString(deterministic=True)
