"""uint8 meets floats in one place, and exactly; sheets, PNG and animations hold what was put in."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan import images

LEVELS = np.arange(256, dtype=np.uint8)


def pictures(n, h, w, c, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, h, w, c), dtype=np.uint8)


@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_every_grey_level_survives_the_way_there_and_back(output):
    x = images.to_float(LEVELS.reshape(1, 16, 16, 1), output)
    low = -1.0 if output == "tanh" else 0.0
    exact = torch.linspace(low, 1, 256, dtype=torch.float64).view(1, 1, 16, 16)
    assert x.dtype == torch.float32
    assert (x - exact).abs().max() < 2e-7  # float32's rounding of numbers up to 1
    assert x.min() == low
    assert abs(x.max() - 1) < 1e-6
    assert np.array_equal(images.to_uint8(x, output).ravel(), LEVELS)


@pytest.mark.parametrize("output", ["tanh", "sigmoid"])
def test_to_uint8_takes_the_nearest_level_and_stays_in_range(output):
    step = 2 / 255 if output == "tanh" else 1 / 255
    x = images.to_float(LEVELS.reshape(1, 16, 16, 1), output)
    for shift in (-0.49, 0.49):
        assert np.array_equal(images.to_uint8(x + shift * step, output).ravel(), LEVELS)
    assert images.to_uint8(torch.full((1, 1, 1, 1), -9.0), output).item() == 0
    assert images.to_uint8(torch.full((1, 1, 1, 1), 9.0), output).item() == 255


@pytest.mark.parametrize("c", [1, 3, 4])
def test_pictures_keep_their_places(c):
    held = pictures(2, 5, 7, c)
    x = images.to_float(held)
    assert x.shape == (2, c, 5, 7)
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(images.to_uint8(x), held)
    low_precision = images.to_uint8(x.bfloat16().requires_grad_())  # as G gives it while training
    assert low_precision.dtype == np.uint8
    assert np.abs(low_precision.astype(int) - held).max() <= 1  # 8 bits of mantissa: half a level near 1


def test_arrays_of_any_layout_are_taken_and_left_alone():
    held = pictures(2, 6, 6, 3)
    fixed = held.copy()
    fixed.setflags(write=False)
    for array in (fixed, held[:, :, ::-1], np.asfortranarray(held), held[::-1, ::-1]):
        before = array.copy()
        assert np.array_equal(images.to_uint8(images.to_float(array)), before)
        assert np.array_equal(array, before)
    assert np.array_equal(images.to_uint8(images.to_float(torch.from_numpy(held))), held)


@pytest.mark.parametrize("c", [1, 3, 4])
def test_grid_places_each_picture(c):
    held = pictures(7, 4, 6, c)
    sheet = images.grid(held, columns=3, gap=2)
    assert sheet.shape == (2 + 3 * 6, 2 + 3 * 8, c)
    covered = np.zeros(sheet.shape[:2], bool)
    for i, image in enumerate(held):
        top, left = 2 + i // 3 * 6, 2 + i % 3 * 8
        assert np.array_equal(sheet[top : top + 4, left : left + 6], image)
        covered[top : top + 4, left : left + 6] = True
    ground = sheet[~covered]
    assert (ground[:, : min(c, 3)] == 255).all()
    if c == 4:
        assert (ground[:, 3] == 0).all()


@pytest.mark.parametrize(
    ("n", "h", "w", "columns", "shape"),
    [(1, 8, 8, None, (1, 1)), (1, 8, 8, 5, (1, 1)), (64, 8, 8, None, (8, 8)), (5, 8, 8, None, (2, 3)),
     (12, 10, 20, None, (4, 3)), (10, 8, 8, 4, (3, 4))],
)  # fmt: skip
def test_grid_is_nearly_square_unless_told(n, h, w, columns, shape):
    rows, columns_drawn = shape
    sheet = images.grid(pictures(n, h, w, 3), columns, gap=0)
    assert sheet.shape == (rows * h, columns_drawn * w, 3)


@pytest.mark.parametrize("c", [1, 3, 4])
@pytest.mark.parametrize(("h", "w"), [(1, 1), (9, 11), (3, 300), (2 * images.BAND + 1, 2)])
def test_png_holds_the_picture_and_its_recipe(h, w, c, tmp_path):
    image = pictures(1, h, w, c)[0]
    content = images.png(image, {"dcgan": "seed 17 ~7 — naïve"})
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.format == "PNG"
        assert opened.mode == {1: "L", 3: "RGB", 4: "RGBA"}[c]
        assert opened.text == {"dcgan": "seed 17 ~7 — naïve"}
    (tmp_path / "a.png").write_bytes(content)
    assert np.array_equal(images.read_picture(tmp_path / "a.png"), image)
    assert images.png(image) == images.png(image)


@pytest.mark.parametrize("side", [images.BAND, 2 * images.BAND])
@pytest.mark.parametrize("turned", [False, True])
def test_a_png_of_a_smooth_picture_is_small(turned, side):
    """Each row as what differs from the one above, or from what is left of it."""
    ramp = np.broadcast_to(np.arange(side, dtype=np.int64)[:, None, None], (side, side, 3)).astype(np.uint8)
    assert len(images.png(ramp.swapaxes(0, 1) if turned else ramp)) < ramp.size / 100


@pytest.mark.parametrize("c", [1, 3, 4])
@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_an_animation_has_all_its_frames_and_rests_on_the_last(kind, c):
    frames = [np.full((16, 16, c), level, np.uint8) for level in (0, 90, 180)]
    with Image.open(io.BytesIO(images.animation(frames, kind, milliseconds=100, hold=1000))) as opened:
        assert opened.format == kind.upper()
        assert opened.n_frames == 3
        assert opened.info["loop"] == 0
        times, middles = [], []
        for i in range(3):
            opened.seek(i)
            opened.load()
            times.append(opened.info["duration"])
            middles.append(opened.convert("RGB").getpixel((8, 8))[0])
    assert times == [100, 100, 1000]
    if c != 4:  # a clear pixel has no grey level to speak of
        assert np.abs(np.array(middles) - (0, 90, 180)).max() <= 6  # lossy, and GIF has 256 colours


def test_an_animation_of_one_frame():
    with Image.open(io.BytesIO(images.animation([np.zeros((8, 8, 3), np.uint8)]))) as opened:
        assert opened.size == (8, 8)
