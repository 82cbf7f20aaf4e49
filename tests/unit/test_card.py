"""`dcgan card`: one page about a run, which asks for nothing, gives away no path, and says what is so."""

import base64
import dataclasses
import io
import json
import re
import shlex
import shutil
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import dcgan
from dcgan import card, checkpoint, data, doctor, images, plots
from dcgan.card import facts
from dcgan.config import Config
from dcgan.console import Console
from dcgan.folder import Folder
from dcgan.metrics import kept
from dcgan.metrics.result import Figure, Result
from support import FACES, TINY, differing, tree

SECTIONS = ["What it draws", "What it learned from", "How it learned", "How good it is", "Does it copy?", "A walk",
            "Was anything the matter?", "How it was set", "To make it again"]  # fmt: skip


@pytest.fixture
def run(tmp_path, trained) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "runs/faces <16>"))


@pytest.fixture(autouse=True)
def _quick(request, monkeypatch):
    """Curves take a second to draw, 256 samples another; one test has them."""
    if "says_what_is_so" not in request.node.name:
        monkeypatch.setattr(plots, "losses", lambda *_: images.png(np.zeros((7, 7, 3), np.uint8)))
        monkeypatch.setattr(facts, "ASKED", 32)


def text(run: Path) -> str:
    return card.make(run).path.read_text(encoding="utf-8")


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_the_command(cli, run, tmp_path):
    done = cli("card", run, "--json")
    assert (done.code, done.json["path"], done.json["missing"]) == (0, str(run / "card.html"), None)
    assert done.json["bytes"] == (run / "card.html").stat().st_size < 2**21
    assert cli("card", run).out == f"{run / 'card.html'}: {done.json['bytes'] / 2**20:.1f} MiB\n"
    mine = tmp_path / "mine.html"
    mine.write_text("my own words")
    refused = cli("card", run, "--out", mine)
    assert (refused.code, mine.read_text()) == (2, "my own words")
    assert cli("card", run, "--out", mine, "--overwrite").code == 0
    assert mine.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert cli("card", run, "--out", tmp_path / "card.pdf").err == (
        f"dcgan: --out {tmp_path / 'card.pdf'}: a card is an HTML page; give it a name that ends in .html\n"
    )
    assert "no such run" in cli("card", tmp_path / "nothing").err


def test_nothing_is_fetched_and_no_path_is_told(run):
    before = tree(run)
    page = text(run)
    assert {name: about for name, about in tree(run).items() if name != "card.html"} == before
    assert "<script" not in page
    assert "url(" not in page
    assert {one.partition(",")[0] for one in re.findall(r'(?:src|href)="([^"]*)"', page)} == {"data:image/png;base64"}
    assert str(run.parent) not in page
    assert "<title>faces &lt;16&gt;</title>" in page


def test_it_says_what_is_so(run):
    page = text(run)
    assert re.findall(r"<h2>([^<]*)</h2>", page) == SECTIONS
    assert "A DCGAN on faces:48: 16 pixels in colour; step 30, 0:" in page
    assert "48 pictures: faces:48, made to fit 16 (crop)." in page
    assert re.findall(r"<span>step (\d+)</span>", page) == ["0", "10", "20", "30"]
    assert "Not measured." in page
    for name, here, usual in (("width", "4", "32"), ("m", "8", "32"), ("steps", "30", "none")):
        assert f"<tr><td>{name}</td><td>{here}</td><td>{usual}</td>" in page
    shown = pictures(page)
    model = dcgan.load(run)
    assert np.array_equal(shown[0][2:18, 2:18, :3], model.sample(0)[0])
    assert np.array_equal(shown[5], np.concatenate(list(model.sample(range(8))), 1))  # the last of four moments


def test_its_command_makes_the_same_bits(run, cli, tmp_path, monkeypatch):
    words = shlex.split(unescape(re.search("<pre>(dcgan train .*?)</pre>", text(run))[1]))
    assert words[:3] == ["dcgan", "train", FACES]
    monkeypatch.chdir(tmp_path)
    assert cli(*words[1:], "--quiet").code == 0
    assert differing(run, tmp_path / f"{run.name}-again") == []


def test_so_does_that_of_a_run_that_began_with_another_s_weights(run, cli, tmp_path, monkeypatch):
    """Where that other one is, by its name; and the page says that it must be as it was."""
    settings = TINY | {"size": 16, "steps": 4}
    dcgan.train(FACES, out=tmp_path / "on", warm=run, quiet=True, **settings)
    page = text(tmp_path / "on")
    words = shlex.split(unescape(re.search("<pre>(dcgan train .*?)</pre>", page)[1]))
    assert words[words.index("--from") + 1] == run.name
    assert f"come out, unless {run.name}, whose weights it began with, has changed since." in unescape(page)
    assert str(tmp_path) not in page
    monkeypatch.chdir(run.parent)
    assert cli(*words[1:], "--quiet").code == 0
    assert differing(tmp_path / "on", run.parent / "on-again") == []


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        (None, None),
        ("hf:ann/faces@v1", "hf:ann/faces@v1"),
        ("/home/ann/runs/other", "other"),
        ("/home/ann/runs/other/checkpoints/best.safetensors", "other/checkpoints/best.safetensors"),
        ("/home/ann/old.safetensors", "old.safetensors"),
    ],
)
def test_what_a_run_began_with_is_named_without_where_it_lies(named, shown):
    assert facts.begun([{"event": "start", **({"from": named} if named else {})}, {"event": "resume"}]) == shown
    assert facts.begun([]) is None


def test_settings_that_say_no_and_that_come_with_a_preset(tmp_path):
    c = Config.build("mnist", norm_affine=True, steps=5, lr=1e-05, size=(28, 28), fingerprint="x")
    assert [one.name for one in facts.changed(c)] == ["norm_affine", "lr", "steps"]
    sittings = [{"event": "start", "from": "/home/ann/runs/other"}]
    words = facts.command(c.replace(augment=True), Folder(tmp_path / "r"), sittings, 5)
    assert words == (
        "dcgan train 'mnist:train[:50000]' --out r-again --preset mnist --from other --norm-affine --augment "
        "--lr 1e-05 --steps 5"
    )
    words = facts.command(Config.build("mnist", minutes=3.0, conditional=False), Folder(tmp_path / "r"), sittings, 77)
    assert words is not None
    assert words.endswith("--from other --no-conditional --steps 77")  # where three minutes came to
    one_rate = Config.build("default", lr=1e-3, lr_D=None, steps=5)
    words = facts.command(one_rate, Folder(tmp_path / "r"), [{"event": "start", "processes": 2}], 5)
    assert words == "dcgan train faces --out r-again --nproc 2 --lr 0.001 --steps 5"
    assert facts.command(c.replace(loss="own:mine"), Folder(tmp_path), sittings, 5) is None


def test_measures_are_kept_and_shown(run, cli):
    def said(value: float, name: str = "KID (lite0)") -> Result:
        one = Figure(name, value, {"samples": {"of": str(run), "count": 24}}, "0-23", floor=0.001, control=0.5)
        return Result("title", {name: one}, ["Features: lite0."])

    folder = Folder(run)
    for step, value in ((20, 0.4), (30, 0.3), (30, 0.2)):
        kept.keep(folder, step, said(value))
    copied = Figure("copied (pixels)", 0.01, {}, "0-23", goal=0.05, ok=True)
    kept.keep(folder, 30, Result("title", {copied.name: copied}))
    assert [(one["step"], one["figures"][0]["value"]) for one in kept.of(folder)] == [(20, 0.4), (30, 0.2), (30, 0.01)]
    page = text(run)
    assert "<tr><td>KID (lite0)</td><td>0.2</td><td>0.001</td><td>0.5</td></tr>" in page
    assert "<td>0.3</td>" not in page
    assert "Of step 20, whereas this page draws step 30." in page
    assert 'copied (pixels) 1.0%, where chance gives up to 5.0%: <span class="good">no sign of copies</span>' in page
    assert str(run) not in page
    assert "&quot;count&quot;: 24" in page  # the protocol
    (run / "measures.json").write_text('[{"step": 1}]')
    assert "it does not hold measures (KeyError); delete it" in cli("card", run).err


def test_what_is_the_matter(run):
    Folder(run).write(event="finding", name="D-won", step=30, words="D has won: <all>; do this")
    page = text(run)
    assert "<li>step 30: D has won: &lt;all&gt;; since then it is gone</li>" in page
    assert "Nothing was the matter" not in page


def test_what_was_measured_is_not_advised(run):
    folder = Folder(run)
    for step in range(200):
        folder.write(step=step, loss_D=1.3, loss_G=0.7, D_x=0.5, D_Gz=0.5, grad_G=1.0)
    assert doctor.examine(run).advice == ["how good its pictures are, `dcgan evaluate` tells"]
    kept.keep(folder, 30, Result("title"))
    assert doctor.examine(run).advice == ["nothing to do"]


def test_experiments_that_were_made(run):
    (run / "experiments").mkdir()
    about = {"experiment": "walk", "source": "figure 4", "paper": "smooth", "found": "smooth & slow"}
    (run / "experiments/walk.json").write_text(json.dumps(about))
    (run / "experiments/walk.png").write_bytes(images.png(np.full((3, 5, 3), 9, np.uint8)))
    (run / "experiments/half.json").write_text("{")
    page = text(run)
    assert "The paper: smooth.<br>Here: smooth &amp; slow." in page
    assert any(one.shape == (3, 5, 3) for one in pictures(page))


def test_pictures_that_changed_or_are_gone(run):
    config = run / "config.json"
    held = json.loads(config.read_text())
    for change, words in (
        ({"fingerprint": "0" * 64}, "the pictures that it was trained on have changed since"),
        ({"data": "/home/ann/photos"}, "the pictures that it was trained on are not here"),
    ):
        config.write_text(json.dumps(held | change))
        done = card.make(run)
        assert done.missing == words
        assert f"without all of it: {words}" in done.in_words()
        page = done.path.read_text(encoding="utf-8")
        assert "Does it copy?" not in page
        assert words in page
        assert "/home/ann" not in page


def test_a_run_with_parts_of_its_maker_s_own(tmp_path):
    from dcgan.networks import Discriminator, Generator

    class Own(Generator):
        pass

    dcgan.train(FACES, out=tmp_path / "own", networks=(Own, Discriminator), quiet=True, **TINY | {"steps": 4})
    page = text(tmp_path / "own")
    assert "its networks are its maker&#x27;s own, which no file holds" in page
    assert "so no command repeats it" in page
    assert len(re.findall(r"<span>step \d+</span>", page)) == 2


def test_copies_are_found(monkeypatch):
    """Of a generator that gives training pictures, grey levels moved by two: none of its samples is further away."""
    real = data.open(FACES, size=16)
    moved = np.clip(real.images[5:37].astype(int) + 2, 0, 255).astype(np.uint8)
    thief = SimpleNamespace(sample=lambda seeds: moved, config=Config())
    found = facts._copies(thief, real)  # type: ignore[arg-type]
    assert found.median <= 2 < found.among_real
    assert np.abs(found.samples.astype(int) - found.training).max() <= 2
    assert (found.asked, found.among) == (32, 48)
    monkeypatch.setattr(facts, "AMONG", 24)  # of all classes, where a set is sorted by class
    again = facts._copies(thief, real)  # type: ignore[arg-type]
    assert again.among == 24
    assert again.samples.shape == found.samples.shape
    assert {tuple(one.ravel()) for one in again.training} <= {tuple(one.ravel()) for one in real.images[::2]}
    monkeypatch.undo()
    turned = SimpleNamespace(sample=lambda seeds: moved[:, :, ::-1], config=Config())
    assert facts._copies(turned, real).median > 2  # type: ignore[arg-type]
    turned.config = Config(mirror=True)
    assert facts._copies(turned, real).median <= 2  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(9, 8, 8, 3), (5, 16, 8, 1), (1, 8, 8, 4), (64, 8, 8, 3)])
def test_a_sheet_s_first_row_again(shape):
    drawn = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    sheet = images.grid(drawn)
    row = images.cells(sheet, shape[1:3])
    assert len(row) == (sheet.shape[1] - 2) // (shape[2] + 2)
    assert np.array_equal(row[: len(drawn)], drawn[: len(row)])


def test_a_run_that_was_imported(run):
    folder = Folder(run)
    header, tensors = checkpoint.read(folder.last)
    checkpoint.write(folder.last, tensors, dataclasses.replace(header, origin="netG.pth (the tutorial)", step=0))
    page = text(run)
    assert "It was imported from netG.pth (the tutorial), which does not say." in page
    assert not {"To make it again", "Does it copy?"} & set(re.findall(r"<h2>([^<]*)</h2>", page))


def test_a_run_that_has_not_saved_yet(run):
    Folder(run).last.unlink()
    with pytest.raises(dcgan.UserError, match="nothing is saved in it yet"):
        facts.gather(Folder(run), Console(quiet=True))
