"""torch's own format: a program that torch runs without dcgan, in Python or from C++ (AOTInductor).

program = torch.export.load("generator.pt2", extra_files=(about := {"dcgan.json": ""}))
program.module()(z)             # float32 [N, z_dim] -> [N, C, H, W]; a conditional run takes (z, labels)
json.loads(about["dcgan.json"])
"""

import io
import json
import warnings

import numpy as np
import torch

from dcgan.export.compare import LIMIT, compare
from dcgan.export.public import about
from dcgan.folding import folded
from dcgan.sample import Model


def program(model: Model) -> torch.export.ExportedProgram:
    """The generator as a graph, its batch free, batch norm folded away."""
    c = model.config
    example = (torch.zeros(2, c.z_dim), *([torch.zeros(2, dtype=torch.int64)] if c.conditional else []))
    batch = torch.export.Dim("N", min=1)
    G = folded(model.G).cpu().to(memory_format=torch.contiguous_format)  # its weights as files have them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter walks into deprecations of its own
        made = torch.export.export(G, example, dynamic_shapes=tuple({0: batch} for _ in example))
    for node in made.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    return made


def make(model: Model) -> tuple[bytes, float]:
    buffer = io.BytesIO()
    torch.export.save(program(model), buffer, extra_files={"dcgan.json": json.dumps(about(model))})
    buffer.seek(0)
    loaded = torch.export.load(buffer).module()

    def draw(z: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        with torch.inference_mode():
            return loaded(*(torch.as_tensor(part) for part in (z, labels) if part is not None)).numpy()

    return buffer.getvalue(), compare(model, draw, LIMIT, "--to pt2")
