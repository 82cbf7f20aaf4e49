"""The studio's Watch half: how fast a long run opens, how much memory its server takes, how much it slows a training.

Three rows of docs/results/studio.json. Needs Chromium and playwright (extra `dev`), and the built page. Each studio is
the real command in a process of its own; the page is the real page in a headless Chromium on the same machine, so that
a training is slowed by the browser too.
"""

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from record import record, workplace

from dcgan import images

LINES, SHEETS = 100_000, 2_000
OPENINGS = 5
PAIRS, STEPS = 6, 250
TRAIN = [
    "faces:2000",
    "--m",
    "32",
    "--width",
    "32",
    "--steps",
    str(STEPS),
    "--sample-every",
    "100",
    "--report-every",
    "10",
]
READY = """() => {
    const watch = document.querySelector("dcgan-studio")?.shadowRoot.querySelector("dcgan-watch")?.shadowRoot;
    const run = watch?.querySelector("dcgan-run")?.shadowRoot;
    const sheet = run?.querySelector("dcgan-sheet")?.shadowRoot.querySelector("img");
    const charts = [...(run?.querySelectorAll("dcgan-chart") ?? [])];
    const drawn = charts.length >= 2 && charts.every((chart) => chart.points.step.length > 1000);
    return drawn && sheet?.complete && sheet.naturalWidth > 0 ? performance.now() : 0;
}"""


def main() -> None:
    record("studio", "opens", _opens, goal=2.0, command="dcgan studio RUN",
           protocol=f"seconds from the page's request to its sheet and curves, of a run with {LINES:,} log lines and "
                    f"{SHEETS:,} sample files; each time a fresh studio that has read nothing; median of "
                    f"{OPENINGS}, `all` of them; `scrolls`: ms that the main thread is busy for, at most, as the "
                    "slider goes over 100 sheets")  # fmt: skip
    record("studio", "memory", _memory, goal=150.0, command="dcgan studio FOLDER",
           protocol="MiB, peak resident of the server with that run and two small ones open in two pages for 20 s, no "
                    "model loaded; `anonymous`: of that, RssAnon at the end")  # fmt: skip
    record("studio", "slowed", _slowed, goal=2.0, command=" ".join(["dcgan train", *TRAIN]),
           protocol="percent that a training takes longer while a page watches it, by the seconds in its log: median "
                    f"of {PAIRS} pairs, watched and not in turn; `spread`: the pairs' quartiles")  # fmt: skip


def _long_run() -> Path:
    run = workplace() / "studio-long" / "long"
    if (run / "complete").exists():
        return run
    shutil.rmtree(run, ignore_errors=True)
    _dcgan("train", "faces:64", "--m", "8", "--width", "4", "--steps", "10", "--threads", "1", "--out", run, "--quiet")
    draw = random.Random(0)
    with open(run / "log.jsonl", "w") as log:
        for i in range(1, LINES + 1):
            values = {name: round(draw.gauss(mean, 0.1), 6) for name, mean in
                      (("loss_D", 1.0), ("loss_G", 1.5), ("D_x", 0.7), ("D_Gz", 0.3))}  # fmt: skip
            line = {"step": i * 50, "images": i * 1600, "seconds": i * 0.4, "images_per_s": 4000.0, **values}
            log.write(json.dumps(line) + "\n")
    rng = np.random.default_rng(0)
    for i in range(SHEETS):
        sheet = images.grid(rng.integers(0, 256, (64, 16, 16, 3), np.uint8).repeat(4, 1).repeat(4, 2))
        (run / "samples" / f"{i * 2500:06d}.png").write_bytes(images.png(sheet))
    (run / "complete").write_text("")
    return run


def _opens() -> dict[str, Any]:
    run, times = _long_run(), []
    with _browser() as browser:
        for _ in range(OPENINGS):
            with _studio(run) as (address, _):
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.goto(address)
                while not (ready := page.evaluate(READY)):
                    time.sleep(0.01)
                times.append(ready / 1000)
                scrolls = page.evaluate(_SCROLL)
                page.close()
    value = statistics.median(times)
    return {"value": round(value, 3), "ok": value <= 2, "all": [round(one, 3) for one in times], "scrolls": scrolls}


_SCROLL = """async () => {
    let longest = 0, last = performance.now(), going = true;
    const tick = () => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
        if (going) setTimeout(tick, 0);
    };
    tick();
    const watch = document.querySelector("dcgan-studio").shadowRoot.querySelector("dcgan-watch").shadowRoot;
    const slider = watch.querySelector("input[type=range]");
    for (let i = 0; i < 100; i++) {
        slider.value = String(i * 20);
        slider.dispatchEvent(new InputEvent("input", {bubbles: true}));
        await new Promise((go) => setTimeout(go, 20));
    }
    going = false;
    return Math.round(longest);
}"""


def _memory() -> dict[str, Any]:
    folder = _long_run().parent
    for name in ("small-1", "small-2"):
        if not (folder / name).exists():
            _dcgan("train", "faces:64", "--m", "8", "--width", "4", "--steps", "20", "--threads", "1",
                   "--out", folder / name, "--quiet")  # fmt: skip
    with _browser() as browser, _studio(folder) as (address, process):
        for _ in range(2):
            page = browser.new_page()
            page.goto(f"{address}#/watch?runs=long,small-1,small-2")
            while not page.evaluate(READY.replace("every", "some")):
                time.sleep(0.05)
            page.evaluate(_SCROLL)
        time.sleep(20)
        said = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        peak, now = (int(said[name].split()[0]) / 1024 for name in ("VmHWM", "RssAnon"))
    return {"value": round(peak, 1), "ok": peak < 150, "anonymous": round(now, 1)}


def _slowed() -> dict[str, Any]:
    folder = workplace() / "studio-slowed"
    with _browser() as browser:

        @contextmanager
        def page(run: Path) -> Generator[None]:
            with _studio(folder) as (address, _):
                shown = browser.new_page(viewport={"width": 1280, "height": 800})
                shown.goto(f"{address}#/watch?runs={run.name}")
                yield
                shown.close()

        slower = _pairs(folder, page)
    value = statistics.median(slower)
    spread = [round(one, 2) for one in statistics.quantiles(slower)]
    return {"value": round(value, 2), "ok": value < 2, "spread": spread}


def _pairs(folder: Path, watch: Any) -> list[float]:
    slower = []
    for pair in range(PAIRS):
        seconds = {}
        for watched in (True, False) if pair % 2 else (False, True):  # in turn, against drift
            run = folder / "run"
            shutil.rmtree(run, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            if watched:
                with watch(run):
                    _dcgan("train", *TRAIN, "--out", run, "--quiet")
            else:
                _dcgan("train", *TRAIN, "--out", run, "--quiet")
            lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
            seconds[watched] = next(line["seconds"] for line in reversed(lines) if "event" not in line)
        slower.append(100 * (seconds[True] / seconds[False] - 1))
    return slower


@contextmanager
def _studio(path: Path) -> Generator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "dcgan", "studio", str(path), "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield re.findall(r"http://\S+", process.stdout.readline())[0], process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _browser() -> Generator[Any]:
    from playwright.sync_api import sync_playwright

    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def _dcgan(*words: Any) -> None:
    subprocess.run([sys.executable, "-m", "dcgan", *map(str, words)], check=True)


if __name__ == "__main__":
    main()
