"""A latent is a function of its seed that any language can repeat; a point is weighted seeds, in words."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan import latents
from dcgan.errors import UserError
from dcgan.latents import MAX_SEED, Point, Term, draw, parse, parse_seeds, resolve, walk

# Random123's kat_vectors, its three lines for `philox4x32 10`: counter, key -> result
KNOWN_ANSWERS = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
seeds = st.integers(0, MAX_SEED)


def words(text):
    return np.array([int(word, 16) for word in text.split()], np.uint64)


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(counter, key, result):
    assert np.array_equal(latents.philox4x32(words(counter), words(key)), words(result))


@pytest.mark.parametrize("distribution", latents.DISTRIBUTIONS)
def test_many_points_are_each_its_own(distribution):
    points = [parse(words) for words in ("17", "0.5*12 + 0.5*40", "3", "2*3", "-3", "5 ~2", "3,4", "#z.1", "17 @2")]
    for some in ([], points, points[1:2], points[:1], points[::-1]):
        z = latents.resolve_all(some, 10, distribution)
        assert (z.dtype, z.shape) == (np.float32, (len(some), 10))
        assert all(np.array_equal(one, resolve(point, 10, distribution)) for one, point in zip(z, some, strict=True))


def test_philox_of_seeds_is_the_key_and_the_counter():
    got = latents.philox(np.array([0, MAX_SEED], np.uint64), np.array([0, 5, 2**32 - 1]), stream=7)
    assert got.shape == (2, 3, 4)
    for i, seed in enumerate((0, MAX_SEED)):
        for j, counter in enumerate((0, 5, 2**32 - 1)):
            key = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint64)
            assert np.array_equal(got[i, j], latents.philox4x32(np.array([counter, 7, 0, 0], np.uint64), key))


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: nothing to compare with")
def test_javascript_gives_the_same_numbers():
    asked = [
        {"seed": seed, "z_dim": z_dim, "distribution": distribution, "stream": stream}
        for seed, z_dim, stream in [(0, 100, 0), (17, 1, 0), (2**32 - 1, 7, 0), (2**32, 100, 1), (MAX_SEED, 1024, 0)]
        for distribution in latents.DISTRIBUTIONS
    ]
    script = Path(__file__).with_name("latents.mjs")
    done = subprocess.run(["node", script, json.dumps(asked)], capture_output=True, text=True, check=True)
    for one, theirs in zip(asked, json.loads(done.stdout), strict=True):
        ours = draw([one["seed"]], one["z_dim"], one["distribution"], one["stream"])[0]
        if one["distribution"] == "uniform":
            assert ours.tolist() == theirs
        else:  # log and cosine may differ in a double's last bits, seldom enough to change a float's last
            assert np.abs(ours - np.array(theirs)).max() <= 2.0**-22


@given(st.lists(seeds, min_size=1, max_size=9), st.integers(1, 130), st.sampled_from(latents.DISTRIBUTIONS))
def test_z_depends_on_nothing_but_its_seed(asked, z_dim, distribution):
    together = draw(asked, z_dim, distribution)
    assert together.shape == (len(asked), z_dim)
    assert together.dtype == np.float32
    for seed, z in zip(asked, together, strict=True):
        assert np.array_equal(draw([seed], z_dim, distribution)[0], z)
        assert np.array_equal(draw([seed], 131, distribution)[0, :z_dim], z)  # nor on how many numbers are asked for
    assert np.array_equal(draw(asked[::-1], z_dim, distribution), together[::-1])


def test_uniform_fills_its_range_evenly():
    z = draw(range(2000), 500).astype(np.float64).ravel()  # a million numbers
    assert -1 <= z.min() < -0.99999
    assert 0.99999 < z.max() <= 1
    # standard errors: mean sqrt(1/3)/1000, mean square sqrt(4/45)/1000, a decile's share 0.0003; five of each
    assert abs(z.mean()) < 5 * 0.000577
    assert abs((z**2).mean() - 1 / 3) < 5 * 0.000298
    shares = np.histogram(z, 10, (-1, 1))[0] / z.size
    assert np.abs(shares - 0.1).max() < 5 * 0.0003
    assert abs((z[:-1] * z[1:]).mean()) < 5 / 3000  # neighbours


def test_normal_is_normal():
    z = draw(range(2000), 500, "normal").astype(np.float64).ravel()
    # standard errors of the first four moments of N(0, 1) over a million: 1, sqrt 2, sqrt 15, sqrt 96, by 1000
    for power, (moment, error) in enumerate([(0, 1), (1, 2**0.5), (0, 15**0.5), (3, 96**0.5)], start=1):
        assert abs((z**power).mean() - moment) < 5 * error / 1000
    pairs = z.reshape(-1, 2)  # both of Box-Muller's numbers, independent
    assert abs((pairs[:, 0] * pairs[:, 1]).mean()) < 5 / 500_000**0.5
    assert np.isfinite(z).all()


def test_seeds_and_streams_are_unrelated():
    z = draw(range(400), 100).astype(np.float64)
    correlations = np.corrcoef(z)[np.triu_indices(400, 1)]
    assert np.abs(correlations).max() < 0.55  # of 79,800 with error 0.1, none beyond 5.5 of it
    other = draw(range(400), 100, stream=1).astype(np.float64)
    assert abs((z * other).mean()) < 5 / 3 / 200


# A point in words

READ = [
    ("17", Point((Term(1.0, (17,)),))),
    (" 17 ", Point((Term(1.0, (17,)),))),
    ("-17", Point((Term(-1.0, (17,)),))),
    ("0.5*12 + 0.5*40", Point((Term(0.5, (12,)), Term(0.5, (40,))))),
    ("0.5*12+0.5*40", Point((Term(0.5, (12,)), Term(0.5, (40,))))),
    (".5 * 12 - 2. * 40", Point((Term(0.5, (12,)), Term(-2.0, (40,))))),
    ("1e-3*1 + 2.5E+1*2", Point((Term(0.001, (1,)), Term(25.0, (2,))))),
    ("+12,40,77 -3,9,31", Point((Term(1.0, (12, 40, 77)), Term(-1.0, (3, 9, 31))))),
    ("12, 40 ,77", Point((Term(1.0, (12, 40, 77)),))),
    ("17 ~7", Point((Term(1.0, (17,)),), (7,))),
    ("17~7~8", Point((Term(1.0, (17,)),), (7, 8))),
    ("0.5*#smile + 17", Point((Term(0.5, "smile"), Term(1.0, (17,))))),
    ("#a.b-c_1 - #d", Point((Term(1.0, "a.b-c_1"), Term(-1.0, "d")))),
    ("17 @3", Point((Term(1.0, (17,)),), (), 3)),
    ("17 @0 ~5 + 2*#x", Point((Term(1.0, (17,)), Term(2.0, "x")), (5,), 0)),
    (str(MAX_SEED), Point((Term(1.0, (MAX_SEED,)),))),
]


@pytest.mark.parametrize(("text", "point"), READ)
def test_parse_reads_the_grammar(text, point):
    assert parse(text) == point
    assert parse(str(point)) == point


HELP = "write seeds with weights, like 17, '0.5*12 + 0.5*40' or '+12,40,77 -3,9,31'"
UNREADABLE = [
    ("", "it ends too soon"),
    ("   ", "it ends too soon"),
    ("~7", "it ends too soon"),
    ("@3", "it ends too soon"),
    ("17 +", "it ends too soon"),
    ("seventeen", "cannot read 'seventeen'"),
    ("17 + cat", "cannot read 'cat'"),
    ("1*2*3", "cannot read '1*2*3'"),
    ("0.5", "cannot read '0.5'"),
    ("17.5", "cannot read '17.5'"),
    ("+ + 17", "cannot read '+ 17'"),
    ("+ ~7", "cannot read '~7'"),
    ("+ @7", "cannot read '@7'"),
    ("12,,40", "cannot read ',,40'"),
    ("12,40,", "cannot read ','"),
    ("17 @x", "cannot read '@x'"),
    ("17 ~", "cannot read '~'"),
    ("17 #", "cannot read '#'"),
    ("2**17", "cannot read '2**17'"),
    ("17)", "cannot read ')'"),
    ("inf*3", "cannot read 'inf*3'"),
    ("nan", "cannot read 'nan'"),
]


@pytest.mark.parametrize(("text", "why"), UNREADABLE)
def test_parse_names_the_place_where_words_stop_making_sense(text, why):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert str(caught.value) == f"point {text!r}: {why}; {HELP}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("17 40", "two terms with no sign between them; write + or -, or a comma for the mean of a group"),
        ("17 @1 @2", "it names two classes; keep one @CLASS"),
        ("1e7*17", "a weight is at most 1,000,000, and 1e7 is above it"),
        ("1e999*17", "a weight is at most 1,000,000, and 1e999 is above it"),
    ],
)
def test_parse_says_what_is_wrong(text, sentence):
    with pytest.raises(UserError) as caught:
        parse(text)
    assert str(caught.value) == f"point {text!r}: {sentence}"


@pytest.mark.parametrize("digits", [str(MAX_SEED + 1), "9" * 5000])
@pytest.mark.parametrize(("text", "what"), [("{}", "seed"), ("1,{}", "seed"), ("1 ~{}", "seed"), ("1 @{}", "class")])
def test_whole_numbers_have_a_bound(digits, text, what):
    with pytest.raises(UserError) as caught:
        parse(text.format(digits))
    said = f"a {what} is a whole number from 0 to {MAX_SEED}, and {digits} is above it"
    assert str(caught.value) == f"{text.format(digits)!r}: {said}"


weights = st.floats(-latents.MAX_WEIGHT, latents.MAX_WEIGHT)
names = st.builds(str.__add__, st.text("az09_.-", max_size=5), st.sampled_from("az09_"))
terms = st.builds(Term, weights, st.lists(seeds, min_size=1, max_size=4).map(tuple) | names)
points = st.builds(
    Point,
    st.lists(terms, min_size=1, max_size=5).map(tuple),
    st.lists(seeds, max_size=2).map(tuple),
    st.none() | st.integers(0, 999),
)


@given(points)
def test_a_point_in_words_reads_back_as_the_same_point(point):
    assert parse(str(point)) == point
    assert str(parse(str(point))) == str(point)


@given(st.text("0123456789.,*+-~@#eE \tabc", max_size=20) | st.text(max_size=20))
def test_any_words_are_a_point_or_a_sentence(text):
    try:
        again = parse(str(parse(text)))
    except UserError as error:
        again = str(error)
    assert again == parse(text) if isinstance(again, Point) else "\n" not in again


def test_resolve_is_the_paper_s_arithmetic():
    z = {seed: draw([seed], 100)[0].astype(np.float64) for seed in (3, 5, 9, 12, 40)}
    saved = {"smile": np.arange(100, dtype=np.float32)}.__getitem__
    expected = (z[12] + z[40]) / 2 - 0.5 * (z[3] + z[9] + z[5]) / 3 + 2 * np.arange(100)
    got = resolve(parse("12,40 - 0.5*3,9,5 + 2*#smile"), 100, saved=saved)
    assert got.dtype == np.float32
    assert np.array_equal(got, expected.astype(np.float32))
    assert np.array_equal(resolve(parse("17"), 100, "normal"), draw([17], 100, "normal")[0])


def test_noise_is_a_quarter_of_another_stream():
    plain, near = resolve(parse("17"), 100), resolve(parse("17 ~7"), 100)
    assert 0.2 < np.abs(near - plain).max() <= 0.25 + 1e-6  # U(-0.25, 0.25), and float32's rounding
    assert not np.array_equal(near, resolve(parse("17 ~8"), 100))
    assert np.abs(np.corrcoef(near - plain, draw([7], 100)[0])[0, 1]) < 0.5  # not the latent of seed 7 itself


def test_a_saved_point_needs_a_run():
    with pytest.raises(UserError) as caught:
        resolve(parse("17 + #smile"), 100)
    assert str(caught.value) == "point '17 +#smile': #smile is a point saved in a run, and there is none here"


def test_the_class_of_a_point_comes_from_its_first_seed():
    assert parse("0.5*#x + 12,40 - 3").seed == 12
    assert parse("#x").seed == 0


# From point to point

A, B = draw([1, 2], 100)
C, D = draw([1, 2], 100, "normal")


def test_walk_in_the_cube_is_a_line():
    path = walk(A, B, 8)
    assert path.shape == (8, 100)
    assert path.dtype == np.float32
    assert np.array_equal(path[0], A)
    assert np.allclose(path[4], (A + B) / 2, atol=1e-7)
    assert np.allclose(path[-1] + (B - A) / 8, B, atol=1e-6)  # the end itself begins the next part


def test_walk_on_the_sphere_keeps_its_radius():
    path = walk(C, D, 8, "normal").astype(np.float64)
    assert np.allclose(path[0], C, atol=1e-6)
    lengths = np.linalg.norm(path, axis=1)
    ends = sorted((np.linalg.norm(C), np.linalg.norm(D)))
    assert ends[0] - 0.05 < lengths.min()  # a line's middle would be 0.7 of it
    assert lengths.max() < ends[1] + 0.05
    steps = np.linalg.norm(np.diff(np.vstack([path, D]), axis=0), axis=1)
    assert steps.max() / steps.min() < 1.1  # equal steps of the arc


@pytest.mark.parametrize("end", [A, 2 * A, -A, np.zeros(100, np.float32)])
@pytest.mark.parametrize("distribution", latents.DISTRIBUTIONS)
def test_walk_without_an_arc_is_still_a_line(end, distribution):
    path = walk(A, end, 4, distribution)
    assert np.isfinite(path).all()
    assert np.allclose(path[1], 0.75 * A + 0.25 * end, atol=1e-6)


# Seeds in words


@pytest.mark.parametrize(
    ("text", "expected"),
    [("17", [17]), ("0-3", [0, 1, 2, 3]), ("3,9,17", [3, 9, 17]), (" 0 - 2 , 17", [0, 1, 2, 17]), ("5-5,5", [5, 5])],
)
def test_parse_seeds(text, expected):
    assert parse_seeds(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "--seeds : '' is not a seed or a range; write 17, 0-63 or 0-3,17"),
        ("1,,2", "--seeds 1,,2: '' is not a seed or a range; write 17, 0-63 or 0-3,17"),
        ("-5", "--seeds -5: '-5' is not a seed or a range; write 17, 0-63 or 0-3,17"),
        ("1.5", "--seeds 1.5: '1.5' is not a seed or a range; write 17, 0-63 or 0-3,17"),
        ("cat", "--seeds cat: 'cat' is not a seed or a range; write 17, 0-63 or 0-3,17"),
        ("9-3", "--seeds 9-3: the range 9-3 runs backwards; write 3-9"),
        (f"{2**53}", f"'{2**53}': a seed is a whole number from 0 to {MAX_SEED}, and {2**53} is above it"),
        ("0-9999999", "--seeds 0-9999999: at most 1,000,000 at once; ask for them in parts"),
        (f"0-{MAX_SEED}", f"--seeds 0-{MAX_SEED}: at most 1,000,000 at once; ask for them in parts"),
    ],
)
def test_parse_seeds_says_what_is_wrong(text, sentence):
    with pytest.raises(UserError) as caught:
        parse_seeds(text)
    assert str(caught.value) == sentence


def test_every_run_has_its_axes_and_noises_as_names():
    axis = resolve(parse("17 + 0.5*#z.3"), 8) - resolve(parse("17"), 8)
    assert axis == pytest.approx([0, 0, 0, 0.5, 0, 0, 0, 0], abs=1e-6)  # rounded to float32 once
    assert np.array_equal(resolve(parse("17 + #n.7"), 8), resolve(parse("17 ~7"), 8))
    with pytest.raises(UserError, match=r"#z\.8.*have 8 numbers, #z\.0 to #z\.7"):
        resolve(parse("17 + #z.8"), 8)
    assert not latents.is_name("z.3")
    assert latents.is_name("z.x")
