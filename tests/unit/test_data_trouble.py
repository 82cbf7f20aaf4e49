"""A folder with every kind of trouble: what is good is used, what is bad is listed with its reason, nothing stops."""

import contextlib
import io
import os
import shutil
import socket
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genuine
from dcgan import data
from dcgan.errors import UserError

PICTURE = genuine.pictures(1, 40, 56)[0]
RGB = Image.fromarray(PICTURE)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))


def saved(image: Image.Image, kind: str, **how) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(file, kind, **how)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes, kind: int = 2, interlaced: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


JPEG, PNG = saved(RGB, "JPEG"), saved(RGB, "PNG")
CLEAR = RGB.convert("RGBA")
CLEAR.putpixel((3, 3), (0, 0, 0, 0))
TURNED = Image.Exif()
TURNED[0x0112] = 6
BROKEN_EXIF = JPEG[:2] + b"\xff\xe1\x00\x10Exif\x00\x00II*\x00\xff\xff\xff\xff" + JPEG[2:]

GOOD: dict[str, bytes] = {
    "plain.jpg": JPEG,
    "UPPER.JPG": JPEG,
    "grey.jpg": saved(RGB.convert("L"), "JPEG"),
    "cmyk.jpg": saved(RGB.convert("CMYK"), "JPEG"),
    "progressive.jpg": saved(RGB, "JPEG", progressive=True),
    "turned.jpg": saved(RGB, "JPEG", exif=TURNED),
    "broken-exif.jpg": BROKEN_EXIF,
    "trailing-garbage.jpg": JPEG + b"garbage" * 99,
    "with-comment.jpg": saved(RGB, "JPEG", comment=b"c" * 60_000),
    "two-pictures.mpo": saved(RGB, "MPO", save_all=True, append_images=[RGB]),
    "plain.png": PNG,
    "palette.png": saved(RGB.convert("P"), "PNG"),
    "palette-clear.png": saved(RGB.convert("P"), "PNG", transparency=3),
    "one-bit.png": saved(RGB.convert("1"), "PNG"),
    "grey-alpha.png": saved(CLEAR.convert("LA"), "PNG"),
    "alpha.png": saved(CLEAR, "PNG"),
    "sixteen-bits.png": saved(RGB.convert("I;16"), "PNG"),
    "colour-key.png": saved(RGB, "PNG", transparency=(1, 2, 3)),
    "interlaced.png": png(1, 1, b"\0abc", interlaced=1),
    "animated.png": saved(RGB, "PNG", save_all=True, append_images=[CLEAR.convert("RGB")]),
    "lossy.webp": saved(RGB, "WEBP"),
    "alpha.webp": saved(CLEAR, "WEBP", lossless=True),
    "animated.webp": saved(RGB, "WEBP", save_all=True, append_images=[CLEAR.convert("RGB")]),
    "plain.avif": saved(RGB, "AVIF"),
    "animated.gif": saved(RGB, "GIF", save_all=True, append_images=[CLEAR.convert("RGB")]),
    "plain.bmp": saved(RGB, "BMP"),
    "packed.tif": saved(RGB, "TIFF", compression="tiff_lzw"),
    "two-pages.tiff": saved(RGB, "TIFF", save_all=True, append_images=[RGB]),
    "floats.tif": saved(RGB.convert("F"), "TIFF"),
    "cmyk.tif": saved(RGB.convert("CMYK"), "TIFF"),
    "portable.ppm": saved(RGB, "PPM"),
    "targa.tga": saved(RGB, "TGA"),
    "jpeg2000.jp2": saved(RGB, "JPEG2000"),
    "no-suffix": JPEG,
    "png-called.jpg": PNG,
    "jpeg-called.txt": JPEG,
    "one-pixel.png": saved(RGB.crop((0, 0, 1, 1)), "PNG"),
    "a-line.png": saved(RGB.resize((3000, 1)), "PNG"),
    "with space & 'quotes' \"double\".png": PNG,
    "line\nbreak.png": PNG,
    "percent%41#hash?.png": PNG,
    "猫の写真.png": PNG,
    "صورة.png": PNG,
    "🐈.png": PNG,
    "x" * 250 + ".png": PNG,
    "deep/er/and/deeper/still/one.png": PNG,
}

BAD: dict[str, tuple[bytes, str]] = {  # and a word of the reason
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"I am no picture.\nReally.\n", "text"),
    "page.png": (b"<!DOCTYPE html><html>not found</html>", "web page"),
    "drawing.jpg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "document.jpg": (b"%PDF-1.7\n%\xe2\xe3", "PDF"),
    "archive.png": (b"PK\x03\x04" + b"\0" * 40, "archive"),
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "film.gif": (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "film"),
    "zeros.jpg": (b"\0" * 5000, "zeros"),
    "noise.jpg": (np.random.default_rng(0).bytes(5000), "not a picture"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "cut short"),
    "head-only.jpg": (JPEG[:20], "damaged"),
    "cut.png": (PNG[: len(PNG) // 2], "cut short"),
    "cut.webp": (GOOD["lossy.webp"][:200], "damaged"),
    "cut.avif": (GOOD["plain.avif"][:400], "damaged"),
    "cut.gif": (GOOD["animated.gif"][:900], "cut short"),
    "cut.tif": (GOOD["packed.tif"][:900], "damaged"),
    "cut.bmp": (GOOD["plain.bmp"][:900], "cut short"),
    "checksum.png": (PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:], "damaged"),
    "no-data.png": (png(40, 40, b""), "cut short"),
    "bomb.png": (png(60_000, 60_000, b"\0" * 100_000), "3,600 million pixels: a decompression bomb"),
    "no-size.png": (png(0, 0, b""), "damaged"),
    "negative.tif": (saved(Image.fromarray(np.full((4, 4), -5, np.float32)), "TIFF"), "numbers from -5"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    where = tmp_path / "trouble"
    for name, content in [*GOOD.items(), *((name, content) for name, (content, _) in BAD.items())]:
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return where


def listed(report: data.Report, folder: Path) -> dict[str, str]:
    return {os.path.relpath(one.path, folder): one.reason for one in report.skipped}


@pytest.mark.parametrize("workers", [0, 2])
def test_trouble(folder: Path, workers: int) -> None:
    others = {
        "notes.md": (b"# notes", "not a picture"),
        "Thumbs.db": (b"\xd0\xcf\x11\xe0", "not a picture"),
        ".DS_Store": (b"\0\0\0\1Bud1", "hidden"),
        "._plain.jpg": (b"\0\5\x16\7", "hidden"),
        ".hidden.png": (PNG, "hidden"),
    }
    for name, (content, _) in others.items():
        (folder / name).write_bytes(content)
    for name in (".thumbnails", "deep/@eaDir"):
        (folder / name).mkdir()
        (folder / name / "plain.png").write_bytes(PNG)
        others[name] = (PNG, "hidden")
    special = _links(folder)
    report = data.scan(folder, size=16, workers=workers)
    found = listed(report, folder)
    names = [os.path.relpath(name, folder) for name in report.dataset.names or []]
    assert names == sorted([*GOOD, *special.pop("good")])
    assert report.images == len(names)
    for name, (_, reason) in {**BAD, **special, **others}.items():
        assert name in found, name
        why = found.pop(name)
        assert any(word in why for word in reason.split("|")), f"{name}: {why}"
    assert not found
    fine = report.dataset.images[names.index("plain.png")]
    for name in ("with space & 'quotes' \"double\".png", "line\nbreak.png", "猫の写真.png", "png-called.jpg", "🐈.png"):
        assert np.array_equal(report.dataset.images[names.index(name)], fine), name
    bad = sum(one.bad for one in report.skipped)
    with pytest.raises(
        UserError, match=rf"{bad} of {bad + len(names)} pictures cannot be read, more than --max-bad 0.1"
    ):
        data.open(folder, size=16, workers=workers)
    assert len(data.open(folder, size=16, workers=workers, max_bad=0.5)) == len(names)


def _links(folder: Path) -> dict:
    """What only a file system can do, where it can."""
    if os.name != "posix":
        return {"good": []}
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "there.png").write_bytes(PNG)
    (folder / "linked.png").symlink_to(outside / "there.png")
    (folder / "linked-folder").symlink_to(outside)
    (folder / "nothing.jpg").symlink_to(outside / "gone.jpg")
    (folder / "round.jpg").symlink_to(folder / "round.jpg")
    (folder / "deep/up").symlink_to(folder)
    (folder / "deep/er/aside").symlink_to(folder / "deep/er/and")
    (folder / "device.png").symlink_to("/dev/zero")
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
        here = os.getcwd()
        os.chdir(folder)  # the name of a socket is short
        one.bind("socket.png")
        os.chdir(here)
    good = ["linked.png", "linked-folder/there.png"]
    try:
        Path(os.fsdecode(os.fsencode(folder) + b"/latin-\xe9.png")).write_bytes(PNG)
        good.append("latin-\udce9.png")
    except OSError:
        pass  # this file system takes only UTF-8
    ordinary = (b"", "not an ordinary file")
    again = (b"", "a link to a folder that is read already")
    return {
        "good": good,
        "nothing.jpg": (b"", "a link to nothing"),
        "round.jpg": (b"", "a link to nothing"),
        "deep/up": again,
        "deep/er/aside": again,
        "device.png": ordinary,
        "pipe.jpg": ordinary,
        "socket.png": ordinary,
    }


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """As a user who may not read everything: root may."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path, *tmp_path.parents[:3]):
        place.chmod(0o755)
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "own"))
    (tmp_path / "own").mkdir(mode=0o777)
    (tmp_path / "own").chmod(0o777)
    folder = genuine.folder(tmp_path / "set", genuine.pictures(3, 8, 8))
    (folder / "00001.png").chmod(0)
    (folder / "closed").mkdir()
    (folder / "closed" / "inside.png").write_bytes(PNG)
    (folder / "closed").chmod(0)
    try:
        with nobody():
            report = data.scan(folder, workers=0)
            assert report.images == 2
            found = listed(report, folder)
            assert found["00001.png"] == "cannot be read: Permission denied"
            assert found["closed"] == "a folder that cannot be read: Permission denied"
            with pytest.raises(UserError, match=r"cannot be read.*Permission denied"):
                data.open(folder / "closed")
    finally:
        (folder / "closed").chmod(0o755)


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    folder = genuine.folder(tmp_path / "set", genuine.pictures(2, 8, 8))
    (folder / "growing.jpg").write_bytes(JPEG)
    stop = threading.Event()

    def grow() -> None:
        with open(folder / "growing.jpg", "ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"\0" * 65536)
                if file.tell() > 1 << 28:
                    file.truncate(len(JPEG))

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        assert data.scan(folder, workers=0, size=8).images == 3  # what follows a whole picture does no harm
    finally:
        stop.set()
        writer.join()


def test_files_that_go_away_while_the_folder_is_prepared(tmp_path: Path) -> None:
    from dcgan.data import prepare, readers

    folder = genuine.folder(tmp_path / "set", genuine.pictures(5, 8, 8))
    source = readers.read(folder)
    (folder / "00001.png").unlink()
    (folder / "00003.png").unlink()
    os.mkfifo(folder / "00003.png")
    found = prepare.prepare(source, prepare.Wanted(), prepare.How(max_bad=1, workers=0))
    assert [(Path(one.path).name, one.reason) for one in found.skipped] == [
        ("00001.png", "cannot be read: No such file or directory"),
        ("00003.png", "not an ordinary file"),
    ]


def _crash(*_: object) -> None:
    os.kill(os.getpid(), 11)


def test_a_decoder_that_crashes_costs_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in of Pillow's that ends its process: put into the children through sitecustomize's way in, sys.path."""
    folder = genuine.folder(tmp_path / "set", genuine.pictures(300, 8, 8))
    (folder / "00123.png").write_bytes(b"CRASH" + PNG)
    (tmp_path / "own" / "dcgan").mkdir(parents=True)
    shutil.copytree(Path(data.__file__).parent.parent, tmp_path / "own" / "dcgan", dirs_exist_ok=True)
    source = tmp_path / "own" / "dcgan" / "data" / "decode.py"
    text = source.read_text()
    line = "        image = Image.open(io.BytesIO(raw))\n"
    assert line in text
    source.write_text(
        text.replace(line, "        if raw[:5] == b'CRASH':\n            __import__('os').abort()\n" + line)
    )
    monkeypatch.setattr("sys.path", [str(tmp_path / "own"), *__import__("sys").path])
    report = data.scan(folder, size=8, workers=2)
    assert report.images == 299
    assert listed(report, folder) == {"00123.png": "its decoder was ended by SIGABRT"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "the folder is empty"),
        (lambda path: (path.mkdir(), (path / "a.txt").write_text("a")), "no pictures in it, only a.txt"),
        (
            lambda path: (path.mkdir(), (path / "a.jpg").write_text("a")),
            r"none of its 1 pictures can be read \(a.jpg: text",
        ),
        (lambda path: path.write_text("none.png\n"), "no kind of data that is known here"),
        (lambda path: path.symlink_to("gone"), "a link to nothing"),
        (lambda path: None, "there is no such file or folder"),
        (lambda path: os.mkfifo(path), "neither a file nor a folder"),
        (lambda path: path.write_bytes(b""), "no kind of data"),
    ],
)
def test_nothing_to_train_on(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    make(tmp_path / "pictures")
    with pytest.raises(UserError, match=words) as caught:
        data.open(tmp_path / "pictures", workers=0)
    assert "\n" not in str(caught.value)


def test_what_a_name_holds_does_not_act_upon_the_terminal(cli, tmp_path):
    """A line break and a colour, in a name that is reported and in a sentence that quotes it."""
    for i in range(3):
        (tmp_path / f"{i}.png").write_bytes(PNG)
    (tmp_path / "a\nb\x1b[31mred 猫.png").write_bytes(b"no")
    done = cli("data", tmp_path, "--size", 8)
    assert r"a\nb\x1b[31mred 猫.png: text, not a picture" in done.out
    assert "\x1b" not in done.out
    done = cli("train", tmp_path / "no\nsuch\x1b[2J", "--out", tmp_path / "run")
    assert done.code == 2
    assert r"no\nsuch\x1b[2J" in done.err
    assert "\x1b" not in done.err
    assert done.err.count("\n") == 1
