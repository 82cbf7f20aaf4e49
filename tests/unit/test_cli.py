"""The command: what its verbs print, in words, as JSON and when quiet; settings from flags and from a file."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import dcgan
from dcgan import config
from dcgan.cli import app
from dcgan.config import Config
from dcgan.folder import Folder
from support import FACES, TINY, command, flags, log, tree

INFO = {
    "path",
    "data",
    "preset",
    "size",
    "channels",
    "classes",
    "step",
    "steps",
    "minutes",
    "seconds",
    "finished",
    "training",
    "last",
    "files",
    "config",
    "defaults",
}


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(trained, tmp_path / "runs" / "faces")


def one_object(text: str) -> dict:
    """Stdout is one JSON object and a newline, as any reader of JSON takes it: no NaN, nothing beside it."""
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


# Help


def test_every_setting_is_a_flag(cli):
    words = cli("train", "--help").out
    for field in dataclasses.fields(Config):
        flag = re.search(rf"{config.flag(field.name)}(?![\w-])", words)
        assert (flag is None) == (field.metadata["hidden"] and field.name != "preset")
    for preset in config.PRESETS:
        assert preset in words


def test_help_names_all_verbs_and_each_has_its_own(cli):
    words = cli("--help").out
    verbs = [verb for verb in app if not verb.startswith("-")]
    assert {"train", "sample", "info", "runs", "data"} <= set(verbs)
    for verb in verbs:
        assert verb in words
        result = cli(verb, "--help")
        assert (result.code, result.err) == (0, "")
        assert f"dcgan {verb}" in result.out
    assert cli().out == words
    assert cli("--version").out == f"{dcgan.__version__}\n"


# Training


def test_train_says_where_its_pictures_are_and_what_next(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, out in (("webp", "run"), ("gif", "my run")):
        result = cli("train", FACES, *flags(TINY), "--steps", 2, "--timelapse", kind, "--out", out)
        assert (result.code, result.err) == (0, "")
        quoted = {"run": "run", "my run": "'my run'"}[out]
        width = len(f"dcgan sample {quoted} --count 100") + 3
        assert result.out.endswith(
            f"\n\n  {out + '/timelapse.' + kind:<{width}}how it learned\n"
            f"  {out + '/samples/000002.png':<{width}}what it draws now\n"
            f"  {out + '/losses.png':<{width}}both players' losses\n\n"
            "Next:\n"
            f"  dcgan sample {quoted} --count 100   more pictures\n"
            f"  {'dcgan info ' + quoted:<{width}}all about this run\n"
            f"  {'dcgan train FOLDER':<{width}}your own pictures\n"
        )
        for name in (f"timelapse.{kind}", "samples/000002.png", "losses.png"):
            assert (tmp_path / out / name).is_file()


def test_train_in_a_pipe_is_plain_lines(cli, tmp_path):
    lines = cli("train", FACES, *flags(TINY), "--steps", 10, "--out", tmp_path / "run").out.splitlines()
    begun = lines.index(f"{tmp_path / 'run'}: 48 pictures of 8x8, on cpu")
    assert lines[begun + 1] == "48 pictures are few, and D may learn them by heart: try --augment"
    lines = lines[begun + 2 :]
    number = r"-?\d+\.\d+"
    for line in (lines[0], lines[1]):
        assert re.fullmatch(
            rf"training \d+/10  .*loss_D {number}  loss_G {number}  D\(x\) 0\.\d\d  D\(G\(z\)\) 0\.\d\d  \d+ images/s",
            line,
        )
    assert lines[0].startswith("training 5/10  ")
    assert lines[1].startswith("training 10/10  ")


@pytest.mark.parametrize("again", [False, True])
def test_train_json(again, cli, tmp_path):
    words = ["train", FACES, *flags(TINY), "--steps", 2, "--out", tmp_path / "run"]
    if again:
        cli(*words)
    result = cli(*words, "--json")
    found = one_object(result.out)
    assert found.keys() >= INFO
    assert (found["step"], found["finished"]) == (2, True)
    assert ("is finished" if again else "training 2/2") in result.err


def test_quiet_is_silent(cli, tmp_path):
    words = ["train", FACES, *flags(TINY), "--steps", 2, "--out", tmp_path / "run", "--quiet"]
    for _ in ("to the end", "which is reached"):
        result = cli(*words)
        assert (result.code, result.out, result.err) == (0, "", "")
    assert Folder(tmp_path / "run").finished()


def test_settings_from_a_file(cli, tmp_path, monkeypatch):
    """Named as flags or as fields; what is typed counts more, and a typed length replaces the file's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(
        f'data = "{FACES}"\npreset = "tutorial"\nsize = [8, 16]\nwidth = 4\nwidth-d = 3\nsave_every = 7\n'
        "mirror = true\nlr = 1\nm = 8\nminutes = 5.5\n"
    )

    def made(*words) -> Config:
        found = one_object(cli("train", "--config", "mine.toml", *words, "--dry-run", "--json").out)
        return Config.from_json(json.dumps(found["config"]))

    held = made()
    assert (held.data, held.preset, held.size, held.width, held.width_D) == (FACES, "tutorial", (8, 16), 4, 3)
    assert (held.save_every, held.mirror, held.lr, held.m, held.minutes, held.steps) == (7, True, 1.0, 8, 5.5, None)
    assert held.z == "normal"  # the preset's
    typed = made("faces:40", "--preset", "default", "--width", 5, "--no-mirror", "--steps", 9, "--size", 8)
    assert (typed.data, typed.preset, typed.size, typed.width, typed.width_D) == ("faces:40", "default", (8, 8), 5, 3)
    assert (typed.mirror, typed.steps, typed.minutes) == (False, 9, None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("data = 3", "--config a.toml: data is 3; write its name or path in quotes"),
        ("preset = 3", "--preset 3: it must be a word"),
        ("steps = 5\nminutes = 5", "--minutes: --steps is given too, and one of them says how long; keep one"),
        ("[train]\nwidth = 3", "--config a.toml: there is no setting 'train'"),
        ("fingerprint = 'x'", "--config a.toml: there is no setting 'fingerprint'"),
        ("loss = 'own:mine'", "--loss own:mine: this run was begun in Python"),
    ],
)
def test_a_file_that_is_wrong(text, sentence, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_text(text)
    result = cli("train", "--config", "a.toml")
    assert result.code == 2
    assert result.err.startswith(f"dcgan: {sentence}")
    assert os.listdir(tmp_path) == ["a.toml"]


def test_a_warm_start_by_command(cli, run):
    assert cli("train", FACES, *flags(TINY), "--size", 16, "--steps", 1, "--out", "warm", "--from", run).code == 2
    settings = flags(TINY | {"size": 16, "steps": 1})
    assert cli("train", FACES, *settings, "--out", "warm", "--from", "runs/faces").code == 0
    assert log(Folder("warm").path)[0]["from"] == "runs/faces"


# Reports


def test_info_in_words(cli, run):
    lines = cli("info", "runs/faces").out.splitlines()
    assert lines[0] == f"runs/faces: {FACES}, 16x16, colour, preset default"
    assert lines[1] == "  finished     step 30 of 30"
    number = r"-?\d+\.\d{3}"
    assert re.fullmatch(
        rf"  losses       D {number}, G {number}; D\(x\) 0\.\d\d, D\(G\(z\)\) 0\.\d\d \(1/2 each at equilibrium\)",
        lines[2],
    )
    assert re.fullmatch(r"  speed        \d+ images/s; 0:\d\d of training so far", lines[3])
    if sys.platform != "win32":
        assert re.fullmatch(r"  memory       \d[\d,]* MiB at the peak", lines.pop(4))
    assert lines[4].startswith("  settings     size 16, channels 3, width 4, m 8, ")
    assert lines[5:] == [
        "  checkpoint   runs/faces/checkpoints/last.safetensors",
        "  samples      runs/faces/samples/000030.png",
        "  timelapse    runs/faces/timelapse.webp",
        "  losses       runs/faces/losses.png",
        "  log          runs/faces/log.jsonl",
    ]


def test_info_as_json(cli, run):
    result = cli("info", "runs/faces", "--json")
    found = one_object(result.out)
    assert result.err == ""
    assert found.keys() >= INFO
    assert found["size"] == [16, 16]
    assert [found[name] for name in ("step", "steps", "minutes", "finished", "training", "channels", "preset")] == [
        30,
        30,
        None,
        True,
        False,
        3,
        "default",
    ]
    assert found["last"] == [line for line in log(run) if "event" not in line][-1]
    assert found["config"].keys() < found["defaults"].keys()
    assert all((run.parent.parent / file).is_file() for file in found["files"].values())


def test_what_a_run_is_called_cannot_write_to_the_terminal(cli, run):
    """A run may come from someone else, and a folder's name may be no text."""
    folder = Folder(run)
    for name, shown in (("x\x1b]0;owned\x07", "x\\x1b]0;owned\\x07"), ("caf\udce9", "caf\\udce9")):
        folder.config_file.write_text(folder.config().replace(data=name).to_json())
        for words in (["info", "runs/faces"], ["runs"]):
            found = cli(*words)
            assert found.code == 0
            assert shown in found.out
            assert name not in found.out


def test_info_of_a_default_run_names_only_what_was_chosen(cli, tmp_path):
    out = tmp_path / "run"
    assert cli("train", FACES, "--size", 8, "--steps", 1, "--threads", 1, "--quiet", "--out", out).code == 0
    line = next(line for line in cli("info", out).out.splitlines() if line.startswith("  settings"))
    assert line.startswith("  settings     size 8, channels 3")
    assert not {"lr", "lr_D", "m", "width", "ema"} & set(line.replace(",", " ").split())


def test_info_of_classes(cli, classes):
    assert one_object(cli("info", classes, "--json").out)["classes"] == [str(digit) for digit in range(10)]


def test_info_draws_the_networks(cli, run):
    result = cli("info", "runs/faces", "--figure", "figure.png", "--json")
    one_object(result.out)
    with Image.open("figure.png") as figure:
        assert figure.format == "PNG"
        assert min(figure.size) > 300
    assert cli("info", "runs/faces", "--figure", "figure.png").out.endswith("  figure       figure.png\n")


def stopped(run) -> None:
    """As one of 50 steps, stopped after 30."""
    folder = Folder(run)
    made = folder.config()
    folder.config_file.write_text(made.replace(steps=50).to_json())


def test_what_a_run_is_doing(cli, run):
    from dcgan import files

    stopped(run)
    assert cli("info", "runs/faces").out.splitlines()[1] == (
        "  stopped      step 30 of 50; to go on: dcgan train --out runs/faces"
    )
    with files.lock(run / ".lock", "held"):
        assert cli("info", "runs/faces").out.splitlines()[1] == "  training     step 30 of 50 is saved"
        assert cli("info", "runs/faces", "--json").json["training"]
    (run / "checkpoints" / "last.safetensors").unlink()
    found = one_object(cli("info", "runs/faces", "--json").out)
    assert (found["step"], found["finished"], found["classes"]) == (0, False, None)


def test_runs(cli, run):
    shutil.copytree(run, "runs/deep/other")
    stopped(run)
    assert cli("runs").out.splitlines() == [
        f"runs/deep/other  {FACES}        16x16  default     finished     step 30 of 30",
        f"runs/faces       {FACES}        16x16  default     stopped      step 30 of 50; to go on: dcgan train --out "
        "runs/faces",
    ]
    found = one_object(cli("runs", "--json").out)
    assert [one["path"] for one in found["runs"]] == ["runs/deep/other", "runs/faces"]
    assert found["runs"][1].keys() >= INFO
    assert found["damaged"] == []
    assert cli("runs", "runs/deep").out.count("\n") == 1


def test_a_damaged_run_does_not_hide_the_others(cli, run):
    shutil.copytree(run, "runs/bad")
    os.truncate("runs/bad/checkpoints/last.safetensors", 100)
    lines = cli("runs").out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("runs/faces  ")
    assert lines[1].startswith("damaged: runs/bad/checkpoints/last.safetensors: it is not a dcgan checkpoint")
    found = one_object(cli("runs", "--json").out)
    assert [one["path"] for one in found["runs"]] == ["runs/faces"]
    assert [one["path"] for one in found["damaged"]] == ["runs/bad"]


def test_no_runs_yet(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert cli("runs").out == "no runs in runs yet; begin with: dcgan train\n"
    assert one_object(cli("runs", "--json").out) == {"runs": [], "damaged": []}


# Data


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("cats/1.png", "cats/2.jpg", "dogs/1.png"):
        path = tmp_path / "animals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    (tmp_path / "animals" / "cats" / "3.png").write_text("text")
    (tmp_path / "animals" / "notes.md").write_text("text")
    return tmp_path / "animals"


def test_data_in_words(cli, pictures):
    assert cli("data", "animals", "--size", 16, "--quiet").out.splitlines() == [
        "animals: 3 pictures, prepared at 16x16, colour",
        "  stored as   PNG RGB 2, JPEG RGB 1",
        "  sizes       30x20 3",
        "  classes     cats 2, dogs 1",
        "  skipped     animals/notes.md: not a picture",
        "  skipped     animals/cats/3.png: text, not a picture",
        "  too many    1 of 4 cannot be read, more than --max-bad 0.1 allows: `dcgan train` would refuse",
    ]
    assert "too many" not in cli("data", "animals", "--size", 16, "--quiet", "--max-bad", 0.25).out


def test_a_run_among_its_pictures_is_none_of_them(cli, pictures, monkeypatch):
    """`cd photos; dcgan train .` leaves runs/ there: the same command goes on, and no sheet becomes a picture."""
    monkeypatch.chdir(pictures)
    (pictures / "cats/3.png").unlink()
    words = ["train", ".", *flags(TINY | {"m": 2}), "--quiet"]
    assert cli(*words, "--steps", 1).code == 0
    assert len(list(Folder("runs/animals-8").samples.iterdir())) == 2
    again = cli(*words, "--steps", 2)
    assert (again.code, again.err) == (0, "")
    assert Folder("runs/animals-8").header().step == 2
    found = one_object(cli("data", ".", "--size", 8, "--json").out)
    assert (found["images"], found["classes"]) == (3, {"cats": 2, "dogs": 1})
    assert {"path": "./runs/animals-8", "reason": "a run of dcgan's"} in (
        one_object(cli("data", ".", "--size", 16, "--json").out)["skipped"]
    )


def test_data_as_json(cli, pictures):
    before = tree(pictures)
    found = one_object(cli("data", "animals", "--size", 16, "--json").out)
    assert tree(pictures) == before
    assert (found["images"], found["size"], found["channels"]) == (3, [16, 16], 3)
    assert found["classes"] == {"cats": 2, "dogs": 1}
    assert found["refused"]
    assert found["skipped"] == [
        {"path": "animals/notes.md", "reason": "not a picture"},
        {"path": "animals/cats/3.png", "reason": "text, not a picture"},
    ]


def test_a_contact_sheet(cli, pictures):
    result = cli("data", "animals", "--size", 16, "--out", "sheet.png", "--json")
    one_object(result.out)
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (3 * 18 + 2, 20)  # each picture once
    cli("data", FACES, "--size", 8, "--out", "faces.png")
    with Image.open("faces.png") as sheet:
        assert sheet.size == (102, 52)


def test_the_cache_is_cleared(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    cli("data", FACES, "--size", 8)
    assert os.listdir(tmp_path / "cache" / "prepared")
    assert one_object(cli("data", "--clear", "--json").out)["freed"] > 48 * 8 * 8 * 3
    assert not (tmp_path / "cache" / "prepared").exists()
    assert cli("data", "--clear").out == "the cache is empty; 0 MiB are free again\n"


# Round the verbs


def test_json_leaves_stdout_to_the_object(cli, run):
    """Nothing stands there where there is no object."""
    for words in (["info", "nowhere"], ["runs", "nowhere"], ["sample", "nowhere"], ["data", "nowhere"], ["train", "x"]):
        result = cli(*words, "--json")
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("dcgan: ")


@pytest.mark.parametrize("number", [2, 15])
def test_a_training_that_was_stopped(number, cli, run, monkeypatch):
    """The code that shells give a process ended by the signal; its state all the same."""
    from dcgan import run as module

    stopped(run)
    monkeypatch.setattr(module, "train", lambda plan, console: number)
    result = cli("train", "--out", "runs/faces", "--json")
    assert result.code == 128 + number
    found = one_object(result.out)
    assert (found["step"], found["finished"]) == (30, False)
    result = cli("train", "--out", "runs/faces")
    assert (result.code, result.out) == (128 + number, "")


@pytest.mark.skipif(os.name == "nt", reason="a shell's pipe")
def test_a_reader_that_has_enough(run):
    """`dcgan info runs/faces | head -1`: no traceback."""
    process = subprocess.Popen(
        command("runs", "runs", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    assert (process.wait(timeout=200), process.stderr.read()) == (141, "")
    process.stderr.close()


def test_closed_output(run):
    """`dcgan runs runs >&-`"""
    done = subprocess.run(
        ["/bin/sh", "-c", f"{shlex.join(command('runs', 'runs'))} >&-"], capture_output=True, text=True, timeout=200
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_error_of_the_system_is_a_sentence_too(cli, monkeypatch):
    from dcgan import folder

    def broken(where):
        raise OSError(5, "Input/output error", "/mnt/disk")

    monkeypatch.setattr(folder, "runs", broken)
    assert cli("runs").err == ("dcgan: /mnt/disk: Input/output error; check that it is there, and its permissions\n")


def test_a_sentence_is_one_line(cli, monkeypatch):
    from dcgan import folder
    from dcgan.errors import UserError

    def broken(where):
        raise UserError("a file\nof two\tlines: why; what to do")

    monkeypatch.setattr(folder, "runs", broken)
    assert cli("runs").err == "dcgan: a file\\nof two\tlines: why; what to do\n"
