"""The Hub, without a network: what is sent to a stand-in is what is read back, and no token is ever shown."""

import json
import os
import re
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
from dcgan import mlp as mlps
from dcgan.checkpoint import Header
from dcgan.cli import main
from dcgan.config import PRESETS, Config
from dcgan.errors import UserError
from dcgan.export import publishing, taking
from dcgan.export.publishing import kind
from dcgan.metrics.result import Figure, Result
from dcgan.sample import Model

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz0123456789"


class Hub:
    """A folder a repository, in place of huggingface.co."""

    def __init__(self, root):
        self.root, self.calls, self.private = root, [], {}

    def repo_exists(self, repo):
        return (self.root / repo).is_dir()

    def repo_info(self, repo):
        files = [{"rfilename": file.name} for file in (self.root / repo).iterdir()]
        return huggingface_hub.ModelInfo(id=repo, private=self.private[repo], siblings=files)

    def create_repo(self, repo, private, exist_ok):
        """As the Hub does: one that is there stays as public as it is; a new one has one file."""
        self.calls.append(("create", repo, private, exist_ok))
        self.private.setdefault(repo, private)
        (self.root / repo).mkdir(parents=True, exist_ok=True)
        (self.root / repo / ".gitattributes").touch()
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
    sent = ["README.md", "config.json", "grid.png", "model.safetensors"]
    assert sorted(os.listdir(there.root / "ann/faces")) == [".gitattributes", *sent]
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
    assert plan.begun == "hf:ann/faces"  # what the log says, and not where this machine keeps it
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
    assert "\nA DCGAN (Radford et al., 2015): pictures of 32x32, colour, drawn" in body
    for words in ("5 iterations of Algorithm 1", "on photos", "| width | 4 |", "dcgan sample hf:ann/faces", "grid.png"):
        assert words in body
    assert body.rstrip().endswith("cc-by-4.0")
    assert "license" not in publishing.card(sample.load(run), "ann/faces").split("\n---\n")[0]


def test_other_networks_are_called_by_their_names(tmp_path):
    """On the Hub's page, and on the page for a browser."""
    vae = untrained.model("vae")
    card = publishing.card(vae, "ann/faces")
    assert "A variational autoencoder (Kingma & Welling, 2014): pictures of" in card
    assert "\n5 steps up the ELBO with minibatches of 32, on faces, from the preset `vae`." in card
    assert 'tags: ["vae"]\n' in card
    assert not [word for word in ("DCGAN", "Algorithm", "gan") if re.search(rf"\b{word}\b", card)]
    old = Config.build("goodfellow", width=8, width_D=4, steps=5)
    mlp = Model(Header(old, 5), mlps.Generator(old), mlps.Discriminator(old), None)
    card = publishing.card(mlp, "ann/digits")
    assert "The GAN of 2014 (Goodfellow et al.): pictures of 28x28, grey" in card
    assert "5 iterations of Algorithm 1" in card
    assert 'tags: ["gan"]\n' in card
    assert "DCGAN" not in card
    assert kind(Config(network="own:Mine")).name == "A GAN"


@pytest.mark.parametrize(("preset", "words"), [("default", "A DCGAN"), ("vae", "A variational autoencoder")])
def test_so_are_they_on_a_page_for_a_browser(preset, words, monkeypatch):
    monkeypatch.setattr(taking, "built", lambda name: b"{{title}} {{about}} {{scripts}}")
    assert f"explore {words}, 32x32 pixels, step 5." in taking._filled(untrained.model(preset), "")


def test_settings_that_are_listed_are_those_that_train_would_not_choose():
    """A `dcgan train` without flags lists none of what its preset says; the bare fields' values are listed."""
    c = Config.build(size=(32, 32), channels=3, steps=5, precision="float32", k=2)
    listed = re.findall(r"^\| (\w+) \| (.*) \|$", publishing.card(sample_of(c), "ann/faces"), re.M)
    assert listed == [("setting", "value"), ("size", "[32, 32]"), ("channels", "3"), ("k", "2"), ("steps", "5"),
                      ("precision", '"float32"')]  # fmt: skip
    bare = Config(size=(32, 32), channels=3, steps=5)
    listed = publishing.card(sample_of(bare), "ann/faces")
    for name in PRESETS["default"]:
        assert f"\n| {name} | {json.dumps(getattr(bare, name))} |\n" in listed


def sample_of(c: Config) -> Model:
    """For its words alone: no networks."""
    return SimpleNamespace(config=c, header=Header(c, c.steps or 0))  # type: ignore[return-value]


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


def test_a_public_repository_is_not_filled_where_a_private_one_was_asked_for(run, there, capsys):
    there.create_repo("ann/faces", private=False, exist_ok=False)
    for more in ([], ["--overwrite"]):
        there.calls.clear()
        code, out, err = cli(capsys, "push", run, "ann/faces", "--private", *more)
        assert (code, out, there.calls) == (2, "", [])
        assert err == (
            "dcgan: ann/faces: --private: it is there already, and public; make it private in its settings on the "
            "Hub's page, or leave out --private\n"
        )
    there.private["ann/faces"] = True
    assert cli(capsys, "push", run, "ann/faces", "--private")[0] == 0
    assert cli(capsys, "push", run, "ann/faces", "--private", "--overwrite")[0] == 0


def test_a_push_that_failed_half_way_is_simply_pushed_again(run, there, monkeypatch, capsys):
    """It made the repository and sent nothing: there is nothing in it to be kept from being overwritten."""
    with monkeypatch.context() as lost:
        lost.setattr(there, "create_commit", lambda *_, **__: (_ for _ in ()).throw(ConnectionError()))
        assert cli(capsys, "push", run, "ann/faces", "--private")[0] == 2
    assert os.listdir(there.root / "ann/faces") == [".gitattributes"]
    assert cli(capsys, "push", run, "ann/faces", "--private")[0] == 0
    (there.root / "ann/faces/model.safetensors").unlink()  # what is left is enough to be asked for
    assert "there is such a repository already" in cli(capsys, "push", run, "ann/faces")[2]


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


@pytest.mark.parametrize("verb", ["push", "sample", "data"])
@pytest.mark.parametrize("name", ["-a/b", "../..", "a/b--c", "a/" + "b" * 97])
def test_a_name_that_the_hub_takes_from_nobody(verb, name, run, capsys):
    """Its own library says so, before it asks for anything."""
    code, out, err = cli(capsys, verb, *([run, "--", name] if verb == "push" else [f"hf:{name}"]))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{name}: the Hub takes no such name; write owner/name, as in ann/holiday-faces" in err


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
