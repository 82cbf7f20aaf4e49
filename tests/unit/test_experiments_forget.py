"""Forgetting, on a generator of which it is known what each map draws."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import untrained
from dcgan.checkpoint import Header
from dcgan.data import pictures
from dcgan.errors import UserError
from dcgan.experiments import forget
from dcgan.metrics.reader import Reading
from dcgan.networks import BatchNorm
from dcgan.sample import Model

LIT = 3  # the map that draws windows
SIDE = 32


def planted() -> Model:
    """Red comes from one map of the next to last layer alone, green from the others; where red is, is chance's."""
    c = untrained.config(data="rooms", width=4)
    G, _ = untrained.pair(c)
    with torch.no_grad():
        for norm in (one for one in G.modules() if isinstance(one, BatchNorm)):
            norm.weight.fill_(1)
            norm.bias.zero_()
        last = G.hidden[-1]
        last.linear.conv.weight.zero_()
        last.linear.conv.weight[LIT, 0] = 1.0
        last.linear.conv.weight[torch.arange(8) != LIT, 1] = 0.3
        last.norm.mean.zero_()
        last.norm.var.fill_(1)
        last.norm.bias[0] = -4.0  # red only where the map is strong
        G.out.linear.conv.weight.zero_()
        G.out.linear.conv.weight[0, 0] = 1.0
        G.out.linear.conv.weight[1, 1] = 1.0
    return Model(Header(c, 1, 0.0, None), G, None, None)


class Seer:
    """A window is where red is; all else is as it always is."""

    factors = (SimpleNamespace(name="window", right=1.0),)

    def read(self, images: np.ndarray) -> Reading:
        red = (images[..., 0] > 250).mean((1, 2)) > 0.02
        always = np.ones(len(images), np.int64)
        values = {"window": red.astype(np.int64)} | dict.fromkeys(("bed", "door", "lamp"), always)
        sure = always.astype(np.float32)
        return Reading(
            values | {"light": sure, "where": np.arange(len(images))}, dict.fromkeys(values, sure), {}, sure, sure
        )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The places of windows are where the pictures are red; the reader says which picture it was."""
    red = planted().sample(range(200))[..., 0] > 250
    fine = red.repeat(forget.FINE // SIDE, 1).repeat(forget.FINE // SIDE, 2)
    monkeypatch.setattr(forget, "place", lambda name, factors, what: fine[factors["where"]])


def test_the_map_that_draws_windows_is_found_and_what_it_draws_is_left_out(told):
    model = planted()
    found = forget.compute(model, tried=60, labelled=60, seer=Seer())
    left, dropped, *others = found.figures
    assert left.value <= 0.15
    assert (dropped.value, dropped.ok) == (0, True)
    assert left.control > 0.5  # moved as far, but in random order
    assert dropped.control > 0.5  # as many maps, but random ones
    assert (dropped.protocol["maps dropped"], dropped.protocol["enough"]) == (1, 1)  # that map alone
    assert dropped.protocol["left by maps dropped"] == {1: 0}
    assert dropped.protocol["dropped at random"]["window"] > 0
    assert "with the 1 heaviest of 8 maps dropped" in found.found
    assert [figure.name for figure in others] == [
        "bed moved by",
        "door moved by",
        "light moved by",
        "readable falls by",
    ]
    assert [figure.value for figure in others] == [0, 0, 0, 0]
    assert found.ok
    places = [forget.place("", {"where": i}, "") for i in range(60)]
    rule = forget.regressed(model, forget.Asked.of(model, range(60)), places)
    assert rule.heavy[0] == LIT
    assert int(rule.way.argmax()) == LIT


def test_what_else_moves_is_told():
    whole = {"window": 0.5, "bed": 0.5, "door": 0.5, "lamp": 0.5, "light": 0.5, "readable": 1.0}
    without = whole | {"window": 0.0, "bed": 0.2, "readable": 0.6}
    told = {one.name: one for one in forget._figures("window", whole, without, whole, whole, whole, {"samples": 9})}
    assert (told["bed moved by"].value, told["bed moved by"].ok) == (pytest.approx(0.3), False)
    assert (told["door moved by"].value, told["door moved by"].ok) == (0, True)
    assert (told["readable falls by"].value, told["readable falls by"].ok) == (pytest.approx(0.4), False)


def test_where_no_count_of_maps_is_enough_all_of_positive_weight_are_dropped(told, monkeypatch):
    monkeypatch.setattr(forget, "GOAL", -1.0)
    found = forget.compute(planted(), tried=40, labelled=60, seer=Seer())
    dropped = found.figures[1]
    heavy = dropped.protocol["heavy"]
    assert (dropped.protocol["maps dropped"], dropped.protocol["enough"], dropped.ok) == (heavy, None, False)
    assert f"all maps of positive weight dropped, {heavy} of 8, which is not enough" in found.found


@pytest.mark.parametrize("most", [1, 5, 26, 200])
def test_the_fewest_maps_are_found_by_few_trials(most):
    for enough in range(1, most + 1):
        tried = []

        def left(count, enough=enough, tried=tried):
            tried.append(count)
            return float(count < enough)

        assert forget.fewest(left, most) == enough
        assert len(set(tried)) == len(tried) <= 2 * most.bit_length()
    assert forget.fewest(lambda count: 1.0, most) is None


def test_where_no_map_speaks_for_the_object_none_is_dropped():
    assert forget.fewest(lambda count: 1.0, 0) is None


def test_nothing_surely_read_is_told(told):
    seer = Seer()
    read = seer.read

    def unsure(images):
        found = read(images)
        found.confidences["window"][:] = 0
        return found

    seer.read = unsure
    with pytest.raises(UserError, match=r"^forget: in none of 20 samples is a window, or none, surely read"):
        forget.compute(planted(), tried=40, labelled=20, seer=seer)


@pytest.mark.parametrize("rectifier", ["relu", "leaky"])
def test_only_what_is_inside_is_moved(rectifier):
    """Of a leaky generator's maps those below zero stay as they are; a rectifier's own never fall below it."""
    model = untrained.model(width=4, activation_G=rectifier)
    asked = forget.Asked.of(model, range(20))
    places = [np.arange(forget.FINE**2).reshape(forget.FINE, -1) % forget.FINE < 20] * 20
    rule = forget.regressed(model, asked, places)
    h = forget.hidden(model, asked)
    assert bool((h < 0).any()) is (rectifier == "leaky")
    inside = ((h * rule.weight[:, None, None]).sum(1) + rule.bias > 0)[:, None].expand_as(h)
    assert inside.any()
    moved = rule.moved(h)
    assert torch.equal(moved[~inside], h[~inside])
    assert not torch.equal(moved[inside], h[inside])
    assert bool((moved < 0).any()) is (rectifier == "leaky")
    still = replace(rule, way=torch.zeros_like(rule.way))
    assert torch.equal(still.moved(h), h)
    drawn = [forget.edited(model, asked, edit) for edit in (still.moved, lambda h: h)]
    assert np.array_equal(*drawn)


def test_places_that_have_nothing_to_do_with_windows_do_not_help(told, monkeypatch):
    """A broken experiment: the labels are those of other pictures."""
    right = forget.place
    monkeypatch.setattr(
        forget, "place", lambda name, factors, what: right(name, {"where": 59 - factors["where"]}, what)
    )
    found = forget.compute(planted(), tried=60, labelled=60, seer=Seer())
    assert found.figures[0].value > 0.15
    assert found.ok is False


def test_nothing_changes_where_nothing_is_edited():
    model = planted()
    z, _ = model.latents(range(40))
    assert np.array_equal(forget.edited(model, forget.Asked(z, None), lambda h: h), model.generate(z))


def test_each_seed_keeps_its_class():
    """In a conditional run; what was boxed is what is edited."""
    model = untrained.model(conditional=True, classes=10, width=4)
    asked = forget.Asked.of(model, [17, 23, 5])
    assert asked.labels is not None
    assert asked.labels.tolist() == [7, 3, 5]
    assert np.array_equal(forget.edited(model, asked, lambda h: h), model.sample([17, 23, 5]))
    assert np.array_equal(forget.edited(model, asked[[2, 0]], lambda h: h), model.sample([5, 17]))


def test_a_room_that_is_ruined_does_not_count_as_one_without_a_window(told, monkeypatch):
    """Mud has no windows either: it is told how many rooms can no longer be read."""
    read = Seer.read

    def ruined(self, images):
        found = read(self, images)
        found.confidence[:] = found.values["window"]
        return found

    monkeypatch.setattr(Seer, "read", ruined)
    found = forget.compute(planted(), tried=60, labelled=60, seer=Seer())
    assert found.figures[-1].name == "readable falls by"
    assert found.figures[-1].value > 0.8
    assert found.ok is False


def test_where_things_stand():
    """A window's place: what differs when it is taken away, and nothing in a room that has none."""
    factors = {name: held for name, held in pictures.factors_of("rooms", 3).items() if name != "detail"}
    room = factors | {"window": 1, "turn": 0.0, "window_place": 0.0, "window_size": 1.0}
    there = forget.place("rooms", room, "window")
    assert 0.03 < there.mean() < 0.3
    assert np.argwhere(there)[:, 0].mean() < forget.FINE / 2  # in the upper half,
    assert np.argwhere(there)[:, 1].mean() > forget.FINE / 2  # in the right wall
    assert there.sum() > 1.2 * forget.place("rooms", room | {"window_size": -1.0}, "window").sum()
    assert not forget.place("rooms", room | {"window": 0}, "window").any()
    hidden = forget.place("rooms", room | {"bed": 0, "bed_colour": -1, "bed_place": np.nan}, "window")
    assert (hidden & there).sum() > 0.5 * there.sum()


def test_boxes_of_a_file(tmp_path: Path):
    path = tmp_path / "boxes.json"
    path.write_text('{"17": [[0.5, 0, 0.5, 0.25]], "18": []}')
    boxes = forget.read_boxes(path)
    assert list(boxes) == [17, 18]
    assert boxes[17].sum() == forget.FINE**2 / 8
    assert boxes[17][0, -1]
    assert not boxes[18].any()
    found = forget.compute(planted(), "lamp", boxes=path)
    assert found.figures == []
    assert [words for words, _ in found.rows][1] == "without the lamp"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"a": []}', '{"1": [[0, 0, 1]]}', '{"1": [[0.9, 0, 0.5, 0.5]]}', '{"1": 3}']
)
def test_files_that_hold_no_boxes(tmp_path: Path, text: str):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"boxes.json: it holds no boxes; write JSON"):
        forget.compute(planted(), boxes=path)


def test_what_cannot_be_forgotten(tmp_path: Path):
    with pytest.raises(UserError, match=r"^--what wall: only of a window, bed, door or lamp"):
        forget.compute(planted(), "wall", seer=Seer())
    with pytest.raises(UserError, match=r"it cannot be read"):
        forget.compute(planted(), boxes=tmp_path / "none.json")
