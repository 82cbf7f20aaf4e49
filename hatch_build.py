"""What hatchling does besides packing: build the studio's page, so that the wheel and the sdist carry it."""

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Page(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        tool = runpy.run_path(str(Path(self.root) / "tools" / "page.py"))
        tool["build"](say=self.app.display_warning)
