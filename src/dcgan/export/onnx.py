"""ONNX: the generator for any runtime, a browser's too. Inputs `z` (and `labels`), output `images`, any batch.

The file's metadata says what goes in and what comes out, and holds the run's config: enough to draw any seed.

`--half` stores each matrix and kernel as 16-bit whole numbers and a scale for each of its outputs, behind a Cast and a
Mul: half the bytes to download and the same arithmetic, since a runtime multiplies once, when it loads. 16-bit floats
would take as much room and be 5 to 7 times as far off (1e-3 against 2e-4 from black to white, measured on a trained
run of 64 px; 5e-4 against 8e-5 on one of MNIST). Vectors stay whole: they are small.
"""

import importlib
import json
import logging
import warnings
from typing import Any

import numpy as np
import torch

from dcgan.errors import UserError
from dcgan.export.compare import LIMIT, LIMIT_HALF, compare
from dcgan.export.pt2 import program
from dcgan.export.public import about
from dcgan.sample import Model

NEEDED = ("onnx", "onnxruntime", "onnxscript")  # the file, its check, torch's way to it
OPSET = 20
LARGEST = 2**31 - 1  # bytes of a protocol buffer, which an ONNX file is


def make(model: Model, half: bool = False) -> tuple[bytes, float]:
    """The file's bytes, and how far onnxruntime's pictures are from torch's, at most."""
    libraries(*NEEDED)
    return checked(graph(model), model, half)


def checked(proto: Any, model: Model, half: bool) -> tuple[bytes, float]:
    (onnx,) = libraries("onnx")
    if half:
        halve(proto.graph)
    if proto.ByteSize() > LARGEST:
        raise UserError("--to onnx: the generator is larger than 2 GiB, the most that one ONNX file holds; use pt2")
    onnx.checker.check_model(proto, full_check=True)
    content = proto.SerializeToString(deterministic=True)
    session = run(content)

    def draw(z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        return session.run(["images"], {"z": z} if labels is None else {"z": z, "labels": labels.astype(np.int64)})[0]

    what = f"--to onnx{' --half' if half else ''}"
    return content, compare(model, draw, LIMIT_HALF if half else LIMIT, what)


def run(content: bytes) -> Any:
    """A session of onnxruntime, on as many threads as torch has."""
    (onnxruntime,) = libraries("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def libraries(*names: str) -> list[Any]:
    try:
        return [importlib.import_module(name) for name in names]
    except ImportError as error:
        raise UserError(
            f"--to onnx: the package {error.name} is missing; pip install 'dcgan[export]' brings it"
        ) from None


def graph(model: Model) -> Any:
    """An onnx.ModelProto. What torch noted of this machine, such as paths of source files, is taken out."""
    names = ["z", "labels"] if model.config.conditional else ["z"]
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # that torchvision is missing is no news
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's exporter walks into deprecations of its own
            made = torch.onnx.export(
                program(model),
                dynamo=True,
                input_names=names,
                output_names=["images"],
                opset_version=OPSET,
                verbose=False,
            )
    finally:
        log.setLevel(level)
    assert made is not None
    proto = made.model_proto
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    for part in (*proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.initializer, proto.graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    del proto.graph.value_info[:]  # shapes of what lies between, under torch's names; every runtime infers them
    for key, value in about(model).items():
        words = value if isinstance(value, str) else json.dumps(value)
        proto.metadata_props.add(key=f"dcgan.{key}" if key != "dcgan" else key, value=words)
    proto.producer_name, proto.producer_version = "dcgan", about(model)["dcgan"]
    return proto


def halve(graph: Any) -> None:
    from onnx import TensorProto, helper, numpy_helper

    users = {name: node for node in graph.node for name in node.input}
    whole = {tensor.name: tensor for tensor in graph.initializer}
    nodes = []
    for name, tensor in whole.items():
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        weights = numpy_helper.to_array(tensor)
        others = tuple(axis for axis in range(weights.ndim) if axis != _outputs(users[name]))
        scale = np.abs(weights).max(others, keepdims=True) / np.float32(np.iinfo(np.int16).max)
        scale[scale == 0] = 1
        numbers = np.rint(weights / scale).astype(np.int16)
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(numbers, f"{name}.numbers"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        nodes.append(helper.make_node("Cast", [f"{name}.numbers"], [f"{name}.floats"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}.floats", f"{name}.scale"], [name]))
    nodes += graph.node
    del graph.node[:]
    graph.node.extend(nodes)


def _outputs(node: Any) -> int:
    """The axis of a weight that belongs to a layer's outputs."""
    turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 1 if node.op_type in ("ConvTranspose", "MatMul") or (node.op_type == "Gemm" and not turned) else 0
