"""The Hub, without a network: what is sent to a stand-in is what is read back, and no token is ever shown."""

import json
import os
import sys
from types import SimpleNamespace

import huggingface_hub
import numpy as np
import pytest
import torch
from huggingface_hub import errors
from PIL import Image

import dcgan.planning
import dcgan.run
import untrained
from dcgan import __version__, data, hub, images, sample
from dcgan.cli import main
from dcgan.errors import UserError
from dcgan.export import publishing
from dcgan.metrics.result import Figure, Result

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz0123456789"


class Hub:
    """A folder a repository, in place of huggingface.co."""

    def __init__(self, root):
        self.root, self.calls = root, []

    def repo_exists(self, repo):
        return (self.root / repo).is_dir()

    def create_repo(self, repo, private, exist_ok):
        self.calls.append(("create", repo, private, exist_ok))
        (self.root / repo).mkdir(parents=True, exist_ok=True)
        return f"https://huggingface.co/{repo}"

    def create_commit(self, repo, operations, commit_message):
        self.calls.append(("commit", commit_message))
        for one in operations:
            (self.root / repo / one.path_in_repo).write_bytes(one.path_or_fileobj)

    def hf_hub_download(self, repo, file, revision=None):
        self.calls.append(("download", repo, file, revision))
        return str(self.root / repo / file)

    def snapshot_download(self, repo, repo_type, revision=None):
        """As the library does: links into a store of contents, under the commit's name."""
        there = self.root / "snapshots" / "0123abcd"
        there.mkdir(parents=True)
        for file in (self.root / repo).iterdir():
            (there / file.name).symlink_to(file)
        return str(there)


@pytest.fixture
def there(tmp_path, monkeypatch):
    stand_in = Hub(tmp_path / "hub")
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: stand_in)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", stand_in.hf_hub_download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", stand_in.snapshot_download)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("DCGAN_CACHE", str(tmp_path / "cache"))
    return stand_in


@pytest.fixture
def run(tmp_path):
    return untrained.write(tmp_path / "demo", width=4, data="/home/ann/photos").path


def cli(capsys, *words):
    try:
        main([str(word) for word in words])
        code = 0
    except SystemExit as left:
        code = left.code
    seen = capsys.readouterr()
    assert TOKEN not in seen.out + seen.err
    return code, seen.out, seen.err


def test_what_is_pushed_draws_the_same_when_it_is_read_back(run, there, tmp_path, capsys):
    code, out, err = cli(capsys, "push", run, "ann/faces", "--license", "mit", "--private", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["address"] == "https://huggingface.co/ann/faces"
    assert there.calls == [("create", "ann/faces", True, True), ("commit", f"dcgan {__version__}, step 5")]
    assert sorted(os.listdir(there.root / "ann/faces")) == ["README.md", "config.json", "grid.png", "model.safetensors"]
    code, out, _ = cli(capsys, "sample", "hf:ann/faces@v1", "--seeds", "3", "--out", tmp_path / "3.png", "--json")
    assert (code, json.loads(out)["points"]) == (0, ["3"])
    assert there.calls[-1] == ("download", "ann/faces", "model.safetensors", "v1")
    ours, theirs = sample.load(run), sample.load("hf:ann/faces")
    assert np.array_equal(images.read_picture(tmp_path / "3.png"), ours.sample([3])[0])
    pictures = ours.sample(range(4))
    assert np.array_equal(theirs.score(pictures), ours.score(pictures))


def test_training_starts_from_what_was_pushed(run, there, tmp_path):
    publishing.push(run, "ann/faces")
    settings = {"size": 32, "width": 4, "steps": 1, "precision": "float32"}
    plan = dcgan.planning.plan("faces:32", out=tmp_path / "on", settings=settings, warm="hf:ann/faces")
    state, _ = dcgan.run._start(plan, "cpu")
    assert all(torch.equal(p, q) for p, q in zip(state.G.parameters(), sample.load(run).G.parameters(), strict=True))
    assert all(torch.equal(p, q) for p, q in zip(state.D.parameters(), sample.load(run).D.parameters(), strict=True))


def test_nothing_of_the_sender_is_in_it(run, there, capsys):
    assert cli(capsys, "push", run, "ann/faces")[0] == 0
    for file in (there.root / "ann/faces").iterdir():
        held = file.read_bytes()
        assert b"/home" not in held
        assert str(run.parent).encode() not in held
        assert TOKEN.encode() not in held


def test_the_card_says_how_it_was_made_and_what_it_is_for(run):
    card = publishing.card(sample.load(run), "ann/faces", "cc-by-4.0")
    front, body = card.removeprefix("---\n").split("\n---\n", 1)
    assert front.splitlines() == [
        'library_name: "dcgan"',
        'pipeline_tag: "unconditional-image-generation"',
        'tags: ["dcgan", "gan"]',
        'license: "cc-by-4.0"',
    ]
    for words in ("5 iterations of Algorithm 1", "on photos", "| width | 4 |", "dcgan sample hf:ann/faces", "grid.png"):
        assert words in body
    assert body.rstrip().endswith("cc-by-4.0")
    assert "license" not in publishing.card(sample.load(run), "ann/faces").split("\n---\n")[0]


def test_the_card_shows_what_evaluate_printed(run, there, tmp_path, capsys):
    result = Result("runs/demo, step 5", notes=["5,000 samples against as many training pictures."])
    result.add(Figure("FID (lite0)", 12.345678, {"samples": 5000}, "0-4999", floor=1.5, control=310.25))
    result.add(Figure("precision", 0.5, {}, "0-4999"))
    (tmp_path / "measures.json").write_text(json.dumps(result.as_json()))
    assert cli(capsys, "push", run, "ann/faces", "--measures", tmp_path / "measures.json")[0] == 0
    card = (there.root / "ann/faces/README.md").read_text()
    assert "| FID (lite0) | 12.35 | 1.5 | 310.2 |\n| precision | 0.5 |  |  |\n\n5,000 samples against" in card


@pytest.mark.parametrize("content", [None, "", "[]", '{"figures": [{"name": "FID"}], "notes": []}'])
def test_measures_that_are_none_are_refused_before_anything_is_sent(content, run, there, tmp_path, capsys):
    if content is not None:
        (tmp_path / "measures.json").write_text(content)
    code, out, err = cli(capsys, "push", run, "ann/faces", "--measures", tmp_path / "measures.json")
    assert (code, out, there.calls) == (2, "", [])
    assert "it cannot be read as measures" in err


def test_a_repository_that_is_there_is_left_alone(run, there, capsys):
    assert cli(capsys, "push", run, "ann/faces")[0] == 0
    (there.root / "ann/faces/README.md").write_text("my own words")
    code, out, err = cli(capsys, "push", run, "ann/faces")
    assert (code, out) == (2, "")
    assert "there is such a repository already" in err
    assert (there.root / "ann/faces/README.md").read_text() == "my own words"
    assert cli(capsys, "push", run, "ann/faces", "--overwrite")[0] == 0


def refusal(kind, status=None):
    error = kind.__new__(kind)
    Exception.__init__(error, f"Invalid credentials: Authorization: Bearer {TOKEN}")
    if status:
        error.response = SimpleNamespace(status_code=status)
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refusal(errors.HfHubHTTPError, 401), "log in with `hf auth login`"),
        (refusal(errors.HfHubHTTPError, 403), "log in with `hf auth login`"),
        (refusal(errors.RepositoryNotFoundError, 404), "has no such thing, or hides it (RepositoryNotFoundError)"),
        (refusal(errors.HfHubHTTPError, 500), "the Hub refuses (HfHubHTTPError, 500); try again later"),
        (refusal(errors.LocalTokenNotFoundError), "log in with `hf auth login`"),
        (refusal(errors.LocalEntryNotFoundError), "cannot be reached (LocalEntryNotFoundError); check the connection"),
        (refusal(ConnectionError), "cannot be reached (ConnectionError); check the connection"),
        (PermissionError(13, "Permission denied"), "it cannot be kept here (Permission denied)"),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
@pytest.mark.parametrize("verb", ["push", "sample", "data"])
def test_what_the_hub_refuses_is_said_without_its_words(verb, error, said, run, there, monkeypatch, capsys):
    def fails(*_, **__):
        raise error

    for name in ("repo_exists", "create_repo", "create_commit"):
        monkeypatch.setattr(there, name, fails)
    for name in ("hf_hub_download", "snapshot_download"):
        monkeypatch.setattr(huggingface_hub, name, fails)
    words = {"push": [run, "ann/faces"], "sample": ["hf:ann/faces"], "data": ["hf:ann/faces"]}[verb]
    code, out, err = cli(capsys, verb, *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize("words", ["hf:ann", "hf:", "hf:a/b/c", "hf:a b/c", "hf:ann/x@"])
def test_a_name_that_is_none_is_said_to_be_none(words, capsys):
    assert "after hf: stands owner/name" in cli(capsys, "sample", words)[2]


@pytest.mark.parametrize("words", ["faces", "ann/faces@v1", "ann/fa ces", "https://huggingface.co/ann/faces"])
def test_push_wants_owner_and_name(words, run, capsys):
    assert "it is no repository's name; write owner/name" in cli(capsys, "push", run, words)[2]


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"the package huggingface_hub is missing; pip install 'dcgan\[hub\]'"):
        hub.model("hf:ann/faces")


def test_a_set_of_pictures_is_read_and_named(there):
    folder = there.root / "ann" / "holiday"
    folder.mkdir(parents=True)
    for i in range(12):
        Image.new("RGB", (20, 20), (20 * i, 0, 0)).save(folder / f"{i}.png")
    (folder / "README.md").write_text("---\nlicense: mit\n---")
    dataset = data.open("hf:ann/holiday", size=16)
    assert (dataset.name, dataset.images.shape) == ("holiday", (12, 16, 16, 3))
