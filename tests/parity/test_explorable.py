"""The explorer's generator is torch's: pictures, every hidden map, and maps switched off, for every kind of layer."""

import numpy as np
import onnxruntime
import pytest
import torch

import untrained
from dcgan.export import explorable

CASES = {
    "default": {},
    "mnist": {"preset": "mnist", "size": (28, 28), "channels": 1, "classes": 10, "dense": 64},
    "goodfellow": {"preset": "goodfellow", "size": (28, 28), "channels": 1, "width": 120},
    "nearest": {"size": (48, 32), "channels": 1, "up": "nearest", "norm_G_out": True},
    "alpha, nearest, 5x5, 40x56": {"size": (40, 56), "channels": 4, "up": "nearest", "kernel": 5},
    "no norm, leaky, 5x5": {"kernel": 5, "norm_G": "none", "activation_G": "leaky"},
}


@pytest.mark.parametrize("case", CASES)
def test_every_map_is_torchs_with_gates_open_and_shut(case):
    model = untrained.model(**{"steps": 5, **CASES[case]})
    made = explorable.make(model)
    session = onnxruntime.InferenceSession(made.content, providers=["CPUExecutionProvider"])
    z, labels = model.latents(range(5))
    given = {"z": z} | ({} if labels is None else {"labels": labels.astype(np.int32)})
    rng = np.random.default_rng(0)
    for gates in (
        [np.ones(maps, np.float32) for maps, _, _ in made.layers],
        [rng.integers(0, 2, maps).astype(np.float32) for maps, _, _ in made.layers],
    ):
        images, *maps = session.run(None, given | {f"gate{i}": gate for i, gate in enumerate(gates)})
        more = ([torch.from_numpy(gate) for gate in gates],) if gates else ()
        with torch.no_grad():
            y = None if labels is None else torch.from_numpy(labels)
            *hidden, drawn = model.G.maps(torch.from_numpy(z), y, *more)
        assert images.std() > 0.05
        # 16-bit weights: 1e-4 and less from black to white; a gate on the wrong map would be 0.1 and more
        assert images == pytest.approx(drawn.numpy(), abs=1e-3)
        assert [m.shape[1:] for m in maps] == made.layers
        for one, other in zip(maps, hidden, strict=False):
            assert one == pytest.approx(other.numpy(), abs=2e-3 * float(other.abs().max()))
