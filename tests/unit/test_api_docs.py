"""docs/api.md is what the code says of itself."""

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path

import dcgan
from dcgan.config import Config

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_code_says():
    done = subprocess.run([sys.executable, ROOT / "tools/api_docs.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_public_name_and_every_setting_stand_in_it():
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert {*re.findall(r"^## dcgan\.(\w+)$", page, re.M)} == {*dcgan.__all__}
    methods = {name for name, held in vars(dcgan.Model).items() if inspect.isfunction(held) and name[0] != "_"}
    assert {*re.findall(r"^### Model\.(\w+)$", page, re.M)} == methods > {"sample", "score", "features"}
    named = [field.name for field in dataclasses.fields(Config) if not field.metadata["hidden"]]
    rows = re.findall(r"^\| `(\w+)`[^|]*\| ([^|]*) \|", page, re.M)
    assert sorted(name for name, _ in rows) == sorted(named)
    usual = vars(Config.build())  # what `dcgan.train()` takes
    for name, shown in rows:
        assert shown.strip() == ("" if usual[name] is None else f"`{usual[name]!r}`")
