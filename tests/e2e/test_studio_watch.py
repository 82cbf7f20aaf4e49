"""The Watch half in a real browser, on runs trained while it looks (issue 7, claims 1 and 4)."""

import io
import itertools
import json
import os
import re
import shutil
import signal
import sys
import time
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from dcgan.folder import Folder
from support import FACES, TINY, flags, log, start, until

pytestmark = pytest.mark.slow
SETTINGS = TINY | {"report_every": 2, "sample_every": 50, "save_every": 1000}
LONG = SETTINGS | {"steps": 3000, "report_every": 10, "sample_every": 250}  # some seconds, to be seen as it grows


@pytest.fixture(scope="module")
def library(trained, tmp_path_factory):
    """Three finished runs, of which one cannot be read."""
    where = tmp_path_factory.mktemp("library")
    for name in ("first", "second, with a comma", "broken"):
        shutil.copytree(trained, where / name)
    (where / "broken/config.json").write_text("{")
    with open(where / "first/log.jsonl", "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in (
            {"event": "evaluate", "step": 10, "score": 3.5, "metric": "FID (lite0)"},
            {"event": "evaluate", "step": 20, "score": 2.5, "metric": "FID (lite0)"},
            {"event": "finding", "step": 20, "name": "D-won", "words": "D tells all pictures apart; lower --lr-d."},
        ))  # fmt: skip
    lines = log(where / "second, with a comma")
    for line in lines:
        if "loss_G" in line:
            line["loss_G"] *= 3
    (where / "second, with a comma/log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return where


@pytest.fixture(scope="module")
def address(library):
    """A studio on them, for the tests that only look."""
    process = start("studio", library, "--no-browser", "--port", "0")
    yield re.search(r"http://\S+", process.stdout.readline())[0]
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err


def column(page, name):
    return page.get_by_role("article", name=f"Run {name}")


def slider(page):
    return page.get_by_role("slider", name=re.compile("Time"))


def shown(page, name):
    """The pixels of the sheet that is shown, and its step."""
    image = column(page, name).get_by_role("img", name=re.compile("Samples of"))
    image.wait_for()
    words, *pixels = image.evaluate(
        """async image => {
            for (;;) {
                const src = image.src, words = image.alt;
                try {
                    await image.decode();
                } catch (error) {
                    if (image.src !== src) continue; // a newer sheet took its place meanwhile
                    throw error;
                }
                const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
                const context = canvas.getContext("2d");
                context.drawImage(image, 0, 0);
                if (image.src !== src || image.alt !== words) continue;
                const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
                return [words, canvas.height, canvas.width, ...data];
            }
        }"""
    )
    step = int(re.search(r"at step ([\d,]+)", words)[1].replace(",", ""))
    return step, np.array(pixels[2:], np.uint8).reshape(*pixels[:2], 4)[..., :3]


def drawn(run, step):
    return np.asarray(Image.open(io.BytesIO(Folder(run).sample_file(step).read_bytes())).convert("RGB"))


def test_a_training_is_watched_from_its_first_step_to_its_last(page, studio, tmp_path, dcgan_process, serious):
    (tmp_path / "runs").mkdir()
    page.goto(studio(tmp_path / "runs"))
    page.get_by_role("heading", name="No runs here yet").wait_for()
    assert serious(page) == []

    run = tmp_path / "runs/live"
    process = dcgan_process("train", FACES, *flags(LONG), "--out", run)
    live = column(page, "live")
    live.get_by_text("training", exact=True).wait_for()
    seen, ended = set(), live.get_by_text("finished", exact=True)
    while not ended.is_visible():
        if live.get_by_role("img", name=re.compile("Samples of")).is_visible():
            seen.add(shown(page, "live")[0])
        page.wait_for_timeout(50)
    assert process.wait() == 0
    until(lambda: page.wait_for_timeout(50) or shown(page, "live")[0] == 3000, "the last samples are shown")
    assert len(seen) > 3  # it was seen as it grew
    assert live.get_by_text("step 3,000 of 3,000 · 100 %").is_visible()
    steps = [int(file.stem) for file in Folder(run).sample_files()]
    assert steps == list(range(0, 3001, 250))
    assert slider(page).get_attribute("max") == str(len(steps) - 1)
    last = live.get_by_role("img", name=re.compile("Losses over training"))
    report = [line for line in log(run) if "event" not in line][-1]
    said = re.search(r"At step 3,000: D ([\d.]+), G ([\d.]+)\.", last.get_attribute("aria-label"))
    assert [float(said[1]), float(said[2])] == pytest.approx([report["loss_D"], report["loss_G"]], rel=0.01)

    # Back through all of training, with the keys: the pixels are those of the files.
    slider(page).focus()
    page.keyboard.press("Home")
    for press, step in (("Home", 0), ("ArrowRight", 250), ("ArrowRight", 500), ("End", 3000), ("ArrowLeft", 2750)):
        page.keyboard.press(press)
        until(lambda: page.wait_for_timeout(20) or shown(page, "live")[0] == step, f"step {step} is shown")  # noqa: B023
        np.testing.assert_array_equal(shown(page, "live")[1], drawn(run, step))
        assert slider(page).get_attribute("aria-valuetext") == f"step {step:,}"
    assert urlsplit(page.url).fragment == "/watch?runs=live&step=2750"

    # Reload and lose nothing.
    page.get_by_label("Seed", exact=True).fill("5")
    page.keyboard.press("Enter")
    live.get_by_role("heading", name="Seed 5").wait_for()
    page.reload()
    live.get_by_role("heading", name="Seed 5").wait_for()
    assert shown(page, "live")[0] == 2750
    assert slider(page).get_attribute("max") == str(len(steps) - 1)
    page.go_back()
    live.get_by_role("heading", name="Seed 5").wait_for(state="detached")
    assert serious(page) == []


def test_it_plays(page, address):
    page.goto(address + "#/watch?runs=first")
    until(lambda: page.wait_for_timeout(20) or shown(page, "first")[0] == 30, "the newest is shown")
    slider(page).evaluate(
        """slider => {
            window.seen = [];
            const see = () => { window.seen.push(slider.getAttribute("aria-valuetext")); requestAnimationFrame(see); };
            see();
        }"""
    )
    page.get_by_role("button", name="Play all of training").click()
    until(lambda: {"step 0", "step 20"} <= set(page.evaluate("seen")), "it plays")
    until(lambda: page.evaluate("seen.at(-1)") == "step 30", "it comes to the end")
    seen = [step for step, _ in itertools.groupby(page.evaluate("seen"))]
    assert seen == ["step 30", "step 0", "step 10", "step 20", "step 30"]
    page.get_by_role("button", name="Play all of training").wait_for()  # it has stopped of itself
    until(lambda: page.wait_for_timeout(20) or shown(page, "first")[0] == 30, "it comes to the end")


def test_runs_beside_each_other_have_the_same_seeds_and_axes(page, library, address, serious):
    page.goto(address + "#/watch?runs=first")
    other = "second, with a comma"
    page.get_by_role("checkbox", name=f"{other} beside the others").check()
    column(page, other).wait_for()
    for name in ("first", other):
        column(page, name).get_by_role("img", name=re.compile("Losses over training. At step 30")).wait_for()
    scales = page.evaluate(
        """[...document.querySelector('dcgan-studio').shadowRoot.querySelector('dcgan-watch').shadowRoot
        .querySelectorAll('dcgan-run')].map(run => [...run.shadowRoot.querySelectorAll('dcgan-chart')]
        .map(chart => [chart.heading, chart.across, chart.up]))"""
    )
    assert len(scales) == 2
    charts = {name: (across, up) for name, across, up in scales[0]}
    assert scales[0][:2] == scales[1][:2]  # the losses, and what D believes
    assert charts["Losses"][0] == [0, 30]
    most = max(line["loss_G"] for line in log(library / other) if "loss_G" in line)
    assert charts["Losses"][1] == [0, pytest.approx(1.1 * most, rel=1e-3)]
    assert charts["What D believes"][1] == [0, 1]
    slider(page).focus()
    page.keyboard.press("ArrowLeft")
    for name in ("first", other):
        until(lambda: page.wait_for_timeout(20) or shown(page, name)[0] == 20, f"{name} goes back too")  # noqa: B023
    page.reload()
    for name in ("first", other):
        until(lambda: page.wait_for_timeout(20) or shown(page, name)[0] == 20, f"{name} is as it was")  # noqa: B023
    assert serious(page) == []
    page.get_by_role("button", name="Put first away").click()
    column(page, "first").wait_for(state="detached")
    assert column(page, other).is_visible()


def test_the_run_that_is_shown_of_itself_stays(page, studio, tmp_path, trained):
    """Whichever wrote last; it is another's turn when that one is gone."""
    for name in ("first", "other"):
        shutil.copytree(trained, tmp_path / name)
    later = itertools.count(time.time() + 60, 60)
    newest = page.locator("dcgan-runs li").first

    def writes(name):
        os.utime(tmp_path / name / "log.jsonl", (when := next(later), when))
        newest.get_by_role("button", name=re.compile(f"^{name}")).wait_for()

    page.goto(studio(tmp_path))
    writes("first")
    page.reload()
    for name in ("other", "first", "other"):
        column(page, "first").wait_for()
        writes(name)
        assert not column(page, "other").is_visible()
    shutil.rmtree(tmp_path / "first")
    column(page, "other").wait_for()


def test_what_was_noticed_is_said_in_words(page, address):
    page.goto(address + "#/watch?runs=first")
    first = column(page, "first")
    first.get_by_text("D tells all pictures apart; lower --lr-d.").wait_for()
    assert first.get_by_text("2.50 at 20").is_visible()  # the best score
    assert first.get_by_role(
        "img", name=re.compile(r"FID \(lite0\) over training. At step 20: score 2.50")
    ).is_visible()
    assert first.get_by_text(re.compile("It believes a training picture by 0")).is_visible()
    page.get_by_role("button", name=re.compile("^broken")).click()
    column(page, "broken").get_by_role("alert").get_by_text("config.json").wait_for()


def test_a_stretch_of_a_chart(page, address):
    page.goto(address + "#/watch?runs=first")
    chart = column(page, "first").locator("dcgan-chart").first.locator(".u-over")
    box = chart.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 2 / 3, box["y"] + 60, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="All steps").wait_for()
    assert urlsplit(page.url).fragment == "/watch?runs=first&from=10&to=20"
    page.get_by_role("button", name="All steps").click()
    chart.click(position={"x": box["width"] * 0.35, "y": 40})  # and a click goes to that step
    until(lambda: page.wait_for_timeout(20) or shown(page, "first")[0] == 10, "the samples of then are shown")


@pytest.mark.skipif(sys.platform == "win32", reason="a training that is stopped there ends without a save")
def test_stop_and_continue(page, studio, tmp_path, dcgan_process):
    run = tmp_path / "runs/live"
    (tmp_path / "runs").mkdir()
    page.goto(studio(tmp_path / "runs"))
    process = dcgan_process("train", FACES, *flags(LONG), "--out", run)
    live = column(page, "live")
    live.get_by_role("button", name="Stop and save").click()
    live.get_by_text("stopped", exact=True).wait_for()
    assert process.wait() == 128 + signal.SIGTERM
    stopped = Folder(run).header().step
    assert 0 < stopped < 3000
    page.reload()
    live.get_by_role("button", name="Continue").click()
    live.get_by_text("finished", exact=True).wait_for()
    assert Folder(run).header().step == 3000
    assert [line["step"] for line in log(run) if line.get("event") == "resume"] == [stopped]


@pytest.mark.skipif(sys.platform == "win32", reason="a training that is stopped there ends without a save")
@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_a_training_that_the_studio_started_ends_with_it(number, page, studio, tmp_path, trained):
    """Also where its terminal is closed."""
    run = tmp_path / "runs/live"
    shutil.copytree(trained, run)
    before = len(log(run))
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as by nohup, whose children ignore it
    try:
        page.goto(studio(tmp_path / "runs"))
    finally:
        signal.signal(signal.SIGHUP, ignored)
    live = column(page, "live")
    live.get_by_role("button", name="Train on").click()
    live.get_by_label("to step").fill("100000")
    live.get_by_role("button", name="Train", exact=True).click()
    until(lambda: page.wait_for_timeout(20) or len(log(run)) > before + 2, "it goes on")
    assert Folder(run).training()
    (process,) = studio.started
    process.send_signal(getattr(signal, number))
    process.wait(60)
    assert not Folder(run).training()
    assert Folder(run).header().step > 30  # saved, with all that was learned
    page.get_by_role("alert").get_by_text("The studio does not answer").wait_for()
    page.wrong.clear()  # that it tried to reach it


def test_what_keeps_a_training_from_going_on_is_said(page, studio, tmp_path, trained):
    shutil.copytree(trained, tmp_path / "runs/moved")
    config = tmp_path / "runs/moved/config.json"
    held = json.loads(config.read_text()) | {"data": str(tmp_path / "gone"), "steps": 40}
    config.write_text(json.dumps(held))
    page.goto(studio(tmp_path / "runs"))
    moved = column(page, "moved")
    moved.get_by_role("button", name="Continue").click()
    moved.get_by_role("alert").get_by_text(str(tmp_path / "gone")).wait_for()
    assert moved.get_by_role("button", name="Continue").is_enabled()


def test_it_comes_back_after_a_break(page, studio, library):
    address = studio(library)
    page.goto(address + "#/watch?runs=first&step=20")
    until(lambda: page.wait_for_timeout(20) or shown(page, "first")[0] == 20, "it is shown")
    studio.started[0].terminate()
    studio.started[0].wait(60)
    page.get_by_role("alert").get_by_text("The studio does not answer").wait_for()
    assert shown(page, "first")[0] == 20  # what is known stays
    studio(library, "--port", str(urlsplit(address).port))
    page.get_by_role("alert").wait_for(state="detached")
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    until(lambda: page.wait_for_timeout(20) or shown(page, "first")[0] == 30, "and it goes on")
    page.wrong.clear()


def test_it_fits_and_can_be_read(page, address, serious):
    page.goto(address + "#/watch?runs=first,second%252C with a comma&seed=3")
    column(page, "first").get_by_role("heading", name="Seed 3").wait_for()
    for width, theme in itertools.product((360, 768, 1440), ("light", "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=theme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert serious(page) == [], (width, theme)


def test_the_theme_is_chosen_and_kept(page, address):
    page.goto(address)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    assert page.evaluate(ground) != light
    page.reload()
    page.get_by_role("button", name="Theme: dark").wait_for()
    assert page.evaluate(ground) != light


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C")
def test_train_opens_it_on_the_run_that_starts(page, tmp_path, dcgan_process):
    run = tmp_path / "runs/live"
    words = flags(SETTINGS | {"steps": 100})
    process = dcgan_process("train", FACES, *words, "--studio", "--out", run, env=os.environ | {"DISPLAY": ""})
    found = (re.search(r"http://\S+", line) for line in process.stdout)  # after "preparing faces", where none did yet
    address = next(filter(None, found))[0]
    page.goto(address)
    live = column(page, "live")
    live.get_by_text("finished", exact=True).wait_for()  # and it stays open
    assert shown(page, "live")[0] == 100
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    page.get_by_role("alert").get_by_text("The studio does not answer").wait_for()
    page.wrong.clear()
