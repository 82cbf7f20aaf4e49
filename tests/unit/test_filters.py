"""dcgan filters: guided backprop as worked out by hand, the measure at its ends, and a D that looks at a place."""

import numpy as np
import pytest
import torch
from torch import nn

import untrained
from dcgan import data, images, sample
from dcgan.errors import UserError
from dcgan.experiments import filters
from dcgan.experiments.filters import guided, participation


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_guided_backprop_by_hand(slope):
    """x = (1, 2); hidden = (x1 - x2, x1 + x2, x2) = (-1, 3, 2); out = 2 h1 + h2 - h3, through a rectifier again.

    out = 2 max(h1, slope h1) + 3 - 2 > 0 passes 1 to each; h1 is off and passes nothing; h3's gradient is -1 and does
    not pass; so what reaches x is h2's alone: (1, 1).
    """
    rectifier = nn.LeakyReLU(slope) if slope else nn.ReLU()
    network = nn.Sequential(nn.Linear(2, 3, bias=False), rectifier, nn.Linear(3, 1, bias=False), type(rectifier)())
    network[0].weight.data = torch.tensor([[1.0, -1], [1, 1], [0, 1]])
    network[2].weight.data = torch.tensor([[2.0, 1, -1]])
    x = torch.tensor([[1.0, 2]], requires_grad=True)
    changed = guided(network)
    assert torch.equal(changed(x), network(x))  # only gradients are changed
    assert network(x).item() == pytest.approx(1 - 2 * slope)
    (plain,) = torch.autograd.grad(network(x).sum(), x)
    (ours,) = torch.autograd.grad(changed(x).sum(), x)
    assert ours.tolist() == [[1, 1]]
    assert plain[0].tolist() == pytest.approx([1 + 2 * slope, -2 * slope])


@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_guided_backprop_of_a_convolution_by_hand(slope):
    """One map, a 2 x 2 kernel, a picture of 2 x 3: the answers are 1 + 8 = 9 and 2 - 7 = -5; the first alone is on."""
    layer = nn.Sequential(nn.Conv2d(1, 1, (2, 2), bias=False), nn.LeakyReLU(slope))
    layer[0].weight.data = torch.tensor([[[[1.0, 0], [0, 2]]]])
    x = torch.tensor([[[[1.0, 2, 0], [0, 4, -3.5]]]], requires_grad=True)
    assert layer[0](x).flatten().tolist() == [9, -5]
    (gradient,) = torch.autograd.grad(guided(layer)(x).sum(), x)
    assert gradient.tolist() == [[[[1, 0, 0], [0, 2, 0]]]]
    (gradient,) = torch.autograd.grad(-guided(layer)(x).sum(), x)  # nothing negative passes
    assert not gradient.any()


def test_participation():
    one, all_alike = np.zeros((1, 3, 4, 4)), np.ones((1, 3, 4, 4))
    one[0, 1, 2, 3] = -5
    half = all_alike.copy()
    half[:, :, :2] = 0
    assert participation(np.concatenate([one, half, all_alike])).tolist() == pytest.approx([1 / 16, 1 / 2, 1])
    assert participation(7 * half)[0] == pytest.approx(1 / 2)


@pytest.fixture(scope="module")
def faces():
    return data.open("faces:40", size=16, workers=0)


@torch.no_grad()
def looking(model):
    """D whose first layer looks at one pixel of each 4 x 4: a filter that was plainly learned."""
    weight = model.D.hidden[0].linear.weight
    kept = torch.zeros_like(weight)
    kept[:, :, 1, 1] = weight[:, :, 1, 1].abs()
    weight.copy_(kept)
    return model


def test_a_D_that_answers_to_nothing_is_no_finding(faces):
    """Nothing is the most concentrated of all."""
    assert np.isnan(participation(np.zeros((1, 3, 4, 4)))).all()
    model = looking(untrained.model(size=(16, 16), width=8))
    with torch.no_grad():
        for parameter in model.D.hidden[-1].parameters():
            parameter.zero_()
    with pytest.raises(UserError, match="answer to nothing"):
        filters.compute(model, faces)


def test_a_random_network_is_like_another_and_a_learned_one_is_not(faces):
    model = untrained.model(size=(16, 16), width=8)
    model.D = filters.random_D(model, faces.images, None, 1000)
    assert filters.compute(model, faces).ok is False
    found = filters.compute(looking(model), faces)
    assert found.ok is True
    assert found.figures[1].value < 0.6 * found.figures[1].control
    assert found.learned.gradients.shape == (filters.SHOWN, filters.EACH, 3, 16, 16)
    assert found.learned.first.shape == (8, 3, 4, 4)


def test_a_random_network_that_answers_to_nothing_speaks_against_us(faces, monkeypatch):
    told = iter([0.1, np.nan, *[0.2, 0.21, 0.22] * filters.RANDOM])
    monkeypatch.setattr(filters, "spread", lambda *asked: next(told))
    found = filters.compute(untrained.model(size=(16, 16), width=8), faces)
    assert found.figures[0].value == pytest.approx(2 / (1 + filters.RANDOM))
    assert found.figures[1].control == pytest.approx(0.21)


def test_the_largest_answers_are_found(faces):
    """Of each map the pictures with its largest answers, largest first."""
    model = untrained.model(size=(16, 16), width=8)
    found = filters.of_network(model.D, faces.images, None, "tanh", 6)
    x = images.to_float(faces.images)
    peaks = model.D.maps(x)[-1].flatten(2).amax(2)
    for i in (0, 5):
        best = peaks[:, i].argsort(descending=True)[: filters.EACH]
        assert np.array_equal(found.pictures[i], faces.images[best.numpy()])


def test_first_filters_have_a_square_each_or_a_quarter_of_one():
    """Each filter of a colour of its own: all are seen, in their order, as far as there is room."""
    shown = np.broadcast_to(np.arange(64, dtype=np.uint8)[:, None, None, None], (64, 4, 4, 3))
    alone = filters.squares(shown[:8])
    assert alone.shape == (8, 64, 64, 3)
    assert [np.unique(one).tolist() for one in alone] == [[i] for i in range(8)]
    four = filters.squares(shown)
    assert four.shape == (8, 64, 64, 3)
    corners = four[:, [[0], [63]], [0, 63], 0]
    assert corners.reshape(-1).tolist() == list(range(32))
    few = filters.squares(shown[:10])
    assert len(few) == 3
    assert np.unique(few[2]).tolist() == [8, 9, 255]  # two places stay empty


def test_command(cli, tmp_path):
    run = untrained.write(tmp_path / "run", size=(16, 16), data="faces:200").path
    done = cli("filters", run, "faces:20", "--json")
    assert done.code == 0
    assert done.json["experiment"] == "filters"
    assert [figure["name"] for figure in done.json["figures"]] == [
        "p, learned against random", "pixels that carry a gradient",
    ]  # fmt: skip
    assert (run / "experiments" / "filters.png").read_bytes()[:4] == b"\x89PNG"


def test_bad_input(cli, tmp_path):
    run = untrained.write(tmp_path / "run", size=(16, 16)).path
    assert "faces: it has 3 pictures" in cli("filters", run, "faces:3").err
    mlp = untrained.write(tmp_path / "mlp", network="mlp", size=(8, 8)).path
    assert "filters are of convolutions" in cli("filters", mlp, "faces:10").err
    assert cli("filters", run, "nowhere").code == 2
    model = sample.load(run)
    model.D = None
    with pytest.raises(UserError, match="its D has none"):
        filters.compute(model, data.open("faces:10", size=16, workers=0))
    assert not (run / "experiments").exists()
