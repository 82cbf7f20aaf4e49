"""The figures as they are laid out: nothing overlaps, nothing is lost, and what is drawn is what is so."""

import ast
import itertools
import math
import struct
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from matplotlib.patches import Polygon
from matplotlib.text import Text

from dcgan import layers, plots
from dcgan.config import Config
from dcgan.plots import boxes, curves, figure1, style


def words(figure):
    """Every text that is drawn, with where it stands, in pixels."""
    drawn = []
    with mock.patch.object(Text, "draw", lambda text, renderer: drawn.append(text)):
        figure.draw_without_rendering()
    said = [
        (text.get_text().replace(style.TIMES, "x"), text.get_window_extent()) for text in drawn if text.get_visible()
    ]
    return [(text, box) for text, box in said if text.strip()]


def check_layout(figure):
    """No word touches another, and all are on the page; the words and where they stand."""
    placed = words(figure)
    for (one, a), (other, b) in itertools.combinations(placed, 2):
        assert not a.overlaps(b), f"{one!r} and {other!r} overlap"
    for text, box in placed:
        assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1, text
    return placed


# Both networks

CONFIGS = {
    "default": {"size": (64, 64)},
    "paper": {"preset": "paper", "size": (64, 64)},
    "svhn": {"preset": "svhn"},
    "mnist": {"preset": "mnist", "classes": 10, "channels": 1},
    "goodfellow": {"preset": "goodfellow", "channels": 1},
    "smallest": {"size": (8, 8), "channels": 1, "width": 1, "z_dim": 1, "up": "nearest", "norm_G": "none"},
    "largest": {"size": (512, 512), "width": 4096, "width_D": 1, "z_dim": 4096, "dense": 16384, "conditional": True}
    | {"classes": 1000, "norm_G_out": True, "norm_D_in": True, "norm_project": "unit", "norm_affine": False},
    "not square": {"size": (160, 96), "channels": 4, "kernel": 5},
    "flat": {"size": (8, 512), "width_D": 256},
    "tall": {"size": (512, 8), "slope": 0.123456},
    "other mlp": {"network": "mlp", "size": (50, 37), "width": 4096, "width_D": 1},
}


def config(name):
    return Config.build(**{"channels": 3, **CONFIGS[name]})


def drawn(name):
    with style.style():
        return figure1._figure(config(name))


@pytest.mark.parametrize("name", CONFIGS)
def test_networks_of_any_size_fit_without_touching(name):
    with style.style():
        figure = figure1._figure(config(name))
        placed = check_layout(figure)
        shapes = [patch.get_window_extent() for patch in figure.findobj(Polygon)]
        for text, at in placed:
            assert not any(at.overlaps(box) for box in shapes), f"{text!r} is drawn over"
        for box in shapes:
            assert figure.bbox.x0 < box.x0 <= box.x1 < figure.bbox.x1
            assert figure.bbox.y0 < box.y0 <= box.y1 < figure.bbox.y1


def test_the_paper_s_figure_1_in_words():
    said = [text for text, _ in words(drawn("paper"))]
    for text in ("DCGAN, 64 x 64 pictures", "Generator", "Discriminator", "G(z)", "x or G(z)", "D(x)", "per unit"):
        assert said.count(text) == 1, text
    for text in ("1,024 maps", "512 maps", "256 maps", "128 maps", "4 x 4", "8 x 8", "16 x 16", "32 x 32", "64 x 64"):
        assert said.count(text) == 2, text
    assert said.count("5 x 5") == said.count("stride 2") == 8
    assert said.count("batch norm") == 4 + 3  # not on G's output nor on D's input
    assert any("18,885,760 parameters" in text for text in said)  # 100 x 16,384 + 25 x (1024 x 512 + ...) + norms
    assert any("17,232,768 parameters" in text for text in said)


def test_the_class_is_seen_to_join():
    said = [text for text, _ in words(drawn("mnist"))]
    assert {"100 + 10", "1,024 + 10", "128 + 10 maps", "64 + 10 maps", "flatten + 10", "grey + 10"} <= set(said)
    purple = style.CLASS
    pale = [p for p in drawn("mnist").findobj(Polygon) if p.get_edgecolor()[:3] == boxes._mix(purple, 0.1)]
    assert len(pale) == 3 * (4 + 3)  # three faces for each of G's four inputs and D's but the flattened one
    assert not [p for p in drawn("paper").findobj(Polygon) if p.get_edgecolor()[:3] == boxes._mix(purple, 0.1)]


@pytest.mark.parametrize("name", ["paper", "not square", "svhn"])
def test_boxes_grow_and_thin_as_the_maps_do(name):
    G, D = layers.read(config(name))
    for stages in (G, D):
        maps = [body for body in boxes.sized(stages, [*G, *D]) if len(body.stage.shape) == 3]
        for a, b in itertools.combinations(maps, 2):
            (deep_a, *side_a), (deep_b, *side_b) = a.stage.shape, b.stage.shape
            assert (a.deep < b.deep) == (deep_a < deep_b)
            assert (a.tall < b.tall, a.back < b.back) == (side_a[0] < side_b[0], side_a[1] < side_b[1])
        assert maps[0].tall / maps[0].back[0] * boxes.RECEDE[0] == pytest.approx(
            math.sqrt(maps[0].stage.shape[1] / maps[0].stage.shape[2])
        )


def test_a_patch_is_as_large_as_its_kernel():
    """D's 5 x 5 patch on a 64 x 64 picture covers 5/64 of its height; G's is 5/8 of an 8 x 8 map."""
    with style.style():
        figure = figure1._figure(config("paper"))
    dark = [p for p in figure.findobj(Polygon) if p.get_facecolor()[:3] == boxes._mix(style.D_COLOUR, 0.35)]
    patches = [p for p in dark if len(p.get_xy()) == 5 and p.get_edgecolor()[:3] == boxes._mix(style.D_COLOUR, 0)]
    sides = sorted(np.ptp(p.get_xy()[:, 0]) for p in patches)
    shares = [5 / side for side in (64, 32, 16, 8)]
    lengths = [boxes.RECEDE[0] * boxes.MAP_SIDE * math.sqrt(side / 64) for side in (64, 32, 16, 8)]
    assert sides == pytest.approx(sorted(a * b for a, b in zip(shares, lengths, strict=True)))
    thick = [line for line in figure.findobj(lambda a: hasattr(a, "get_linewidth")) if line.get_linewidth() == 2.5]
    spans = [np.ptp(line.get_ydata()) for line in thick]
    assert spans == pytest.approx([5 / side * boxes.MAP_SIDE * math.sqrt(side / 64) for side in (8, 16, 32, 64)])


# Curves


def log(count, seed=0, **replaced):
    random = np.random.default_rng(seed)
    lines = []
    for i in range(count):
        line = {"step": 50 * (i + 1), "images": 3200 * (i + 1), "seconds": 10.0 * (i + 1), "images_per_s": 320.0}
        line |= {"loss_D": 1 + 0.1 * random.standard_normal(), "loss_G": 2 + 0.3 * random.standard_normal()}
        line |= {"D_x": 0.7, "D_Gz": 0.3}
        lines.append(line | {name: value(i) for name, value in replaced.items()})
    return lines


LOGS = {
    "none": [],
    "one": log(1),
    "few": log(5),
    "some": log(200),
    "many": log(2000),
    "spikes": log(300, loss_G=lambda i: 40.0 if i % 100 == 7 else 2 + i % 2),
    "no numbers": log(40, loss_D=lambda i: math.nan, loss_G=lambda i: None, images_per_s=lambda i: math.inf),
    "blown up": log(60, loss_G=lambda i: 10.0 ** (i / 2), loss_D=lambda i: math.nan if i > 20 else 1.0),
    "far below": log(40, loss_G=lambda i: -0.7 - i),
    "still": log(40, loss_D=lambda i: 0.0, loss_G=lambda i: 0.0, images_per_s=lambda i: 0.0),
    "fields missing": [{"step": 1}],
}


@pytest.mark.parametrize("name", LOGS)
def test_curves_of_any_log_are_legible(name):
    with style.style():
        check_layout(curves._figure(LOGS[name], "faces-64", "minimax" if name == "far below" else "non-saturating"))


def draw_log(lines, loss="non-saturating"):
    with style.style():
        figure = curves._figure(lines, "faces-64", loss)
        return figure, figure.axes, {text for text, _ in words(figure)}


def test_what_is_drawn_is_what_was_logged():
    lines = log(12)
    _, (top, middle, bottom), _ = draw_log(lines)
    drawn = {line.get_label(): line for axes in (top, middle, bottom) for line in axes.lines}
    for label, name in (("of D", "loss_D"), ("of G", "loss_G"), ("D(x), of real pictures", "D_x")):
        assert drawn[label].get_xdata().tolist() == [line["step"] for line in lines]
        assert drawn[label].get_ydata().tolist() == [line[name] for line in lines]
    assert drawn["of D"].get_color() == style.D_COLOUR
    assert drawn["of G"].get_color() == drawn["D(G(z)), of generated ones"].get_color() == style.G_COLOUR


@pytest.mark.parametrize(
    ("loss", "levels"),
    [
        ("non-saturating", [(style.D_COLOUR, "log 4", 2 * math.log(2)), (style.G_COLOUR, "log 2", math.log(2))]),
        (
            "minimax",
            [(style.D_COLOUR, "log 4", 2 * math.log(2)), (style.G_COLOUR, f"{style.MINUS}log 2", -math.log(2))],
        ),
        ("own:mine", []),
    ],
)
def test_the_equilibrium_is_marked_where_it_is(loss, levels):
    """At D = 1/2 D's loss is log 4, and G's log 2 or, in the minimax game, -log 2."""
    _, (top, middle, _), said = draw_log(log(12), loss)
    flat = {line.get_color(): float(line.get_ydata()[0]) for line in top.lines if set(line.get_xdata()) == {0, 1}}
    assert flat == pytest.approx({colour: value for colour, _, value in levels})
    assert {text for text in said if "log" in text} == {name for _, name, _ in levels}
    for colour, name, _ in levels:
        assert {text.get_color() for text in top.texts if text.get_text() == name} == {colour}
    assert 0.5 in {float(line.get_ydata()[0]) for line in middle.lines}


def test_events_are_no_reports():
    lines = log(12)
    with_events = [{"event": "start", "step": 0}, *lines[:6], {"event": "resume", "step": 300}, *lines[6:]]
    assert plots.losses(with_events, "faces") == plots.losses(lines, "faces")


def test_a_hundred_thousand_lines_are_few_points():
    _, axes, _ = draw_log([{"step": i, "loss_D": 1.0, "loss_G": 2.0, "D_x": 0.7, "D_Gz": 0.3} for i in range(100_000)])
    for one in axes:
        assert max(len(line.get_xdata()) for line in one.lines) <= curves.BINS


@pytest.mark.parametrize("count", [1, 29, 30, 31, 500, 1499, 1500, 1501, 20_011])
def test_a_thinned_curve_keeps_to_its_values(count):
    steps = np.arange(count) * 50.0
    slope = curves.thinned(steps, 0.001 * steps)
    assert np.isfinite(slope.course).all()
    assert slope.course == pytest.approx(0.001 * slope.steps, abs=0.001 * 50 * count / 30)  # half a window at the ends
    inner = slice(len(slope.steps) // 10, -len(slope.steps) // 10)
    assert slope.course[inner] == pytest.approx(0.001 * slope.steps[inner], abs=1e-9)


def test_bands_hold_four_fifths_of_the_values():
    values = np.random.default_rng(0).standard_normal(100_000)
    curve = curves.thinned(np.arange(100_000.0), values)
    # 80 % of a normal variable lie within 1.2816; bins of 250 scatter by about 0.11, their mean by 0.006
    assert curve.high.mean() == pytest.approx(1.2816, abs=0.03)
    assert curve.low.mean() == pytest.approx(-1.2816, abs=0.03)
    assert abs(curve.course.mean()) < 0.02


@pytest.mark.parametrize("count", [300, 3000])
def test_gaps_stay_gaps_and_spikes_leave_no_step(count):
    values = np.ones(count)
    values[count // 3 : count // 2] = math.nan
    values[count // 4] = 1000.0
    curve = curves.thinned(np.arange(float(count)), values)
    gap = (curve.steps > count * 0.35) & (curve.steps < count * 0.48)
    assert np.isnan(curve.course[gap]).all()
    assert set(curve.course[np.isfinite(curve.course)]) == {1.0}
    known = np.isfinite(curve.course).mean()
    assert 5 / 6 - 0.005 < known < 5 / 6 + 0.015  # a bin half in the gap is drawn from its other half


def test_the_frame_hides_only_rare_spikes_and_says_so():
    _, (top, *_), said = draw_log(LOGS["spikes"])
    assert 3 < top.get_ylim()[1] < 10
    assert "3 of 600 values outside, up to 40" in said
    _, (top, *_), _ = draw_log(log(5, loss_G=lambda i: 40.0 if i == 2 else 2.0))
    assert top.get_ylim()[1] > 40  # of five reports none is rare
    _, (top, *_), said = draw_log(log(300, loss_G=lambda i: 40.0 if 100 < i < 130 else 2.0))
    assert top.get_ylim()[1] > 40  # a tenth of the run is no spike
    assert not [text for text in said if "outside" in text]


def test_lost_numbers_are_counted_and_their_beginning_marked():
    _, (top, middle, _), said = draw_log(log(60, loss_D=lambda i: math.nan if i >= 40 else 1.0))
    assert "no number in 20 of 60 reports, the first at step 2,050" in said
    for axes in (top, middle):
        assert [2050, 2050] in [list(line.get_xdata()) for line in axes.lines]


def test_the_summary_counts_what_was_done():
    assert "20,000 steps  ·  1,280,000 images  ·  1 h 07 min  ·  320 images/s" in draw_log(log(400))[2]
    assert "nothing was reported yet" in draw_log([])[2]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.25, "0.25"),
        (-0.5, style.MINUS + "0.5"),
        (12_000, "12,000"),
        (1e30, "1e30"),
        (-2e-7, style.MINUS + "2e" + style.MINUS + "07"),
    ],
)
def test_numbers_are_short(value, shown):
    assert curves._number(value) == shown


# Files


def chunks(content: bytes) -> dict[str, bytes]:
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    found, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        found[content[at + 4 : at + 8].decode()] = content[at + 8 : at + 8 + length]
        at += 12 + length
    return found


@pytest.mark.parametrize(
    "draw", [lambda: plots.losses(log(40), "a $run$ of {x}_2"), lambda: plots.architecture(config("default"))]
)
def test_equal_input_gives_equal_bytes_whatever_the_user_s_style(draw):
    import matplotlib

    first = draw()
    assert set(chunks(first)) == {"IHDR", "pHYs", "IDAT", "IEND"}  # no date, no version
    own = {
        "font.size": 30,
        "savefig.dpi": 20,
        "axes.linewidth": 5,
        "text.antialiased": False,
        "patch.antialiased": False,
    }
    with matplotlib.rc_context(own):
        before = dict(matplotlib.rcParams)
        assert draw() == first
        assert dict(matplotlib.rcParams) == before


def test_matplotlib_is_imported_only_to_draw():
    for path in Path(plots.__file__).parent.glob("*.py"):
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert not [node for node in top if "matplotlib" in ast.unparse(node)], path
        assert "import pyplot" not in path.read_text()  # whose state is the process's
