"""The built-in pictures: a function of (seed, index) alone, each factor doing its own part and no other."""

import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest

from dcgan.data import pictures
from dcgan.data.pictures import CLASS, FACTORS, NAMES, Category, Continuous, draw, factors_of, render, visible

CONTINUOUS = [(n, f) for n in NAMES for f, kind in FACTORS[n].items() if isinstance(kind, Continuous)]
CATEGORIES = [(n, f) for n in NAMES for f, kind in FACTORS[n].items() if isinstance(kind, Category)]


def values(kind: Category | Continuous) -> list[float]:
    return list(range(len(kind.values))) if isinstance(kind, Category) else [kind.low, kind.high]


def shown(name: str, factor: str, one: dict[str, float | int | str]) -> dict[str, float | int | str]:
    """A picture's factors, changed so that this factor can be seen."""
    unless = FACTORS[name][factor].unless
    if unless is not None:
        one = one | {unless[0]: 1 if FACTORS[name][unless[0]].values[0] == unless[1] else 0}
    return one


def changed(name: str, one: dict, size: int, **change: float | int | str) -> np.ndarray:
    """Where two pictures differ visibly, bool [size, size]."""
    a, b = (render(name, f, size).astype(int) for f in (one, one | change))
    return np.abs(a - b).max(axis=2) > 8


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_the_same_alone_in_a_batch_and_in_any_order(name):
    images, factors = draw(name, range(12), 32, seed=5)
    again, factors_again = draw(name, [7, 0, 11], 32, seed=5)
    assert np.array_equal(again, images[[7, 0, 11]])
    for factor, column in factors.items():
        assert np.array_equal(factors_again[factor], column[[7, 0, 11]])
    assert len({image.tobytes() for image in images}) == 12
    assert not np.array_equal(draw(name, [0], 32, seed=6)[0][0], images[0])


def test_a_fresh_process_draws_the_same_bytes():
    # Another hash seed, so that no order of a set or dict can matter.
    code = (
        "import hashlib, numpy as np; from dcgan.data.pictures import NAMES, draw\n"
        "print(hashlib.sha256(b''.join(draw(n, range(4), s)[0].tobytes() for n, s in NAMES.items())).hexdigest())"
    )
    ours = hashlib.sha256(b"".join(draw(n, range(4), s)[0].tobytes() for n, s in NAMES.items())).hexdigest()
    path = str(next(p for p in pictures.__path__))[: -len("/dcgan/data/pictures")]
    env = {"PYTHONPATH": path, "PYTHONHASHSEED": "123", "OMP_NUM_THREADS": "1"}
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ours


DIGITS = [8, 1, 4, 6, 5, 7, 3, 2, 9, 0, 3, 5]


def test_factors_are_these_numbers_everywhere():
    # Integers of Philox and exact divisions: no platform or numpy version may give others.
    assert factors_of("faces", 17, seed=3) == {
        "style": 0, "glasses": 0, "mouth": -0.8572641611099243, "turn": 0.7350437641143799, "hair": 5, "hair_colour": 0,
        "skin": -0.14580295979976654, "background": -0.9036210179328918, "x": 0.7080258727073669,
        "y": -0.1668476015329361, "scale": 0.7983755469322205, "eyes": -0.6067718863487244, "eye_colour": 0,
        "brows": -0.7956907153129578, "shirt": 0.9931780695915222, "detail": 2099012391,
    }  # fmt: skip
    assert [factors_of("numbers", i)["digit"] for i in range(12)] == DIGITS


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_factors_draw_the_same_picture_again(name):
    images, factors = draw(name, [3, 4], 32)
    for i in range(2):
        row = {f: column[i] for f, column in factors.items()}
        assert np.array_equal(render(name, row, 32), images[i])
        named = {f: kind.values[row[f]] if isinstance(kind, Category) else row[f] for f, kind in FACTORS[name].items()}
        assert np.array_equal(render(name, named, 32), images[i])
    assert all(c.dtype == (np.float32 if isinstance(FACTORS[name][f], Continuous) else np.int64)
               for f, c in factors.items())  # fmt: skip


def test_missing_and_unknown_factors_are_refused():
    one = factors_of("rooms", 0)
    with pytest.raises(ValueError, match="rooms needs the factors window, bed"):
        render("rooms", {"window": 1}, 32)
    with pytest.raises(ValueError, match="mood"):
        render("rooms", one | {"mood": 1.0}, 32)
    with pytest.raises(ValueError, match="hammock"):
        render("rooms", one | {"bed": "hammock"}, 32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [8, 16, 32, 33, 64, 96, 128, 512])
def test_every_size(name, size):
    images, _ = draw(name, range(2), size)
    assert images.shape == (2, size, size, 3)
    assert images.dtype == np.uint8
    assert images.std(axis=(1, 2)).mean() > 10  # not an even area


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_large_drawing_made_smaller_is_the_small_drawing(name, size):
    # Twice the size averaged over 2x2 pixels. Faces and rooms differ by rounding only; the grain of `numbers` has its
    # own pixels at each size, and its blur is cut off differently.
    small = draw(name, range(16), size)[0].astype(float)
    large = draw(name, range(16), 2 * size)[0].astype(float)
    gap = np.abs(large.reshape(16, size, 2, size, 2, 3).mean(axis=(2, 4)) - small)
    assert 0 < gap.mean() < (3.0 if name == "numbers" else 0.5)


@pytest.mark.parametrize("blur", [0.0, 0.5, 1.0])
def test_a_blurred_sign_is_as_blurred_at_any_size(blur):
    gaps = []
    for index in range(8):
        one = factors_of("numbers", index) | {"blur": blur}
        large = render("numbers", one, 128).astype(float).reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
        gaps.append(np.abs(large - render("numbers", one, 32)).mean())
    # 1 to 2 grey levels are grain; a blur that did not grow with the picture is 8 off.
    assert 0.5 < np.mean(gaps) < 2.5


def test_digits_are_balanced():
    for seed in (0, 1):
        digits = np.array([factors_of("numbers", i, seed)["digit"] for i in range(200)]).reshape(20, 10)
        assert (np.sort(digits, axis=1) == np.arange(10)).all()
        assert len({tuple(row) for row in digits}) == 20  # ... in an order of its own each time
    assert CLASS["numbers"] == "digit"
    assert FACTORS["numbers"]["digit"].values == tuple("0123456789")


@pytest.fixture(scope="module")
def many() -> dict[str, dict[str, np.ndarray]]:
    n = 4000
    rows = {name: [factors_of(name, i) for i in range(n)] for name in NAMES}
    return {name: {f: np.array([row[f] for row in rows[name]], dtype=float) for f in FACTORS[name]} for name in NAMES}


@pytest.mark.parametrize(("name", "factor"), CATEGORIES)
def test_categories_take_all_their_values(name, factor, many):
    kind = FACTORS[name][factor]
    k, n = len(kind.values), len(many[name][factor])
    shares = (
        np.full(k, 1 / k) if kind.first is None else np.array([kind.first] + [(1 - kind.first) / (k - 1)] * (k - 1))
    )
    counts = np.bincount(many[name][factor].astype(int), minlength=k)
    assert len(counts) == k
    assert (np.abs(counts - n * shares) < 5 * np.sqrt(n * shares * (1 - shares))).all()  # 5 sigma, binomial


@pytest.mark.parametrize(("name", "factor"), CONTINUOUS)
def test_continuous_factors_are_uniform(name, factor, many):
    kind = FACTORS[name][factor]
    u = np.sort((many[name][factor] - kind.low) / (kind.high - kind.low))
    n = len(u)
    assert u[0] >= 0
    assert u[-1] <= 1
    # Kolmogorov-Smirnov: beyond 2.2 / sqrt(n) with probability 1e-4
    assert np.abs(u - (np.arange(n) + 0.5) / n).max() < 2.2 / np.sqrt(n)


@pytest.mark.parametrize("name", NAMES)
def test_factors_are_independent(name, many):
    columns = np.stack(list(many[name].values()))
    r = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(r).max() < 5 / np.sqrt(columns.shape[1])  # 5 standard errors
    assert np.abs(np.corrcoef(columns[:, 1:], columns[:, :-1])).max() < 1.1  # defined: no column is constant


@pytest.mark.parametrize(("name", "factor"), CONTINUOUS + CATEGORIES)
def test_every_factor_can_be_seen(name, factor):
    kind = FACTORS[name][factor]
    for index in range(3):
        one = shown(name, factor, factors_of(name, index)) | {"detail": 5}
        if factor == "eye_colour":
            one |= {"eyes": 1.0, "hair": "bald", "turn": 0.0}
        looks = {render(name, one | {factor: value}, 64).tobytes() for value in values(kind)}
        assert len(looks) == len(values(kind))


@pytest.mark.parametrize(("name", "factor"), [(n, f) for n in NAMES for f, k in FACTORS[n].items() if k.unless])
def test_a_hidden_factor_changes_nothing(name, factor):
    other, value = FACTORS[name][factor].unless
    one = factors_of(name, 2) | {other: value}
    assert len({render(name, one | {factor: v}, 32).tobytes() for v in values(FACTORS[name][factor])}) == 1
    _, columns = draw(name, range(60), 8)
    assert np.array_equal(visible(name, factor, columns), columns[other] != FACTORS[name][other].values.index(value))
    assert visible(name, other, columns).all()


@pytest.mark.parametrize(("name", "factor"), CONTINUOUS)
def test_continuous_factors_move_without_jumps(name, factor):
    kind = FACTORS[name][factor]
    for index in range(2):
        one = shown(name, factor, factors_of(name, index))
        line = np.stack([render(name, one | {factor: v}, 32) for v in np.linspace(kind.low, kind.high, 31)]).astype(
            float
        )
        steps = np.abs(np.diff(line, axis=0)).mean(axis=(1, 2, 3))
        # Something that appears at once makes a step of many times the mean; below 0.1 grey levels it cannot be seen.
        assert steps.max() < max(3.5 * steps.mean(), 0.1)


FACE = {
    "style": "woman", "glasses": "none", "mouth": 0.0, "turn": 0.0, "hair": "short", "hair_colour": "brown",
    "skin": -0.4, "background": 0.5, "x": 0.0, "y": 0.0, "scale": 0.0, "eyes": 0.5, "eye_colour": "blue",
    "brows": 0.0, "shirt": 0.0, "detail": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "region"),  # left, right, top, bottom of where it may reach, in parts of the picture
    [
        ({"mouth": 1.0}, (0.3, 0.7, 0.55, 0.78)),
        ({"mouth": -1.0}, (0.3, 0.7, 0.55, 0.78)),
        ({"glasses": "glasses"}, (0.2, 0.8, 0.38, 0.62)),
        ({"eye_colour": "brown"}, (0.3, 0.7, 0.42, 0.55)),
        ({"brows": 1.0}, (0.25, 0.75, 0.3, 0.5)),
        ({"hair": "long", "turn": 0.0}, (0.1, 0.9, 0.0, 1.0)),
        ({"shirt": -1.0}, (0.0, 1.0, 0.75, 1.0)),
    ],
)
def test_a_face_changes_where_it_should_and_nowhere_else(change, region):
    size = 64
    where = changed("faces", FACE, size, **change)
    left, right, top, bottom = (round(edge * size) for edge in region)
    assert where[top:bottom, left:right].sum() >= 8
    where[top:bottom, left:right] = False
    assert not where.any()


def test_the_background_is_behind():
    where = changed("faces", FACE, 64, background=-0.5)
    assert where[:20, :8].all()
    assert where[:20, -8:].all()
    assert not where[24:44, 26:38].any()  # the face


def test_a_head_turns_towards_the_side_the_factor_says():
    # The whites and irises of the eyes, found by exchanging them, move across the picture.
    places = []
    for turn in np.linspace(-1, 1, 7):
        where = changed("faces", FACE | {"hair": "bald", "turn": float(turn)}, 64, eye_colour="brown")
        places.append(np.nonzero(where)[1].mean())
    assert (np.diff(places) > 0.8).all()
    assert abs(places[3] - 31.5) < 1
    assert abs(places[0] + places[-1] - 63) < 1.5  # as far to the left as to the right


def test_a_face_goes_where_x_y_and_scale_say():
    def box(**change: float) -> tuple[float, float, float]:
        where = changed("faces", FACE | change, 128, skin=0.9)  # the face's own pixels
        rows, columns = np.nonzero(where)
        return columns.mean(), rows.mean(), float(where.sum())

    x, y, area = box()
    assert box(x=1.0)[0] - x == pytest.approx(0.08 * 64, abs=1)
    assert box(x=-1.0)[0] - x == pytest.approx(-0.08 * 64, abs=1)
    assert box(y=1.0)[1] - y == pytest.approx(0.04 * 64, abs=1)
    assert box(scale=1.0)[2] / area == pytest.approx((0.65 / 0.605) ** 2, abs=0.05)


ROOM = {
    "window": "none", "bed": "none", "door": "none", "lamp": "none", "turn": 0.0, "light": 0.6, "wall": -1.0,
    "floor": "oak", "bed_colour": "red", "bed_place": 0.0, "window_place": 0.0, "window_size": 0.0, "lamp_on": "off",
    "door_colour": "teal", "detail": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("thing", "region", "least"),  # least: the part of the picture that shows it
    [
        ("window", (0.5, 0.95, 0.1, 1.0), 0.03),
        ("bed", (0.15, 0.9, 0.4, 1.0), 0.08),
        ("door", (0.1, 0.45, 0.2, 0.8), 0.06),
        ("lamp", (0.4, 0.6, 0.2, 0.75), 0.015),
    ],
)
def test_things_stand_in_their_place_in_a_room(thing, region, least):
    for turn in (-1.0, 0.0, 1.0):
        where = changed("rooms", ROOM | {"turn": turn}, 64, **{thing: thing})
        assert where.mean() >= least
        if turn == 0.0:
            left, right, top, bottom = (round(edge * 64) for edge in region)
            assert where[top:bottom, left:right].mean() > 0
            where[top:bottom, left:right] = False
            assert not where.any()


def test_a_room_grows_light_with_the_day_and_with_the_lamp():
    brightness = [render("rooms", ROOM | {"light": float(v)}, 32).mean() for v in np.linspace(-1, 1, 7)]
    assert (np.diff(brightness) > 0).all()
    night = ROOM | {"light": -1.0, "lamp": "lamp"}
    gain = render("rooms", night | {"lamp_on": "on"}, 32).astype(int) - render("rooms", night, 32)
    assert gain[8:16, 12:20].mean() > 40  # round the lamp
    assert 0 <= gain[-4:].mean() < 20  # far from it


def test_the_class_is_the_digit_in_the_middle():
    one = factors_of("numbers", 4) | {"x": 0.0, "y": 0.0, "turn": 0.0, "left": "3", "right": "5"}
    middle = changed("numbers", one | {"digit": "1"}, 64, digit="8")
    assert middle.any()
    assert not middle[:, :10].any()
    assert not middle[:, -10:].any()
    for side, columns in (("left", slice(36, None)), ("right", slice(None, 28))):
        where = changed("numbers", one, 64, **{side: "none"})
        assert where.any()
        assert not where[:, columns].any()


def test_digits_stand_out_from_their_sign():
    # Difference of luma between strokes and sign, without light, blur and grain: 0 is unseen, 255 black on white.
    from dcgan.data.pictures.numbers import COLOURS

    luma = np.array((0.299, 0.587, 0.114))
    for name, (sign, ink) in COLOURS.items():
        assert abs(float(luma @ np.array(sign) - luma @ np.array(ink))) > 90, name


def test_every_way_to_write_a_digit_is_different_and_fills_its_box():
    from dcgan.data.pictures.glyphs import HANDS, STROKES, outlines

    for hand in HANDS.values():
        seen = set()
        for digit in STROKES:
            points = np.concatenate(outlines(digit, hand, 0.34))
            assert points[:, 1].min() == pytest.approx(-1, abs=0.12), digit
            assert points[:, 1].max() == pytest.approx(1, abs=0.12), digit
            assert np.abs(points[:, 0]).max() < hand.width / 2 + 0.34, digit
            seen.add(points.round(3).tobytes())
        assert len(seen) == 10


@pytest.mark.parametrize("name", NAMES)
def test_drawing_is_quick(name):
    # 10,000 in well under a minute on two cores is 8 ms each on one; 3 times that, for a machine that is busy.
    draw(name, range(5), NAMES[name])
    start = time.process_time()
    draw(name, range(50), NAMES[name])
    assert (time.process_time() - start) / 50 < 0.024
