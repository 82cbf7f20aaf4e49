"""Every preset trains by the real command: from nothing to a finished run, that draws and tells of itself."""

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan import checkpoint, use
from dcgan.config import PRESETS
from dcgan.folder import Folder

# What stands in for a set that has to be downloaded, and fewer maps where a preset's own would take minutes.
ASKED = {
    "default": "faces:48",
    "paper": "faces:48 --width 8",
    "tutorial": "faces:48 --width 8",
    "svhn": "numbers:48 --width 16 --width-d 8",
    "mnist": "numbers:48 --width 16 --dense 64",
    "goodfellow": "numbers:48",
}


@pytest.mark.parametrize("preset", PRESETS)
def test_three_steps(preset, cli, tmp_path, monkeypatch):
    monkeypatch.setattr(use, "FIXED", 128)  # pictures for the statistics: one batch
    asked = ASKED.get(preset, "faces:48 --width 8").split()
    words = ["--preset", preset, "--steps", 3, "--m", 8, "--threads", 1, "--out", tmp_path / "run"]
    result = cli("train", *asked, *words)
    assert (result.code, result.err) == (0, "")
    folder = Folder(tmp_path / "run")
    config = folder.config()
    typed = {"steps", "m", "data", "width", "width_D", "dense"}
    assert {name: getattr(config, name) for name in PRESETS[preset].keys() - typed} == {
        name: value for name, value in PRESETS[preset].items() if name not in typed
    }
    assert config.preset == preset
    last = folder.reports()[-1]
    assert last["step"] == 3
    if preset == "vae":  # nats a picture: few are told, and each of 12,288 numbers is off by about 0.4
        assert 0 < last["loss_D"] < 500
        assert -20_000 < last["loss_G"] < 5_000
    # Untrained, D knows nothing: V = log 1/2 + log 1/2, give or take what three steps on noise do.
    assert preset == "vae" or 0.2 < last["loss_D"] < 4
    _, tensors = checkpoint.read(folder.last)
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())
    shown = cli("info", folder.path, "--json").json
    assert (shown["preset"], shown["finished"]) == (preset, True)
    assert cli("sample", folder.path, "--count", 4, "--out", tmp_path / "a.png").code == 0
    with Image.open(tmp_path / "a.png") as sheet:
        drawn = np.asarray(sheet)
    height, width = config.size
    assert drawn.shape[:2] == (2 * height + 6, 2 * width + 6)
    assert (drawn.ndim == 2) == (config.channels == 1)
    assert drawn[2 : 2 + height, 2 : 2 + width].std() > 1  # something, if not yet a picture
