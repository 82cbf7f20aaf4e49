"""A run's directory is followed as it grows, and the page is told what changed, whatever happens to the files."""

import dataclasses
import json
import os
import random
import sys

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra `studio` is not installed")

from starlette.testclient import TestClient

from dcgan import checkpoint, files
from dcgan.folder import Folder
from dcgan.logbook import LONGEST, Log
from dcgan.studio import server
from dcgan.studio.control import Trainings
from dcgan.studio.follow import CURVES, Followed
from dcgan.studio.library import Library
from dcgan.studio.live import WATCHED, Line, Watch
from dcgan.studio.series import MOST, Series
from support import until

OTHERS = dict.fromkeys(("loss_D", "loss_G", "D_x", "D_Gz"), 0.5)


def report(step, **values):
    return {"step": step, "images": step * 8, "seconds": step / 10, "images_per_s": 80.0} | OTHERS | values


def write(run, *lines, mode="a"):
    with open(run / "log.jsonl", mode, encoding="utf-8") as file:
        file.writelines(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def run(tmp_path, trained):
    """A run whose log is still empty."""
    (tmp_path / "runs/one/samples").mkdir(parents=True)
    (tmp_path / "runs/one/config.json").write_bytes((trained / "config.json").read_bytes())
    return tmp_path / "runs/one"


@pytest.fixture
def followed(run):
    library = Library(run.parent)
    return Followed(library, "one", library.run("one"))


def steps(series):
    return series.since(0)["step"]


# Numbers over steps


@pytest.mark.parametrize("lines", [1, 2, MOST, MOST + 1, 2 * MOST, 5 * MOST + 7])
def test_a_series_keeps_lows_means_and_highs(lines):
    rng = np.random.default_rng(lines)
    rows = np.column_stack([np.arange(lines) * 50, rng.normal(size=(lines, 2))])
    series, at = Series("a", "b"), 0
    while at < lines:  # as it comes: by ones and by hundreds
        more = int(rng.integers(1, 300))
        series.add(rows[at : at + more])
        at += more
    width = series.width
    assert len(series) == -(-lines // width) <= MOST
    assert width == 1 or len(series) > MOST // 2  # no coarser than it must be
    said = series.since(0)
    for column, name in enumerate(("a", "b"), 1):
        parts = [rows[i : i + width, column] for i in range(0, lines, width)]
        np.testing.assert_allclose(said[name]["mean"], [part.mean() for part in parts], rtol=1e-4, atol=1e-5)
        if width > 1:  # each spike is there
            np.testing.assert_allclose(said[name]["low"], [part.min() for part in parts], rtol=1e-4)
            np.testing.assert_allclose(said[name]["high"], [part.max() for part in parts], rtol=1e-4)
    assert said["step"][-1] == (lines - 1) * 50


def test_what_is_no_number_is_null():
    series = Series("a")
    series.add(np.array([[1, np.nan], [2, 0.123456789], [3, np.inf]]))
    assert series.since(1) == {"from": 1, "step": [2, 3], "a": {"mean": [0.12346, None]}}


def test_a_gap_stays_as_small_as_it_is():
    rows = np.column_stack([np.arange(8 * MOST), np.ones((8 * MOST, 2))])
    rows[100, 1] = rows[800:816, 1] = np.nan
    series = Series("a", "b")
    for at in range(0, len(rows), 300):
        series.add(rows[at : at + 300])
    said = series.since(0)
    assert series.width == 8
    assert [i for i, mean in enumerate(said["a"]["mean"]) if mean != 1] == [100, 101]  # where nothing is known
    assert {*said["b"]["mean"]} == {1.0}


# The log


def test_only_what_is_new_is_read(run, followed, monkeypatch):
    write(run, {"event": "start", "step": 0}, report(5), report(10))
    followed.look()
    assert steps(followed.curves) == [5, 10]
    taken = []
    monkeypatch.setattr(followed, "_take", taken.append)
    followed.look()
    write(run, report(15))
    followed.look()
    assert [[line["step"] for line in lines] for lines in taken] == [[15]]


def test_a_line_is_read_when_it_is_whole(run, followed):
    text = json.dumps(report(5)) + "\n"
    for cut in (0, 1, len(text) // 2, len(text) - 1):
        write(run, text[:cut], mode="w")
        followed.look()
        assert steps(followed.curves) == []
        write(run, text[cut:])
        followed.look()
        assert steps(followed.curves) == [5]
        write(run, mode="w")
        followed.look()


def test_a_log_that_was_rewritten_is_read_anew(run, followed):
    write(
        run,
        *(report(step) for step in range(5, 100, 5)),
        {"event": "evaluate", "step": 50, "score": 1.5, "metric": "m"},
    )
    followed.look()
    assert followed.best == {"step": 50, "score": 1.5, "metric": "m"}
    epoch = followed.curves.epoch
    kept = "".join(json.dumps(report(step)) + "\n" for step in range(5, 50, 5))
    files.write_whole(run / "log.jsonl", kept.encode())  # as Folder.rewind does
    write(run, *(report(step, loss_D=0.75) for step in range(50, 300, 5)))  # and is longer than before, by now
    followed.look()
    assert steps(followed.curves) == list(range(5, 300, 5))
    assert followed.curves.since(0)["loss_D"]["mean"][-1] == 0.75
    assert followed.curves.epoch != epoch
    assert followed.best is None
    (run / "log.jsonl").unlink()
    followed.look()
    assert steps(followed.curves) == []


def test_a_log_is_only_read_never_believed(run, followed):
    strange = [
        *("", "{", "[1]", "null", "[" * 5000, "\xff\xfe", '{"step": "7"}', '{"step": NaN}', '{"step": true}'),
        *('{"step": 1e999, "loss_D": 1}', '{"event": "finding"}', '{"event": ["x"], "step": 5}'),
        json.dumps(report(5)),
        '{"step": 10, "loss_D": "high", "D_x": NaN, "loss_G": 1e999, "D_Gz": ' + "9" * 400 + "}",
        '{"x": "' + "y" * (2 * LONGEST) + '", "step": 15}',
        json.dumps(report(20)),
    ]
    write(run, *(line + "\n" for line in strange))
    write(run, {"event": "finding", "step": 20, "name": ["n"], "words": "w" * 10**4})
    followed.look()
    said = followed.curves.since(0)
    assert said["step"] == [5, 10, 20]
    assert [said[name]["mean"][1] for name in CURVES] == [None] * 5
    assert len(followed.findings[0]["words"]) == 2000
    json.dumps([said, followed.brief(), list(followed.findings)], allow_nan=False)


def test_findings_and_scores_are_kept_apart(run, followed):
    write(
        run,
        {"event": "start", "step": 0},
        report(5),
        {"event": "finding", "step": 5, "name": "D-won", "words": "It won."},
    )
    write(run, {"event": "evaluate", "step": 5, "score": 3.0, "metric": "FID"}, {"event": "resume", "step": 5})
    write(
        run,
        {"event": "evaluate", "step": 10, "score": 2.0, "metric": "FID"},
        {"event": "evaluate", "step": 15, "score": 4.0},
    )
    followed.look()
    assert list(followed.findings) == [{"step": 5, "name": "D-won", "words": "It won."}]
    write(run, {"event": "recover", "step": 5, "name": "D-won", "at": 1250, "words": "D wins.", "recoveries": 1})
    followed.look()
    assert followed.findings[-1]["words"] == "it went back from step 1,250, after this: D wins."
    assert followed.best == {"step": 10, "score": 2.0, "metric": "FID"}
    assert followed.scores.since(0)["score"]["mean"] == [3.0, 2.0, 4.0]
    assert steps(followed.curves) == [5]


def test_a_long_log_takes_little_memory(run):
    import tracemalloc

    line = json.dumps(report(0)) + "\n"
    write(run, *(line.replace('"step": 0', f'"step": {step}', 1) for step in range(30_000)))
    log, seen = Log(run / "log.jsonl"), 0
    tracemalloc.start()
    try:
        for lines in log.read(lambda: None):
            seen += len(lines)
        assert seen == 30_000
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20  # all of them as objects would be 40 MiB
    finally:
        tracemalloc.stop()


# The samples


def test_samples_as_they_come_go_and_are_drawn_anew(run, followed):
    folder = run / "samples"
    for step in (0, 50, 1000000):
        (folder / f"{step:06d}.png").write_bytes(b"x")
    for other in ("x.png", "000010.jpg", ".000010.png.part", "1e3.png", "٣.png", "000020.png.png"):
        (folder / other).write_bytes(b"x")
    followed.look()
    samples, epoch = followed.samples, followed.samples.epoch
    assert samples.steps == [0, 50, 1000000]
    (folder / "1000050.png").write_bytes(b"x")
    followed.look()
    assert (samples.steps[-1], samples.epoch) == (1000050, epoch)
    (folder / "1000000.png").unlink()
    followed.look()
    assert samples.steps == [0, 50, 1000050]
    assert samples.epoch > epoch
    before, epoch = samples.versions, samples.epoch
    files.write_whole(folder / "000050.png", b"y")
    os.utime(folder / "000050.png", (2e9, 2e9))
    followed.look()
    assert samples.epoch > epoch
    assert (samples.versions[0], samples.versions[2]) == (before[0], before[2])
    assert samples.versions[1] == 2 * 10**12


def test_samples_that_cannot_be_listed_may_be_later(run, followed, monkeypatch):
    (run / "samples/000050.png").write_bytes(b"x")
    os.utime(run / "samples", (1e9, 1e9))  # long settled
    with monkeypatch.context() as patch:
        for error in (FileNotFoundError, PermissionError):  # it has just gone; one may not look
            patch.setattr(os, "scandir", lambda path, error=error: (_ for _ in ()).throw(error(path)))
            followed.look()
            assert followed.samples.steps == []
    followed.look()
    assert followed.samples.steps == [50]


# In brief


def test_what_the_list_says(run, followed, trained):
    brief = followed.brief()
    assert (brief["status"], brief["step"], brief["fraction"], brief["sample"]) == ("stopped", 0, 0.0, None)
    write(run, report(5))
    with files.lock(run / ".lock", "held"):
        brief = followed.brief()
        assert (brief["status"], brief["step"], brief["images_per_s"]) == ("training", 5, 80.0)
        assert brief["left"] is None
        write(run, report(10))
        followed.look()
        brief = followed.brief()
        assert (brief["step"], brief["left"]) == (10, 2.0)  # 20 of 30 steps, at 0.1 s each
    assert followed.brief()["step"] == 0  # nothing was saved
    (run / "checkpoints").mkdir()
    (run / "checkpoints/last.safetensors").write_bytes((trained / "checkpoints/last.safetensors").read_bytes())
    brief = followed.brief()
    assert (brief["status"], brief["step"], brief["fraction"]) == ("finished", 30, 1.0)
    (run / "config.json").write_text("{")
    assert followed.brief()["status"] == "damaged"
    assert "config.json" in followed.brief()["trouble"]


ODD = {
    "samples is a file": lambda two: (two / "samples").write_text("x"),
    "its name": lambda two: two.rename(two.parent / os.fsdecode(b"caf\xe9")),
    "its data's name": lambda two: (two / "config.json").write_text(
        (two / "config.json").read_text().replace('"faces:48"', '"caf\\udce9"')
    ),
    "its seconds": lambda two: _last_with(two, seconds=float("nan")),
    "its step": lambda two: _last_with(two, step=10**400),
}


def _last_with(run, **odd):
    file = Folder(run).last
    header, tensors = checkpoint.read(file)
    checkpoint.write(file, tensors, dataclasses.replace(header, **odd))


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_run_does_not_hide_the_others(odd, run, trained):
    two = run.parent / "two"
    (two / "checkpoints").mkdir(parents=True)
    for file in ("config.json", "checkpoints/last.safetensors"):
        (two / file).write_bytes((trained / file).read_bytes())
    if odd == "its name" and sys.platform != "linux":
        pytest.skip("no folder can have such a name here")
    ODD[odd](two)
    client = TestClient(server.application(Library(run.parent)), base_url="http://localhost:8421")
    told = client.get("/api/runs")
    briefs = {brief["name"]: brief for brief in told.json()["runs"]}
    assert briefs.pop("one")["status"] == "stopped"
    (other,) = briefs.values()
    damaged = {"its name": "rename it", "its seconds": "makes no sense", "its step": "makes no sense"}
    assert other["status"] == ("damaged" if odd in damaged else "finished")
    assert damaged.get(odd, "") in (other["trouble"] or "")
    assert "one" in [one["name"] for one in client.get("/api/explore/runs").json()]
    with client.websocket_connect("ws://localhost:8421/api/live") as line:
        assert len(line.receive_json()["runs"]) == 2


def test_a_single_run_is_a_library_of_its_own(run):
    assert list(Library(run).runs()) == ["one"]
    assert list(Library(run.parent).runs()) == ["one"]
    assert list(Library(run.parent.parent).runs()) == ["runs/one"]
    assert list(Library(run / "not-yet").runs()) == []


# What the page is told


class Page:
    """Does with messages what web/src/watch/model.ts does."""

    def __init__(self):
        self.points = {"curves": {"step": []}, "scores": {"step": []}, "samples": {"steps": [], "versions": []}}

    def take(self, message):
        for part, held in self.points.items():
            given = message.get(part)
            if given is None:
                continue
            start = given.pop("from")
            for name, values in given.items():
                values = values["mean"] if isinstance(values, dict) else values
                held[name] = held.get(name, [])[:start] + values


def test_runs_that_are_trained_keep_their_places(run, trained, monkeypatch):
    for name in ("two", "three", "four"):
        (run.parent / name).mkdir()
        (run.parent / name / "config.json").write_bytes((trained / "config.json").read_bytes())
    watch = Watch(Library(run.parent), Trainings())
    with files.lock(run / ".lock", "held"), files.lock(run.parent / "two/.lock", "held"):
        for turn, last in enumerate(("one", "two", "one")):
            for name in ("one", "two", "three", "four"):
                write(run.parent / name, report(5 + turn))
                when = 1e9 + {last: 9, "three": 5, "four": 6}.get(name, 0)
                os.utime(run.parent / name / "log.jsonl", (when, when))
            monkeypatch.setattr(watch, "_next", 0.0)
            assert [brief["name"] for brief in watch.briefs()] == ["one", "two", "four", "three"]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_told_bit_by_bit_is_the_whole(seed, run):
    rng = random.Random(seed)
    watch = Watch(Library(run.parent), Trainings())
    line, page, step = Line(watch), Page(), 0
    line.asked('{"watch": ["one"]}')
    for _ in range(8):
        kind = rng.choice(["reports", "many", "rewind", "sample", "reload"])
        if kind in ("reports", "many"):
            more = rng.randrange(1, 6) if kind == "reports" else rng.randrange(MOST // 2, 2 * MOST)
            write(run, *(report(step + i, loss_D=rng.random()) for i in range(more)))
            step += more
        elif kind == "rewind":
            step //= 2
            log = (run / "log.jsonl").read_text().splitlines() if (run / "log.jsonl").exists() else []
            held = [one for one in map(json.loads, log) if one["step"] < step]
            files.write_whole(run / "log.jsonl", "".join(json.dumps(one) + "\n" for one in held).encode())
            for file in (run / "samples").glob("*.png"):
                if int(file.stem) >= step:
                    file.unlink()
        elif kind == "sample":
            (run / "samples" / f"{step:06d}.png").write_bytes(b"x")
        else:  # the page was loaded anew
            line, page = Line(watch), Page()
            line.asked('{"watch": ["one"]}')
        for message in line.news():
            page.take(json.loads(json.dumps(message, allow_nan=False)))
        whole = Page()
        other = Line(watch)
        other.asked('{"watch": ["one"]}')
        for message in other.news():
            whole.take(message)
        assert page.points == whole.points
    assert [message for message in line.news() if "run" in message] == []  # nothing new, nothing said


def test_a_page_is_told_of_runs_that_come_and_go(run, monkeypatch):
    monkeypatch.setattr(Library, "runs", lambda self: self._look_now())
    monkeypatch.setattr(Library, "_look_now", lambda self: dict(self._look()), raising=False)
    watch = Watch(Library(run.parent), Trainings())
    line = Line(watch)
    line.asked(json.dumps({"watch": ["one", "two", "one", *map(str, range(20))]}))
    assert len(line.names) == WATCHED
    first = line.news()
    assert [brief["name"] for brief in first[0]["runs"]] == ["one"]
    assert {"run": "two", "gone": True} in first
    run.rename(run.parent / "two")
    until(lambda: any(message.get("run") == "two" and "samples" in message for message in line.news()), "two is seen")
    until(lambda: [brief["name"] for brief in watch.briefs()] == ["two"], "the list says so")
