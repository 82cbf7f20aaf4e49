"""What `dcgan evaluate` said of a run stays in its folder: RUN/measures.json, for `dcgan card` and for you.

A list of evaluations, the newest last: step (of the checkpoint), title, figures with their protocols, notes. A later
one of the same figures at the same step takes the earlier one's place.
"""

import json
from typing import Any

from dcgan import files
from dcgan.errors import UserError
from dcgan.folder import Folder
from dcgan.metrics.result import Result


def keep(folder: Folder, step: int, result: Result) -> None:
    said = {"step": step, **result.as_json()}
    held = [one for one in of(folder) if (one["step"], _names(one)) != (step, _names(said))]
    files.write_whole(folder.path / "measures.json", (json.dumps([*held, said], indent=2) + "\n").encode())


def of(folder: Folder) -> list[dict[str, Any]]:
    path = folder.path / "measures.json"
    if not path.is_file():
        return []
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return [{"step": int(one["step"]), "notes": list(one["notes"]), "figures": _figures(one)} | one for one in held]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: it does not hold measures ({type(error).__name__}); delete it, and run dcgan evaluate again"
        ) from None


def _figures(one: dict[str, Any]) -> list[dict[str, Any]]:
    for figure in one["figures"]:
        float(figure["value"]), str(figure["name"]), dict(figure["protocol"])
    return one["figures"]


def _names(one: dict[str, Any]) -> list[str]:
    return [figure["name"] for figure in one["figures"]]
