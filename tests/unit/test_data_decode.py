"""One picture: every mode, format, turn and shape comes out as Pillow's own steps give it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import genuine
from dcgan.data.decode import Options, picture
from dcgan.data.source import Unreadable

RGB = genuine.pictures(1, 40, 56)[0]
PLAIN = Options(40, 56, 3)


def decoded(image: Image.Image | bytes, options: Options, kind: str = "PNG", **how) -> np.ndarray:
    if isinstance(image, Image.Image):
        file = io.BytesIO()
        image.save(file, kind, **how)
        image = file.getvalue()
    return picture(image, options).pixels


def reference(image: Image.Image, options: Options, mode: str = "RGB") -> np.ndarray:
    return np.asarray(image.convert(mode)).reshape(options.height, options.width, -1)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"), ("L", "PNG"), ("P", "PNG"), ("RGB", "PNG"), ("RGB", "BMP"), ("P", "GIF"), ("L", "TIFF"),
        ("RGB", "TIFF"), ("CMYK", "TIFF"), ("RGB", "PPM"), ("RGB", "TGA"), ("RGB", "JPEG2000"), ("RGB", "WEBP"),
        ("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "JPEG"), ("RGB", "AVIF"), ("1", "TIFF"), ("P", "BMP"),
        ("YCbCr", "TIFF"), ("LAB", "TIFF"), ("RGB", "QOI"),
    ],
)  # fmt: skip
def test_modes_and_formats(mode: str, kind: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    file = io.BytesIO()
    image.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
    stored = Image.open(io.BytesIO(file.getvalue()))
    assert np.array_equal(decoded(file.getvalue(), PLAIN), reference(stored, PLAIN))
    grey = Options(40, 56, 1)
    stored = stored.convert("RGB") if mode == "LAB" else stored  # Pillow cannot make it grey in one step
    assert np.array_equal(decoded(file.getvalue(), grey), reference(stored, grey, "L"))


def test_sixteen_bits_and_floats() -> None:
    grey = genuine.pictures(1, 40, 56, 1)[0, ..., 0]
    wanted = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(decoded(Image.fromarray(grey.astype(np.uint16) * 257), PLAIN), wanted)
    assert np.array_equal(decoded(Image.fromarray(grey.astype(np.uint16) * 257), PLAIN, "TIFF"), wanted)
    assert np.array_equal(decoded(Image.fromarray(grey.astype(np.float32) / 255), PLAIN, "TIFF"), wanted)
    assert np.array_equal(decoded(Image.fromarray(grey.astype(np.float32)), PLAIN, "TIFF"), wanted)
    assert np.array_equal(decoded(Image.fromarray(grey.astype(np.int32) * 257), PLAIN, "TIFF"), wanted)
    with pytest.raises(Unreadable, match="numbers from -1 to"):
        decoded(Image.fromarray(grey.astype(np.float32) - 1), PLAIN, "TIFF")
    with pytest.raises(Unreadable, match="to 1e\\+06"):
        decoded(Image.fromarray(np.full((4, 4), 1e6, np.float32)), PLAIN, "TIFF")
    with pytest.raises(Unreadable, match="nan"):
        decoded(Image.fromarray(np.full((4, 4), np.nan, np.float32)), PLAIN, "TIFF")


def test_transparency_shows_the_background() -> None:
    alpha = np.zeros((40, 56), np.uint8)
    alpha[:, 28:] = 255
    image = Image.fromarray(RGB)
    image.putalpha(Image.fromarray(alpha))
    red = Options(40, 56, 3, background=(255, 0, 0))
    for kind, how in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        found = decoded(image, red, kind, **how)
        assert (found[:, :28] == (255, 0, 0)).all()
        assert np.array_equal(found[:, 28:], RGB[:, 28:])
        four = decoded(image, Options(40, 56, 4), kind, **how)
        assert np.array_equal(four[..., 3], alpha)
        assert np.array_equal(four[:, 28:, :3], RGB[:, 28:])
    grey = image.convert("LA")
    assert np.array_equal(decoded(grey, red)[:, 28:, 0], np.asarray(Image.fromarray(RGB).convert("L"))[:, 28:])
    palette = Image.fromarray((RGB[..., 0] // 64).astype(np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    found = decoded(palette, red, transparency=2)
    assert (found[RGB[..., 0] // 64 == 2] == (255, 0, 0)).all()
    assert (found[RGB[..., 0] // 64 == 1] == (40, 50, 60)).all()
    keyed = decoded(Image.fromarray(RGB), red, transparency=tuple(RGB[0, 0].tolist()))
    assert (keyed[0, 0] == (255, 0, 0)).all()


def test_transparency_does_not_bleed_where_a_picture_is_reduced() -> None:
    """What lies under transparent pixels has no influence: a black fringe is the classical mistake."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[:, 32:] = (200, 100, 50, 255)
    found = decoded(Image.fromarray(rgba), Options(10, 10, 3, background=(200, 100, 50)))
    assert np.abs(found.astype(int) - (200, 100, 50)).max() <= 3  # rounding; a fringe is 100


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_pictures_stand_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue()))).convert("RGB")
    options = Options(upright.height, upright.width, 3)
    assert np.array_equal(decoded(file.getvalue(), options), np.asarray(upright))
    small = Options(20, 24, 3, fit="squash")
    wanted = np.asarray(upright.resize((24, 20))).astype(int)
    found = decoded(file.getvalue(), small).astype(int)
    assert np.abs(found - wanted).mean() < (1.5 if kind == "JPEG" else 1e-9)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [255, 256])
def test_reduced_decoding_keeps_its_place(orientation: int, side: int) -> None:
    """At half size a side of 255 becomes 128 pixels, of which the last counts half: turned, it is the first."""
    image = Image.fromarray(genuine.pictures(1, side, 320)[0])
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))
    for fit in ("crop", "squash", "pad"):
        options = Options(32, 32, 3, fit=fit)
        png = io.BytesIO()
        upright.save(png, "PNG")
        found, wanted = decoded(file.getvalue(), options).astype(int), decoded(png.getvalue(), options).astype(int)
        assert not np.array_equal(found, wanted)  # it was decoded at reduced scale
        assert np.abs(found - wanted).mean() < 0.7  # a shift by half a decoded pixel makes it 1.2 and more


def photograph(seed: int, height: int = 256, width: int = 341) -> Image.Image:
    """Noise of all scales with edges in it: its spectrum falls like a photograph's."""
    rng = np.random.default_rng(seed)
    out = np.zeros((height, width, 3))
    for octave in range(1, 9):
        n = 2**octave
        light = rng.normal(size=(max(2, n * height // width + 2), n + 2))
        layers = light[..., None] * 0.85 + rng.normal(size=(*light.shape, 3)) * 0.3
        for c in range(3):
            out[..., c] += 0.7**octave * np.asarray(
                Image.fromarray(layers[..., c].astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
            )
    out = (out - out.mean()) / out.std() * 55 + 128
    for _ in range(5):
        x, y = rng.integers(0, width - 20), rng.integers(0, height - 20)
        out[y : y + 90, x : x + 120] = out[y : y + 90, x : x + 120] * 0.5 + rng.uniform(0, 255, 3) * 0.5
    return Image.fromarray(out.clip(0, 255).astype(np.uint8))


def test_jpeg_at_reduced_scale_is_within_a_grey_level_and_a_half() -> None:
    for seed in range(6):
        file = io.BytesIO()
        photograph(seed).save(file, "JPEG", quality=90)
        full = np.asarray(Image.open(file).resize((64, 64), box=(42.5, 0, 298.5, 256))).astype(int)
        usual = decoded(file.getvalue(), Options(64, 64, 3)).astype(int)
        fast = decoded(file.getvalue(), Options(64, 64, 3, fast=True)).astype(int)
        assert 0 < np.abs(usual - full).mean() < 1.5
        assert np.abs(usual - full).mean() < np.abs(fast - full).mean() < 4  # what --fast costs, ECOSYSTEM's range
        large = decoded(file.getvalue(), Options(200, 200, 3)).astype(int)  # less than twice: nothing is reduced
        assert np.array_equal(large, np.asarray(Image.open(file).resize((200, 200), box=(42.5, 0, 298.5, 256))))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 48), (48, 16), (80, 112)])
def test_fit(height: int, width: int) -> None:
    image = Image.fromarray(RGB)  # 56 wide, 40 high
    squash = decoded(image, Options(height, width, 3, fit="squash"))
    assert np.array_equal(squash, np.asarray(image.resize((width, height))))
    scale = min(56 / width, 40 / height)
    w, h = width * scale, height * scale
    box = ((56 - w) / 2, (40 - h) / 2, (56 + w) / 2, (40 + h) / 2)
    crop = decoded(image, Options(height, width, 3))
    assert np.array_equal(crop, np.asarray(image.resize((width, height), box=box)))
    scale = min(width / 56, height / 40)
    inner = (round(56 * scale), round(40 * scale))
    pad = decoded(image, Options(height, width, 3, fit="pad", background=(1, 2, 3)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    assert np.array_equal(pad[top : top + inner[1], left : left + inner[0]], np.asarray(image.resize(inner)))
    rest = np.ones((height, width), bool)
    rest[top : top + inner[1], left : left + inner[0]] = False
    assert (pad[rest] == (1, 2, 3)).all()
    see_through = decoded(image, Options(height, width, 4, fit="pad"))
    assert (see_through[rest][:, 3] == 0).all()
    assert (see_through[~rest][:, 3] == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_counts(kind: str) -> None:
    frames = [Image.fromarray(one) for one in genuine.pictures(3, 40, 56)]
    file = io.BytesIO()
    frames[0].save(
        file, kind, save_all=True, append_images=frames[1:], **({"lossless": True} if kind == "WEBP" else {})
    )
    first = Image.open(io.BytesIO(file.getvalue())).convert("RGB")
    assert np.array_equal(decoded(file.getvalue(), PLAIN), np.asarray(first))


def test_natural_channels(tmp_path: Path) -> None:
    from dcgan import data

    grey, clear = Image.fromarray(RGB).convert("L"), Image.fromarray(RGB).convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    kinds = {
        "grey": (grey, 1),
        "bits": (grey.convert("1"), 1),
        "opaque": (grey.convert("LA"), 1),
        "deep": (grey.convert("I;16"), 1),
        "greys": (grey.convert("P"), 1),
        "colour": (Image.fromarray(RGB), 3),
        "palette": (Image.fromarray(RGB).convert("P"), 3),
        "full": (Image.fromarray(RGB).convert("RGBA"), 3),
        "clear": (clear, 4),
        "soft": (clear.convert("LA"), 4),
    }

    def channels(*names: str) -> int:
        folder = tmp_path / "-".join(names)
        folder.mkdir()
        for name in names:
            kinds[name][0].save(folder / f"{name}.png")
        return data.open(folder, workers=0, size=16).channels

    for name, (_, wanted) in kinds.items():
        assert channels(name) == wanted, name
    assert channels("grey", "bits", "deep", "greys", "opaque") == 1
    assert channels("clear", "soft") == 4
    assert channels("grey", "colour") == 3
    assert channels("grey", "clear") == 3
    assert channels("clear", "colour") == 3


def test_one_picture_in_colour_among_many_grey_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample that decides the channels misses it; nothing is lost all the same, and the next start knows."""
    from dcgan import data

    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    images = genuine.pictures(100, 8, 8, 1)
    genuine.folder(tmp_path / "set", images)
    Image.fromarray(RGB[:8, :8]).save(tmp_path / "set" / "00050.png")
    found = data.open(tmp_path / "set", workers=0, size=8)
    assert found.channels == 3
    assert np.array_equal(found.images[50], RGB[:8, :8])
    assert np.array_equal(found.images[49], np.repeat(images[49], 3, axis=2))
    monkeypatch.setattr("dcgan.data.decode.decoded", None)  # from the cache now
    assert data.open(tmp_path / "set", workers=0, size=8).channels == 3
