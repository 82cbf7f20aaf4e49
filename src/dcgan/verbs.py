"""The verbs that repeat the paper, one an experiment: each parses, calls its module in experiments/, and prints.

Each writes a picture and a JSON of the same name, RUN/experiments/VERB.png unless --out says otherwise, and prints what
the paper showed and what came of it here. `cli` adds them to the command.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from dcgan.console import Console
from dcgan.usage import Json, Out, Overwrite, Quiet, Whole

if TYPE_CHECKING:
    from dcgan.experiments.result import Kept

PAPER = Group("The paper, figure by figure")
ALL: list[Callable] = []

Last = Annotated[bool, Parameter(negative="", help="From the last checkpoint, where the best one is kept too.")]


def _verb(function: Callable) -> Callable:
    ALL.append(function)
    return function


def _show(kept: "Kept", json_out: bool, console: Console) -> None:
    if json_out:
        print(json.dumps(kept.as_json()))
    else:
        console.say(kept.in_words())


@_verb
def walk(
    run: Path,
    /,
    *,
    points: Annotated[list[str] | None, Parameter(name="--point")] = None,
    steps: Whole = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Figure 4: walk through nine latents and back, as a strip and an animation, and measure how smooth that is.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    points
        Where to go, in words; given several times, in this order. [default: seeds 0 to 8]
    steps
        From one point to the next. [default: 16]
    out
        The picture, a .png; an animation and a JSON go beside it. [default: RUN/experiments/walk.png]
    """
    from dcgan import sample
    from dcgan.experiments import result
    from dcgan.experiments import walk as experiment

    console = Console(quiet=quiet, stderr=json_out)
    model = sample.load(run, last=last)
    result.place("walk", model.folder, out)
    found = experiment.compute(model, points or (), steps or experiment.STEPS, console)
    drawn = {".png": experiment.figure(found), ".webp": experiment.animation(found)}
    _show(result.keep(found, drawn, model.folder, out, overwrite), json_out, console)
