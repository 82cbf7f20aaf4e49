"""Whatever is wrong with what a user gives: exit code 2, one sentence on stderr, and nothing left behind.

Each case is a command line, typed in a folder that holds the things below, and the sentence it has to give. They run
in this process; the last tests run a few in processes, on a full disk, and where nothing may be written.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import FACES, TINY, differing, flags, reports, tree, until

TRAIN = f"train {FACES} --steps 2 --width 4 --m 8 --threads 1"

CASES = {
    # what to learn from
    "train empty": "empty: the folder is empty; put pictures in it, or name another",
    "train notes": "notes: no pictures in it, only a.md; name a folder that holds some",
    "train liars": (
        "liars: none of its 2 pictures can be read (1.jpg: text, not a picture; 2.jpg: text, not a picture); name "
        "others, or fetch these again"
    ),
    "train liars/1.jpg": (
        "1: none of its 1 pictures can be read (1.jpg: text, not a picture); name others, or fetch these again"
    ),
    "train some": (
        "some: 1 of 3 pictures cannot be read, more than --max-bad 0.1 allows (c.png: cut short (image file is "
        "truncated)); `dcgan data` lists them all"
    ),
    "train noise.bin": (
        "noise.bin: no kind of data that is known here; DATA is a folder of pictures, an archive (.zip, .tar), an "
        "array (.npy, .npz), a table (.parquet), a list of pictures (.txt), a published set's file, or a name: faces, "
        "rooms, numbers"
    ),
    "train face": "face: there is no such file or folder; did you mean 'faces'?",
    "train faces:0": "faces:0: after the colon stands how many to draw, 1 to 10000000, as in faces:20000",
    "train mnist:tset": "mnist:tset: there is no such part here; there are: train, test",
    "data nowhere.png": "nowhere.png: there is no such file or folder; check the name",
    "data empty": "empty: the folder is empty; put pictures in it, or name another",
    # numbers and choices
    f"{TRAIN} --size 50": (
        "--size 50: the generator doubles a small map, so a side must be 4 to 7 times a power of two; the nearest are "
        "48 and 56"
    ),
    f"{TRAIN} --size 64x72": (
        "--size 64x72: beside a side of 64, made by doubling 4 times, the other must be a multiple of 16; the nearest "
        "are 64 and 64x80"
    ),
    f"{TRAIN} --size 0": "--size 0: sides go from 8 to 512 pixels; choose 32 or 64 to begin with",
    f"{TRAIN} --size -3": "--size -3: sides go from 8 to 512 pixels; choose 32 or 64 to begin with",
    f"{TRAIN} --size 600": "--size 600: sides go from 8 to 512 pixels; choose 32 or 64 to begin with",
    f"{TRAIN} --size 64x": ("--size 64x: a size is a whole number of pixels, or HEIGHTxWIDTH; write 64 or 96x64"),
    "data faces:48 --size 50": (
        "--size 50: the generator doubles a small map, so a side must be 4 to 7 times a power of two; the nearest are "
        "48 and 56"
    ),
    "train --steps 0": "--steps 0: it must be a number of 1 or more",
    "train --steps -1": "--steps -1: it must be a number of 1 or more",
    "train --m 1": "--m 1: it must be a number from 2 to 65536",
    "train --m 1.5": "--m 1.5: it must be a whole number",
    "train --m lots": "--m lots: it must be a whole number",
    "train --lr nan": "--lr nan: it must be a number from 0 to 10",
    "train --lr inf": "--lr inf: it must be a number from 0 to 10",
    "train --lr -1": "--lr -1.0: it must be a number from 0 to 10",
    "train --lr much": "--lr much: it must be a number",
    "train --minutes 0": "--minutes 0.0: it must be a number of 0.01 or more",
    "train --minutes nan": "--minutes nan: it must be a number of 0.01 or more",
    "train --minutes 5 --steps 9": "--minutes: --steps is given too, and one of them says how long; keep one",
    "train --threads -1": "--threads -1: it must be a number from 0 to 1024",
    "train --seed -1": "--seed -1: it must be a number from 0 to 9007199254740991",
    "train --kernel 3": "--kernel 3: there is no such choice; there are: 4, 5",
    "train --loss wgan": "--loss wgan: there is no such choice; there are: non-saturating, minimax, relativistic",
    "train --device tpu": "--device tpu: there is no such choice; did you mean 'cpu'?",
    "train --preset papre": "--preset papre: there is no such preset; did you mean 'paper'?",
    "train --background blurple": ("--background blurple: no such colour; write a name as in HTML (white) or #rrggbb"),
    f"{TRAIN} --conditional": (
        "--conditional: faces has no classes; put each class in a folder of its own, or leave --conditional out"
    ),
    f"{TRAIN} --size 8 --translate 8": (
        "--translate 8: a shift must be at least 0 and less than the picture, 8 pixels"
    ),
    # the command line itself
    "trian": "trian: there is no such verb; did you mean 'train'?",
    "train --witdh 5": "--witdh: there is no such option; did you mean '--width'?",
    "runs --xyz": "--xyz: there is no such option; `dcgan runs --help` lists them",
    "train --steps": "--steps: its value is missing; `dcgan train --help` says what it takes",
    "train --m 8 --m 9": "--m: it is given twice; keep one",
    "train faces rooms": "rooms: it is one word too many; `dcgan train --help` shows what goes where",
    "train --mirror=perhaps": "--mirror perhaps: it must be yes or no",
    "sample": "RUN: it is missing; write dcgan sample RUN",
    # where it goes
    f"{TRAIN} --out noise.bin": (
        "--out noise.bin: something else is there, and nothing is overwritten; choose another folder"
    ),
    f"{TRAIN} --out notes": "--out notes: something else is there, and nothing is overwritten; choose another folder",
    f"{TRAIN} --out noise.bin/run": (
        "--out noise.bin/run: it cannot be made below {here}/noise.bin (it is not a folder); choose another place"
    ),
    f"{TRAIN} --out {'n' * 300}": f"--out {'n' * 300}: it cannot be made (File name too long); choose another place",
    "sample run --out noise.bin": (
        "--out noise.bin: it is a file; name a .png for a sheet, or a folder for one file an image"
    ),
    "sample run --out noise.bin/a.png": (
        "noise.bin/a.png: it cannot be written (a file stands where a folder is needed); free some space, or choose "
        "another place with --out"
    ),
    "sample run --out a.jpg": "--out a.jpg: a sheet is written as PNG; name it a.png, or a folder",
    "sample run --seeds 1 --out other.png": (
        "other.png: there is such a file already; choose another name, or add --overwrite"
    ),
    "info run --figure other.png": ("other.png: there is such a file already; choose another name, or add --overwrite"),
    "info run --figure a.pdf": "--figure a.pdf: it is written as PNG; give it a name that ends in .png",
    f"data {FACES} --size 8 --out a.jpg": "--out a.jpg: it is written as PNG; give it a name that ends in .png",
    # settings from a file
    "train --config none.toml": ("--config none.toml: it cannot be read (No such file or directory); check the name"),
    "train --config notes": "--config notes: it cannot be read (Is a directory); check the name",
    "train --config bad.toml": (
        "--config bad.toml: it is not TOML (Invalid value (at line 1, column 9)); write lines like: width = 32"
    ),
    "train --config unknown.toml": ("--config unknown.toml: there is no setting 'widht'; did you mean 'width'?"),
    "train --config word.toml": "--width wide: it must be a whole number",
    # a run that is there
    f"{TRAIN} --size 16 --out run --k 5": (
        "run: k: the checkpoint has 1, you asked for 5; leave that out to go on, or choose another --out"
    ),
    f"{TRAIN} --size 8 --out run": (
        "run: size: the checkpoint has 16, you asked for 8; leave that out to go on, or choose another --out"
    ),
    "train faces:40 --out run": (
        "run: this run was made with other pictures (faces:48, as they were then; now faces:40); choose another --out, "
        "or start from its weights with --from run"
    ),
    f"{TRAIN} --from nowhere": (
        "--from nowhere: there is no such run or checkpoint; `dcgan runs` lists the runs under runs/"
    ),
    f"{TRAIN} --from noise.bin": (
        "noise.bin: it is not a dcgan checkpoint; give a run's folder, or its checkpoints/last.safetensors"
    ),
    f"{TRAIN} --size 8 --from run": (
        "--from run/checkpoints/last.safetensors: its networks have other shapes (preset default, size 16, width 4); "
        "ask for the same size and width"
    ),
    "train --out cut": (
        "cut/checkpoints/last.safetensors: it is cut short ({cut:,} of {whole:,} bytes); copy it again, or delete it "
        "and train anew"
    ),
    # the use of a run
    "info nowhere": "nowhere: there is no such run; `dcgan runs` lists those under runs/",
    "info notes": "notes: it is a folder without config.json, not a run; give the folder that `dcgan train` wrote",
    "info noise.bin": "noise.bin: it is a file, not a run; give the folder that `dcgan train` wrote",
    "info foreign": "foreign/config.json: it is not a run's config; give the folder that `dcgan train` wrote",
    "info cut": (
        "cut/checkpoints/last.safetensors: it is cut short ({cut:,} of {whole:,} bytes); copy it again, or delete it "
        "and train anew"
    ),
    "runs nowhere": "nowhere: there is no such folder; `dcgan train` makes runs under runs/",
    "sample nowhere": "nowhere: there is no such run or file; `dcgan runs` lists the runs under runs/",
    "sample notes": "notes: it is a folder without config.json, not a run; give the folder that `dcgan train` wrote",
    "sample noise.bin": (
        "noise.bin: it is not a dcgan checkpoint; give a run's folder, or its checkpoints/last.safetensors"
    ),
    "sample run/losses.png": (
        "run/losses.png: it is not a dcgan checkpoint; give a run's folder, or its checkpoints/last.safetensors"
    ),
    "sample cut": (
        "cut/checkpoints/last.safetensors: it is cut short ({cut:,} of {whole:,} bytes); copy it again, or delete it "
        "and train anew"
    ),
    "sample odd.safetensors": (
        "odd.safetensors: its G_ema does not fit the network of its config (at hidden.0.linear.conv.weight); it was "
        "made by another version, or with a network of your own: hand that to dcgan.load"
    ),
    "sample run --seeds 5-1": "--seeds 5-1: the range 5-1 runs backwards; write 1-5",
    "sample run --seeds a": "--seeds a: 'a' is not a seed or a range; write 17, 0-63 or 0-3,17",
    "sample run --seeds 1e9": "--seeds 1e9: '1e9' is not a seed or a range; write 17, 0-63 or 0-3,17",
    "sample run --seeds -1": "--seeds -1: '-1' is not a seed or a range; write 17, 0-63 or 0-3,17",
    "sample run --seeds=": "--seeds: it is empty, as an unset shell variable leaves it; fill it, or leave it out",
    "train ": "an argument: it is empty, as an unset shell variable leaves it; fill it, or leave it out",
    "sample run --count 2 --out ": (
        "an argument: it is empty, as an unset shell variable leaves it; fill it, or leave it out"
    ),
    # the paper, figure by figure
    "guidelines faces:64 --steps 0": "--steps 0: it must be a whole number of 1 or more",
    "guidelines faces:64 --steps 1 --out mine": (
        "--out mine: guidelines.json is there already, and is none of ours; choose another folder"
    ),
    "paper --quick --out mine": "--out mine: paper.html is there already, and is none of ours; choose another folder",
    "paper --quick --size 5": "--size 5: sides go from 8 to 512 pixels; choose 32 or 64 to begin with",
    "classify run --methods D --most 0": "--most 0: it must be a whole number of 1 or more",
    "classify run --methods kmeans --centres 0": "--centres 0: it must be a whole number of 1 or more",
    "classify run --seed -5": "--seed -5: it must be a whole number of 0 or more",
    "evaluate run --count 49.6": "--count 49.6: it must be a whole number",
    "evaluate run --figure a.png": "--figure a.png: it shows the nearest pictures; add memory to --metrics",
    "evaluate run --metrics memory --figure a.jpg": (
        "--figure a.jpg: it is written as PNG; give it a name that ends in .png"
    ),
    "evaluate run --metrics memory --figure other.png": (
        "other.png: there is such a file already; choose another name, or add --overwrite"
    ),
    "export run --to images --count 0": "--count 0: it must be a whole number from 1 to 1,000,000",
    "sample run --seeds 9999999999999999": (
        "'9999999999999999': a seed is a whole number from 0 to 9007199254740991, and 9999999999999999 is above it"
    ),
    "sample run --count 0": "--count 0: it must be a whole number from 1 to 1,000,000",
    "sample run --count 20000": (
        "--out: a sheet holds up to 10,000 pictures, and these are 20,000; name a folder, for one file an image"
    ),
    "sample run --seeds 1 --count 5": ("--count: --seeds is given too, and one of them says what to draw; keep one"),
    "sample run --best 10 --of 5": "--best 10: there are only 5 to choose from; ask for more with --of",
    "sample run --best 5 --of 9 --seeds 1-9": (
        "--of 9: --seeds is given too, and says among which to choose; keep one"
    ),
    "sample run --best 0": "--best 0: it must be a whole number from 1 to 1,000,000",
    "sample run --of 50": "--of 50: it says among how many --best chooses; add --best N",
    "sample run --best 5 --point 3": ("--best 5: it chooses among seeds, and --point names points; leave one out"),
    "sample run --class 3": ("--class 3: this run was not trained with classes; train one with --conditional"),
    "sample run --columns 0": "--columns 0: it must be a whole number of 1 or more",
    "sample run --columns 4 --out folder": (
        "--columns 4: only a sheet has columns; give --out a name that ends in .png"
    ),
    "sample run --point zebra": (
        "point 'zebra': cannot read 'zebra'; write seeds with weights, like 17, '0.5*12 + 0.5*40' or "
        "'+12,40,77 -3,9,31'"
    ),
    "sample run --point #smile": "point #smile: it is not saved in run; none is saved yet",
    "sample run --point 17@3": (
        "point '17 @3': it names a class, and this run was not trained with classes; leave @ out, or train one with "
        "--conditional"
    ),
}


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all sorts of things in it, where the commands are typed."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in ("empty", "notes", "liars", "some", "foreign", "mine"):
        (tmp_path / folder).mkdir()
    (tmp_path / "notes" / "a.md").write_text("# not a picture\n")
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "liars" / name).write_text("I am a picture.\n")
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(tmp_path / "some" / name)
    os.truncate(tmp_path / "some" / "c.png", 100)
    for name in ("guidelines.json", "paper.html"):
        (tmp_path / "mine" / name).write_text("something of the user's")
    (tmp_path / "noise.bin").write_bytes(rng.bytes(5000))
    (tmp_path / "other.png").write_bytes(b"something of the user's")
    (tmp_path / "bad.toml").write_text("width = \n")
    (tmp_path / "unknown.toml").write_text("widht = 4\n")
    (tmp_path / "word.toml").write_text("width = 'wide'\n")
    (tmp_path / "foreign" / "config.json").write_text("{}")
    for name in ("run", "cut"):
        shutil.copytree(trained, tmp_path / name)
    last = tmp_path / "cut" / "checkpoints" / "last.safetensors"
    os.truncate(last, last.stat().st_size - 1)
    odd(trained, tmp_path / "odd.safetensors")
    return tmp_path


def odd(run: Path, path: Path) -> None:
    """A checkpoint as good as any, but for one tensor's shape."""
    held = (run / "checkpoints" / "last.safetensors").read_bytes()
    length = struct.unpack("<Q", held[:8])[0]
    header = json.loads(held[8 : 8 + length])
    shape = header["G_ema.hidden.0.linear.conv.weight"]["shape"]
    header["G_ema.hidden.0.linear.conv.weight"]["shape"] = [*shape[:2], shape[2] * shape[3], 1]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + held[8 + length :])


@pytest.mark.parametrize(("typed", "expected"), CASES.items(), ids=list(CASES))
def test_one_sentence_and_nothing_left(typed, expected, here, cli):
    before = tree(here)
    result = cli(*typed.split(" "))
    whole = (here / "run" / "checkpoints" / "last.safetensors").stat().st_size
    expected = expected.format(here=here, cut=whole - 1, whole=whole)
    assert (result.code, result.err) == (2, f"dcgan: {expected}\n")
    assert tree(here) == before


def test_a_device_that_is_not_there(cli, here, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    result = cli("train", "--device", "cuda", "--out", "new")
    assert (result.code, result.out, result.err) == (
        2,
        "",  # and not after ten thousand pictures are prepared
        "dcgan: --device cuda: torch finds no CUDA device here; use --device cpu, or install a torch built for your "
        "GPU\n",
    )
    assert not (here / "new").exists()


def test_the_same_in_a_process(here, dcgan_command):
    before = tree(here)
    for words, expected in (
        (["train", "--widht", 5], "--widht: there is no such option; did you mean '--width'?"),
        (["info", "nowhere"], "nowhere: there is no such run; `dcgan runs` lists those under runs/"),
    ):
        result = dcgan_command(*words)
        assert (result.code, result.out, result.err) == (2, "", f"dcgan: {expected}\n")
    assert tree(here) == before


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Small disks of their own, mounted where tests run as root on Linux."""
    mounted: list[Path] = []

    def make(size: str, read_only: bool = False) -> Path:
        path = tmp_path / f"disk-{len(mounted)}"
        path.mkdir()
        options = f"size={size}" + (",ro" if read_only else "")
        if sys.platform != "linux" or os.geteuid() != 0:
            pytest.skip("mounting a disk of its own needs root on Linux")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        mounted.append(path)
        return path

    yield make
    for path in mounted:
        subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def unwritable(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder in which nothing can be written, by root neither."""
    if os.name == "posix" and os.geteuid() == 0:
        return request.getfixturevalue("disk")("16k", read_only=True)
    path = tmp_path / "unwritable"
    path.mkdir(mode=0o555)
    if os.access(path, os.W_OK):
        pytest.skip("no folder can be made unwritable here")
    return path


def test_where_nothing_can_be_written(unwritable, trained, cli):
    result = cli(*TRAIN.split(), "--out", unwritable / "run")
    assert (result.code, result.out, result.err) == (
        2,
        "",  # found before a picture is prepared
        f"dcgan: --out {unwritable / 'run'}: it cannot be made below {unwritable} (nothing can be written in it); "
        "choose another place\n",
    )
    for out in (unwritable / "a.png", unwritable / "folder"):
        result = cli("sample", trained, "--count", 3, "--out", out)
        assert result.code == 2
        assert re.fullmatch(
            r"dcgan: \S*/(a|folder/000000)\.png: it cannot be written \([A-Z][a-z -]+\); free some space, or choose "
            r"another place with --out\n",
            result.err,
        )
    assert not any(unwritable.iterdir())


def test_a_run_that_may_only_be_read_is_used_all_the_same(disk, trained, cli, tmp_path):
    """Its folder may belong to another user, or lie on a DVD."""
    place = disk("4m")
    shutil.copytree(trained, place / "run")
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    assert cli("info", place / "run").code == 0
    assert cli("sample", place / "run", "--out", tmp_path / "a.png").code == 0
    result = cli("train", "--out", place / "run", "--steps", 100)
    assert result.err == (
        f"dcgan: --out {place / 'run'}: it cannot be made below {place / 'run'} (nothing can be written in it); choose "
        "another place\n"
    )


@pytest.mark.parametrize("size", ["4k", "64k"])  # full with the config, and with the first checkpoint
def test_a_disk_too_small_for_a_run(size, disk, cli):
    place = disk(size)
    result = cli(*TRAIN.replace("--width 4", "--width 16").split(), "--size", 16, "--out", place / "run")
    assert result.code == 2
    assert re.fullmatch(
        r"dcgan: \S+: it cannot be written \(No space left on device\); free some space, (or choose another place with "
        r"--out|then run the same command again)\n",
        result.err,
    )
    assert not any(place.iterdir())


def test_a_disk_that_fills_costs_nothing_that_was_saved(disk, cli, tmp_path):
    """A run whose disk is full keeps its last checkpoint, and ends as it would have once there is space again."""
    place = disk("1m")
    settings = flags(TINY | {"width": 8, "save_every": 5, "sample_every": 1000})
    assert cli("train", FACES, *settings, "--steps", 10, "--out", place / "run").code == 0
    with open(place / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(bytes(1024)):
            pass
    result = cli("train", FACES, *settings, "--steps", 20, "--out", place / "run")
    assert result.code == 2
    assert re.fullmatch(r"dcgan: \S+: it cannot be written \(No space left on device\); [^\n]+\n", result.err)
    assert cli("info", place / "run", "--json").json["step"] == 10
    assert not list(place.rglob("*.part"))
    (place / "filler").unlink()
    assert cli("train", FACES, *settings, "--steps", 20, "--out", place / "run").code == 0
    assert cli("train", FACES, *settings, "--steps", 20, "--out", tmp_path / "straight").code == 0
    assert not differing(place / "run", tmp_path / "straight")
    assert reports(place / "run") == reports(tmp_path / "straight")


def test_pictures_that_do_not_fit_the_disk_are_all_taken_back(disk, trained, cli):
    place = disk("24k")
    (place / "mine.txt").write_text("mine")
    for out, name in (("new/pictures", r"pictures/0000\d\d\.png"), ("new/sheet.png", r"sheet\.png")):
        result = cli("sample", trained, "--count", 100, "--out", place / out)
        assert result.code == 2
        assert re.fullmatch(
            rf"dcgan: \S+/{name}: it cannot be written \(No space left on device\); [^\n]+\n", result.err
        )
        assert os.listdir(place) == ["mine.txt"]


def test_a_cache_too_small(disk, cli, monkeypatch, tmp_path):
    place = disk("64k")
    monkeypatch.setenv("DCGAN_CACHE", str(place))
    result = cli(*TRAIN.split(), "--out", tmp_path / "run")
    assert result.code == 2
    assert re.fullmatch(
        rf"dcgan: {place}: preparing faces needs \S+ [kM]B and \S+ (kB|bytes) are free; free some space, or set "
        r"DCGAN_CACHE to a larger disk\n",
        result.err,
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is bounded with RLIMIT_AS")
@pytest.mark.parametrize("words", [["--out", "new"], ["--dry-run"]], ids=["train", "dry-run"])
def test_more_memory_than_there_is(words, here, dcgan_command):
    import resource

    limit = 8 << 30  # bytes of addresses; one layer of this generator takes 32 GiB
    result = dcgan_command(
        *f"train {FACES} --size 64 --width 4096 --m 64 --steps 1 --threads 1".split(),
        *words,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert (result.code, result.err) == (
        2,
        "dcgan: --m 64, --width 4096: at 64 they need more memory than there is; ask for less of one of them\n",
    )
    assert not (here / "new").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals to one process")
def test_ctrl_c_while_pictures_are_prepared(dcgan_process, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    process = dcgan_process("train", "faces:200000", "--size", 64)
    assert process.stdout.readline() == "preparing faces\n"
    until(lambda: list(tmp_path.glob("cache/prepared/*.part/images.npy")), "a picture is prepared")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (130, "")
    assert os.listdir(tmp_path) == ["cache"]
