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
from dcgan.errors import UserError
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


@_verb
def invert(
    run: Path,
    image: Path | None = None,
    /,
    *,
    name: str | None = None,
    remove: str | None = None,
    class_: Annotated[str | None, Parameter(name="--class")] = None,
    steps: Whole = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Find the latent of a picture of your own, and keep it in the run as #NAME, to be walked from and combined.

    Parameters
    ----------
    run
        A run's folder.
    image
        A picture, of any size and form that `train` takes.
    name
        What to call it: --point '0.5*#NAME + 0.5*17' draws half of it. [default: the file's name]
    remove
        Take this name out of the run again.
    class_
        Of a conditional run: as this class, by name or number. [default: that of the nearest sample]
    steps
        Of the descent. [default: 300]
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/invert-NAME.png]
    """
    from dcgan import draw, sample
    from dcgan.experiments import invert as experiment
    from dcgan.experiments import result
    from dcgan.folder import Folder

    console = Console(quiet=quiet, stderr=json_out)
    if image is not None and remove is not None:
        raise UserError(f"--remove {remove}: a picture is named too; do one and then the other")
    if remove is not None:
        Folder.of(run).remove_point(remove)
        print(json.dumps({"removed": remove}) if json_out else f"{run}: #{remove} is taken out")
        return
    if image is None:
        raise UserError("IMAGE: it is missing; write dcgan invert RUN IMAGE, or --remove NAME")
    model = sample.load(run, last=last)
    point = experiment.check_name(model, image, name, overwrite)
    path = result.place(f"invert-{point}", model.folder, out)
    found = experiment.compute(
        model, image, point, label=draw.class_number(model, class_), steps=steps, console=console
    )
    kept = result.keep(found, {".png": experiment.figure(found)}, model.folder, path, overwrite or out is None)
    experiment.keep(model, found)
    _show(kept, json_out, console)


@_verb
def filters(
    run: Path,
    data: str | None = None,
    /,
    *,
    seed: Whole = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Figure 5: what D's last maps answer to, by guided backprop, beside a random network; and its first filters.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    data
        The pictures to look among. [default: those that the run was trained on]
    seed
        Of the random network, and of the order of the pictures. [default: 0]
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/filters.png]
    """
    from dcgan import sample
    from dcgan.experiments import filters as experiment
    from dcgan.experiments import pictures, result

    console = Console(quiet=quiet, stderr=json_out)
    model = sample.load(run, last=last)
    result.place("filters", model.folder, out)
    found = experiment.compute(model, pictures.of_run(model, data, console), seed or 0, console)
    _show(result.keep(found, {".png": experiment.figure(found)}, model.folder, out, overwrite), json_out, console)
