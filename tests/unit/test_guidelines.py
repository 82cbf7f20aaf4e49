"""dcgan guidelines: every rule breaks what it says and nothing else; a table of tiny runs; and going on with it."""

import itertools
import json

import numpy as np
import pytest
import torch
from torch import nn

from dcgan import algorithm, networks
from dcgan.config import Config
from dcgan.errors import UserError
from dcgan.experiments import guidelines
from dcgan.experiments.guidelines import BROKEN, KEPT, RULES, Judged
from dcgan.losses import LOSSES
from dcgan.metrics import collapse


def pair(rule):
    c = Config(size=(32, 32), channels=3, width=4, m=4, **RULES[rule])
    return c, algorithm.fresh(c)


def kinds(network, kind):
    return [module for module in network.modules() if isinstance(module, kind)]


def test_the_full_set_is_the_paper_s():
    _, state = pair(KEPT)
    assert not kinds(state.D, networks.PooledConv2d)
    assert {conv.stride for conv in kinds(state.D, nn.Conv2d)} == {(2, 2)}
    assert {conv.stride for conv in kinds(state.G, nn.ConvTranspose2d)} == {(2, 2)}
    assert len(kinds(state.G, networks.BatchNorm)) == 3  # all but the output, and of D all but the first
    assert len(kinds(state.D, networks.BatchNorm)) == 2
    assert len(kinds(state.G, nn.ReLU)) == 3
    assert len(kinds(state.D, nn.LeakyReLU)) == 3
    assert len(kinds(state.G, nn.Tanh)) == 1
    assert len(kinds(state.G, nn.Linear)) == len(kinds(state.D, nn.Linear)) == 1  # the projection, and the logit


# network -> module -> how many more (or fewer) than the full set has
CHANGES = {
    "max-pooling in D": {("D", networks.PooledConv2d): 3},
    "upsampling in G": {("G", nn.ConvTranspose2d): -3, ("G", nn.Conv2d): 3},
    "both: no strides": {("D", networks.PooledConv2d): 3, ("G", nn.ConvTranspose2d): -3},
    "no batch norm in G": {("G", networks.BatchNorm): -3, ("D", networks.BatchNorm): 0},
    "no batch norm in D": {("D", networks.BatchNorm): -2, ("G", networks.BatchNorm): 0},
    "no batch norm": {("D", networks.BatchNorm): -2, ("G", networks.BatchNorm): -3},
    "batch norm on G's output": {("G", networks.BatchNorm): 1},
    "batch norm on D's first layer": {("D", networks.BatchNorm): 1},
    "dense hidden layers": {("G", nn.Linear): 1, ("D", nn.Linear): 1},
    "sigmoid for tanh": {("G", nn.Tanh): -1, ("G", nn.Sigmoid): 1},
    "LeakyReLU in G": {("G", nn.ReLU): -3, ("G", nn.LeakyReLU): 3, ("D", nn.LeakyReLU): 0},
    "ReLU in D": {("D", nn.LeakyReLU): -3, ("D", nn.ReLU): 3, ("G", nn.ReLU): 0},
    "rectifiers exchanged": {("D", nn.LeakyReLU): -3, ("G", nn.LeakyReLU): 3},
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_rule_breaks_what_it_says(rule):
    _, whole = pair(KEPT)
    c, state = pair(rule)
    for (player, kind), more in CHANGES[rule].items():
        assert len(kinds(getattr(state, player), kind)) == len(kinds(getattr(whole, player), kind)) + more
    batch = lambda i: (torch.rand(4, 3, 32, 32) * 2 - 1, None)  # noqa: E731
    for progress in itertools.islice(algorithm.train(c, state, batch, LOSSES[c.loss]), 2):
        assert all(map(torch.isfinite, progress))
    assert state.G(torch.zeros(2, c.z_dim)).shape == (2, 3, 32, 32)


def test_a_pooled_convolution_by_hand():
    """A 3x3 kernel that is 1 in its middle leaves the picture; the largest of each 2x2 is taken."""
    layer = networks.PooledConv2d(1, 1, 4, bias=False)
    layer.weight.data = torch.zeros(1, 1, 3, 3)
    layer.weight.data[0, 0, 1, 1] = 1
    x = torch.tensor([[[[1.0, 2, -3, -4], [4, 3, -5, -6]]]])
    assert layer(x).tolist() == [[[[4.0, -3.0]]]]


def run_of(rule, fid, seed=0, recall=0.5, diversity=0.9):
    return Judged(rule, seed, 100, fid, fid / 1000, recall, diversity, "reader", (), np.zeros((8, 8, 8, 3), np.uint8))


def diverged(rule, seed=0):
    about = {**guidelines.DIVERGED, "findings": ("no-number",)}
    return Judged(rule, seed, 40, **about, pictures=np.zeros((8, 8, 8, 3), np.uint8))


def told(*runs):
    protocol = {"measure": "FID"}
    return guidelines.verdict(runs), {one.name: one for one in guidelines._figures(runs, protocol, "0-1")}


def test_what_it_says():
    """The full set is best, or the exception is named; a tie is none."""
    kept = [run_of(KEPT, 100, 0), run_of(KEPT, 110, 1)]
    said, figures = told(*kept, run_of("no batch norm", 300, 0, recall=0.05), run_of("no batch norm", 280, 1))
    assert said == (
        "the full set scores 105.0, and none of 1 broken ones is better by 5%; the worst is no batch norm, which "
        "scores 290.0; collapsed: no batch norm"
    )
    assert list(figures) == [KEPT, "no batch norm"]  # the best first
    assert (figures[KEPT].value, figures[KEPT].ok, figures["no batch norm"].ok) == (105, True, None)
    assert figures["no batch norm"].error == pytest.approx(np.std([300, 280], ddof=1) / 2**0.5)  # of their mean
    assert figures["no batch norm"].protocol["settings"] == {"norm_G": "none", "norm_D": "none"}
    said, figures = told(*kept, run_of("upsampling in G", 80, 0), run_of("upsampling in G", 90, 1))
    assert "better are upsampling in G (85.0)" in said
    assert figures[KEPT].ok is False
    assert "none collapsed" in said
    said, figures = told(*kept, run_of("ReLU in D", 104, 0), run_of("ReLU in D", 102, 1))
    assert "none of 1 broken ones is better by 5%" in said
    assert figures[KEPT].ok is True


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"only": ["no batch nrom"]}, "--only no batch nrom: there is no such rule; did you mean 'no batch norm'?"),
        ({"seeds": 0}, "--seeds 0: it must be a whole number of 1 or more"),
        ({"count": 5}, "--count 5: nothing can be told from so few; ask for 20 or more"),
    ],
)
def test_what_cannot_be(asked, sentence, tmp_path):
    with pytest.raises(UserError) as caught:
        guidelines.compute("faces:48", tmp_path / "runs", **asked)
    assert str(caught.value) == sentence
    assert not (tmp_path / "runs").exists()


def test_one_that_diverged_is_a_row_of_the_table():
    """It has no score, counts as collapsed, and stands last, in JSON that every reader understands."""
    said, figures = told(run_of(KEPT, 100), diverged("no batch norm"))
    assert said == (
        "the full set scores 100.0, and none of 1 broken ones is better by 5%; the worst is no batch norm, which "
        "diverged; collapsed: no batch norm"
    )
    assert list(figures) == [KEPT]
    held = json.loads(json.dumps(diverged("no batch norm").as_json(), allow_nan=False))
    assert (held["fid"], held["collapsed"], held["findings"]) == (None, True, ["no-number"])
    assert diverged("no batch norm").words == "diverged at step 40"


def test_a_run_that_diverges_does_not_end_the_others(tmp_path, monkeypatch):
    """Its row stands, it is not trained again, and the rest is made."""
    trained = []

    def train(plan, console):
        trained.append(plan.folder.name)
        (plan.folder.path / "checkpoints").mkdir(parents=True)
        plan.folder.config_file.write_text(plan.config.to_json())
        plan.folder.write(event="finding", name="no-number", step=7, words="the losses are no numbers any more")
        raise guidelines.session.Diverged("it diverged")

    monkeypatch.setattr(guidelines.run, "train", train)
    asked = {"length": {"steps": 9}, "seeds": 1, "settings": {"size": 8}, "only": ["no batch norm"]}
    for _ in range(2):
        found = guidelines.compute("faces:48", tmp_path / "runs", **asked)
        assert [(one.rule, one.steps, one.diverged) for one in found.runs] == [
            (KEPT, 7, True),
            ("no batch norm", 7, True),
        ]
        assert guidelines.figure(found).startswith(b"\x89PNG")
    assert len(trained) == 2


def test_recall_is_told_by_who_can_read_the_pictures():
    """By lite0's features no drawn face lies in the support of the best run's samples, and recall says nothing."""
    assert [collapse.extractor(name) for name in ("faces:48", "mnist", "cifar10")] == ["reader", "reader", "lite0"]
    assert collapse.collapsed(0.05, 0.9, "reader")
    assert not collapse.collapsed(0.05, 0.9, "lite0")
    assert collapse.collapsed(0.05, 0.4, "lite0")


@pytest.mark.slow
def test_a_table_and_going_on_with_it(tmp_path, monkeypatch, cli):
    """A quick form of the whole: two rules, one seed; the second time nothing is trained or judged again."""
    monkeypatch.setattr(collapse, "extractor", lambda data: "lite0")  # to teach a reader takes a minute
    where = tmp_path / "runs"
    words = ["guidelines", "faces:48", "--size", 8, "--steps", 2, "--seeds", 1, "--only", "no batch norm"]
    words += ["--count", 20, "--threads", 1, "--out", where]
    first = cli(*words, "--json")
    assert first.code == 0, first.err
    found = first.json
    assert [(one["rule"], one["seed"], one["steps"]) for one in found["runs"]] == [
        (KEPT, 0, 2),
        ("no batch norm", 0, 2),
    ]
    assert all(one["fid"] > 0 for one in found["runs"])
    assert found["files"] == [str(where / "guidelines.png"), str(where / "guidelines.json")]
    drawn = (where / "guidelines.png").read_bytes()
    assert drawn.startswith(b"\x89PNG")

    def again(*_):
        pytest.fail("it was trained, or judged, again")

    with monkeypatch.context() as patch:
        patch.setattr(guidelines.run, "train", again)
        patch.setattr(guidelines, "judge", again)
        assert cli(*words, "--json").json == found
        assert (where / "guidelines.png").read_bytes() == drawn
    other = cli(*words, "--preset", "tutorial")
    assert other.code == 2
    assert "width: the checkpoint has 32, you asked for 64" in other.err
    longer = cli(*[3 if word == 2 else word for word in words], "--json").json  # trained on, and judged anew
    assert [one["steps"] for one in longer["runs"]] == [3, 3]
    assert longer["runs"][0]["fid"] != found["runs"][0]["fid"]
