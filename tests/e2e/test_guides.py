"""The guides' blocks, every one, in their order: the commands through the real command, Python in a fresh namespace.

They stand as people type them, for minutes of training; here CUT makes seconds of that, and nothing else is changed.
"""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dcgan
from dcgan.studio import server
from support import TINY, flags

GUIDES = Path(__file__).resolve().parents[2] / "docs" / "guides"
SHORT = TINY | {"size": 16, "steps": 4}
CUT = {"train": flags(SHORT), "evaluate": ["--count", "24"]}
FEW = {"faces": "faces:48"}  # pictures that are drawn by code
MADE = {  # what a guide's reader has at its end
    "pictures": ["sheet.png", "drawn/000199.png", "17.png", "between.png", "mine.html", "runs/mine/measures.json"],
    "class": ["networks.png", "near-3.png", "sum.png", "ann.html", "runs/few/timelapse.webp"],
    "research": ["runs/base-1/losses.png", "runs/hinge/losses.png", "runs/dense/losses.png"],
    "browser": ["faces.html", "site/faces/generator.js", "faces-half.onnx", "runs/faces/exported/page/index.html"],
}


def blocks(guide: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", (GUIDES / f"{guide}.md").read_text(encoding="utf-8"), re.M | re.S)


def cut(words: list[str]) -> list[str]:
    """`dcgan train faces --minutes 30` -> the same for a few steps."""
    words = [FEW.get(word, word) for word in words]
    extra = CUT.get(words[1], [])
    gone = {*extra[::2], *(["--minutes"] if "--steps" in extra else [])}
    left, skip = [], False
    for word in words:
        if not skip and word not in gone:
            left.append(word)
        skip = word in gone
    return [*left, *extra]


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with a reader's photos."""
    rng = np.random.default_rng(0)
    for i in range(24):
        path = tmp_path / "photos" / ("cats", "dogs")[i % 2] / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (5, 4, 3), np.uint8)).resize((80, 100)).save(path)
    monkeypatch.chdir(tmp_path)
    train = dcgan.train

    def quickly(data=None, **asked):
        kept = {name: value for name, value in asked.items() if name != "minutes"}
        return train(FEW.get(data, data), quiet=True, **kept | SHORT)

    monkeypatch.setattr(dcgan, "train", quickly)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("guide", MADE)
def test_every_block_does_what_it_says(guide, place, cli):
    if guide == "browser" and not (server.STATIC / "take").is_dir():
        pytest.skip("the page is not built: make install does, where node and npm are")
    for kind, block in blocks(guide):
        if kind == "sh":
            for line in filter(None, block.splitlines()):
                words = shlex.split(line)
                assert words[0] == "dcgan", line
                done = cli(*cut(words)[1:])
                assert done.code == 0, f"{line}\n{done.err}"
        else:
            assert kind == "python", block
            exec(compile(block, f"{guide}.md", "exec"), {"__name__": "__main__"})
    assert [name for name in MADE[guide] if not (place / name).is_file()] == []


def test_there_are_no_other_guides_and_no_other_blocks():
    assert {path.stem for path in GUIDES.glob("*.md")} == MADE.keys()
    for guide in MADE:
        text = (GUIDES / f"{guide}.md").read_text(encoding="utf-8")
        assert len(blocks(guide)) == len(re.findall("^```", text, re.M)) / 2 > 2
        assert not re.search(r"^ {4}\S", re.sub("^```.*?^```$", "", text, flags=re.M | re.S), re.M)
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (GUIDES / link).is_file(), link


def test_a_cut_changes_the_length_and_nothing_else():
    words = shlex.split("dcgan train photos/ --size 64 --minutes 30 --mirror --out runs/mine")
    assert cut(words) == ["dcgan", "train", "photos/", "--mirror", "--out", "runs/mine", *flags(SHORT)]
    assert cut(shlex.split("dcgan sample runs/mine --count 9")) == ["dcgan", "sample", "runs/mine", "--count", "9"]
