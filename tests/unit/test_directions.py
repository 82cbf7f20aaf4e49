"""The strongest directions: what PCA of the first layer finds, kept in the run under names that stay."""

import numpy as np
import pytest
import torch

import dcgan
import untrained
from dcgan.export import directions


def test_they_are_the_directions_in_which_the_first_layer_moves_most():
    model = untrained.model(width=8)
    with torch.no_grad():  # five numbers of z count ten times as much as the others
        model.G.project.linear.weight[:, :5] *= 10
    found = directions.find(model, count=8)
    assert [one.name for one in found][:2] == ["pc1.5", "pc2.5"]
    shares = [one.share for one in found]
    assert shares == sorted(shares, reverse=True)
    assert 0.02 < shares[0] < 1
    strong = [float(np.square(one.z[:5]).sum() / np.square(one.z).sum()) for one in found]
    assert min(strong[:5]) > 0.9  # those five are the five strongest
    assert max(strong[5:]) < 0.5
    # one unit is one standard deviation: of a uniform number 1 / sqrt(3), were the layer linear
    assert np.linalg.norm(found[0].z) == pytest.approx(3**-0.5, rel=0.3)


@pytest.mark.parametrize("preset", ["default", "mnist", "goodfellow"])
def test_they_are_kept_in_the_run_and_stay(tmp_path, preset):
    small = {"size": (28, 28), "channels": 1, "classes": 10 if preset == "mnist" else 0, "steps": 5}
    folder = untrained.write(tmp_path / "run", preset, **({} if preset == "default" else small | {"dense": 0}))
    first = directions.kept(dcgan.load(tmp_path / "run"))
    assert len(first) == directions.COUNT
    assert np.array_equal(folder.saved("pc3.5"), first[2].z)
    folder.save_point("pc1.5", first[1].z)  # whatever stands there is what the name means
    again = directions.kept(dcgan.load(tmp_path / "run"))
    assert np.array_equal(again[0].z, first[1].z)
    assert dcgan.load(tmp_path / "run").sample(["17 + 2*#pc2.5"]).shape[0] == 1
