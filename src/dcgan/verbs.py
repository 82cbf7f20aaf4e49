"""The verbs that repeat the paper, one an experiment: each parses, calls its module in experiments/, and prints.

Each writes a picture and a JSON of the same name, RUN/experiments/VERB.png unless --out says otherwise, and prints what
the paper showed and what came of it here. `cli` adds them to the command.
"""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter

from dcgan.console import Console, answer
from dcgan.errors import UserError
from dcgan.usage import Json, Last, Out, Overwrite, Positive, Quiet, Seed, Whole

if TYPE_CHECKING:
    from dcgan.folder import Folder
    from dcgan.sample import Model

PAPER = Group("The paper, figure by figure")
ALL: list[Callable] = []


def _verb(function: Callable) -> Callable:
    ALL.append(function)
    return function


def _begin(
    name: str, run: Path, out: Path | None, overwrite: bool, json_out: bool, quiet: bool, last: bool = False
) -> "tuple[Model, Console]":
    """The run, and where to speak. A place where the picture cannot go is told before anything is computed."""
    from dcgan import sample
    from dcgan.experiments import result

    model = sample.load(run, last=last)
    result.place(name, model.folder, out, overwrite)
    return model, Console(quiet=quiet, stderr=json_out)


def _given(**asked: Any) -> dict[str, Any]:
    """What was typed; for the rest, the experiment's own defaults hold."""
    return {name: value for name, value in asked.items() if value is not None}


def _end(
    experiment: ModuleType,
    found: Any,
    folder: "Folder | None",
    out: Path | None,
    overwrite: bool,
    json_out: bool,
    console: Console,
    animation: bytes | None = None,
) -> None:
    """Draw it, keep it and show it."""
    from dcgan.experiments import result

    drawn = {".png": experiment.figure(found)} | _given(**{".webp": animation})
    answer(result.keep(found, drawn, folder, out, overwrite), json_out, console)


@_verb
def walk(
    run: Path,
    /,
    *,
    points: Annotated[list[str] | None, Parameter(name=("--point", "--points"))] = None,
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
        From one point to the next, 5 or more. [default: 24]
    out
        The picture, a .png; an animation and a JSON go beside it. [default: RUN/experiments/walk.png]
    """
    from dcgan.experiments import walk as experiment

    model, console = _begin("walk", run, out, overwrite, json_out, quiet, last)
    found = experiment.compute(model, points or (), console=console, **_given(steps=steps))
    _end(experiment, found, model.folder, out, overwrite, json_out, console, experiment.animation(found))


@_verb
def epochs(
    run: Path,
    /,
    *,
    passes: str = "1,5",
    count: Positive = None,
    held_out: str | None = None,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Figures 2 and 3: what the run drew after one pass over its pictures and after five, scored, and held for copies.

    It is trained again to there, from its own seed, which gives the same bits.

    Parameters
    ----------
    run
        A run's folder.
    passes
        After how many.
    count
        Pictures that are scored. [default: 1000]
    held_out
        Pictures like those it learned from, not among them: without such, copies cannot be told. [default: another
        part of a published set, or built-in ones drawn anew]
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/epochs.png]
    """
    from dcgan.experiments import epochs as experiment

    model, console = _begin("epochs", run, out, overwrite, json_out, quiet)
    try:
        numbers = [int(part) for part in passes.split(",")]
    except ValueError:
        raise UserError(f"--passes {passes}: write whole numbers that rise, like 1,5") from None
    found = experiment.compute(model, numbers, held_out=held_out, console=console, **_given(count=count))
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def neighbours(
    run: Path,
    data: Annotated[str | None, Parameter(name="DATA")] = None,
    /,
    *,
    held_out: str | None = None,
    count: Positive = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Samples beside their nearest training pictures: does the run copy? A planted memoriser shows that one would see.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    data
        The pictures that it may have copied. [default: those that it was trained on]
    held_out
        Pictures like those, not trained on. [default: another part of a published set, or built-in ones drawn anew]
    count
        Samples. [default: 2000]
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/neighbours.png]
    """
    from dcgan.experiments import neighbours as experiment

    model, console = _begin("neighbours", run, out, overwrite, json_out, quiet, last)
    found = experiment.compute(model, data, held_out=held_out, console=console, **_given(count=count))
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def combine(
    run: Path,
    points: Annotated[list[str] | None, Parameter(name="POINTS")] = None,
    /,
    *,
    find: list[str] | None = None,
    means: Positive = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Figure 7: arithmetic on means of latents, with its neighbours, and beside it the same sum of pixels.

    With nothing but a run on faces: three sums, and how often three hundred random ones of each attribute succeed.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    points
        Sums in words, like '+12,40,77 -3,9,31 +5,8,61'; a group counts as the mean of its seeds. Of a conditional run
        all of a sum is of one class: '... @3', or else the first seed's.
    find
        What a sum should show, of a run on built-in pictures: 'man glasses', made of a woman with and without them and
        a man without, which a reader finds; or all groups, like '+woman hair=long -woman hair=bun +man hair=bun'.
    means
        Exemplars that are found for each group; the paper has 3. [default: 6]
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/combine.png]
    """
    from dcgan.experiments import combine as experiment

    model, console = _begin("combine", run, out, overwrite, json_out, quiet, last)
    found = experiment.compute(model, points or (), find or (), console=console, **_given(means=means))
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def turn(
    run: Path,
    /,
    *,
    what: list[str] | None = None,
    pairs: Positive = None,
    left: str | None = None,
    right: str | None = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Figure 8: a vector from samples that look left to samples that look right turns others; scale and place too.

    Of a run on built-in pictures a reader chooses the samples and sees what comes of it. Of any other name samples at
    both ends; what comes of it is then drawn, and not measured.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    what
        A continuous factor of the pictures, like turn, scale, x or mouth; may be given several times.
        [default: turn, scale and x of faces, turn and light of rooms, turn and scale of numbers]
    pairs
        Samples at each end; the paper has 4. [default: 16]
    left
        Seeds of samples at one end, like 1,2,3,4, in place of what a reader chooses.
    right
        Seeds of samples at the other end, towards which others are moved.
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/turn.png]
    """
    from dcgan.experiments import turn as experiment

    model, console = _begin("turn", run, out, overwrite, json_out, quiet, last)
    named = _given(pairs=pairs, left=left, right=right)
    found = experiment.compute(model, what or (), console=console, **named)
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def forget(
    run: Path,
    /,
    *,
    what: str = "window",
    boxes: Path | None = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Figure 6: find what in G's maps draws windows, take it out, and draw rooms without.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    what
        Which object: window, bed, door or lamp of a run on rooms; with --boxes anything.
    boxes
        Where it is on samples of any run: {"17": [[left, top, width, height]], "18": []}, for each seed its boxes as
        parts of the side.
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/forget.png]
    """
    from dcgan.experiments import forget as experiment

    model, console = _begin("forget", run, out, overwrite, json_out, quiet, last)
    found = experiment.compute(model, what, boxes=boxes, console=console)
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def invert(
    run: Path,
    image: Path | None = None,
    /,
    *,
    name: str | None = None,
    remove: str | None = None,
    class_: Annotated[str | None, Parameter(name="--class")] = None,
    steps: Positive = None,
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
        What to call it: `--point '0.5*#NAME + 0.5*17'` draws half of it; of a conditional run add the class that is
        printed, like '#NAME @3'. [default: the file's name]
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
        if json_out:
            print(json.dumps({"removed": remove}))
        else:
            console.say(f"{run}: #{remove} is taken out")
        return
    if image is None:
        raise UserError("IMAGE: it is missing; write dcgan invert RUN IMAGE, or --remove NAME")
    model = sample.load(run, last=last)
    point = experiment.check_name(model, image, name, overwrite)
    path = result.place(f"invert-{point}", model.folder, out, overwrite)
    label, picture = draw.class_number(model, class_), experiment.read(model, image)
    found = experiment.compute(model, picture, str(image), point, label=label, steps=steps, console=console)
    kept = result.keep(found, {".png": experiment.figure(found)}, model.folder, path, overwrite or out is None)
    experiment.keep(model, found)
    answer(kept, json_out, console)


@_verb
def filters(
    run: Path,
    data: str | None = None,
    /,
    *,
    seed: Seed = None,
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
    from dcgan.experiments import filters as experiment
    from dcgan.experiments import pictures

    model, console = _begin("filters", run, out, overwrite, json_out, quiet, last)
    found = experiment.compute(model, pictures.of_run(model, data, console), seed or 0, console)
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def classify(
    run: Path,
    data: str | None = None,
    /,
    *,
    test: str | None = None,
    methods: str = "all",
    each: Positive = None,
    most: Positive = None,
    centres: Positive = None,
    steps: Positive = None,
    mirror: Annotated[bool, Parameter(negative="")] = False,
    seed: Seed = None,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tables 1 and 2: read classes off D's features, which never saw one, beside other ways to read them.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file; one without --conditional.
    data
        Pictures with classes, to learn to read from. [default: those that the run was trained on]
    test
        Others, to count on. [default: another part of a published set, or built-in ones drawn anew]
    methods
        Some of D, pixels, random, kmeans, cnn and pooling, or all.
    each
        So many labels a class, where they are few. [default: 400]
    most
        Of so many pictures of either set, at most. [default: all]
    centres
        Of k-means. [default: 400]
    steps
        Minibatches of the two supervised networks. [default: 4000]
    mirror
        Look at each picture and at its mirror image, where both are of one class; the paper does not.
    seed
        Of which labels are few, of the random D, of the clusters. [default: 0]
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/classify.png]
    """
    from dcgan.experiments import classify as experiment
    from dcgan.experiments import pictures

    model, console = _begin("classify", run, out, overwrite, json_out, quiet, last)
    train = pictures.of_run(model, data, console)
    unseen = pictures.unseen(model, data or model.config.data, test, "--test", console)
    found = experiment.compute(
        model,
        train,
        unseen,
        methods=tuple(experiment.CALLED) if methods == "all" else [name.strip() for name in methods.split(",")],
        mirror=mirror,
        console=console,
        **_given(each=each, most=most, centres=centres, steps=steps, seed=seed),
    )
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def one_nn(
    run: Path,
    /,
    *,
    test: str | None = None,
    count: Positive = None,
    real: Annotated[bool, Parameter(negative="")] = False,
    last: Last = False,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """The appendix: the error of a nearest-neighbour classifier that knows generated pictures alone, on real ones.

    Parameters
    ----------
    run
        A conditional run's folder or a checkpoint file: dcgan train --preset mnist makes one.
    test
        The real pictures. Choose on mnist:train[50000:], which --preset mnist leaves out; then ask once for mnist:test.
        [default: another part of a published set, or built-in ones drawn anew]
    count
        So many are generated. [default: 50000]
    real
        Compare with the run's own training pictures in their place too.
    out
        The picture; a JSON goes beside it. [default: RUN/experiments/one-nn.png]
    """
    from dcgan.experiments import one_nn as experiment
    from dcgan.experiments import pictures

    model, console = _begin("one-nn", run, out, overwrite, json_out, quiet, last)
    experiment.check_test(model, test)
    judge = pictures.unseen(model, model.config.data, test, "--test", console)
    learned = pictures.of_run(model, None, console) if real else None
    found = experiment.compute(model, judge, real=learned, console=console, **_given(count=count))
    _end(experiment, found, model.folder, out, overwrite, json_out, console)


@_verb
def dedup(
    data: str = "faces",
    /,
    *,
    size: Whole = None,
    steps: Positive = None,
    seed: Seed = None,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Section 4.2: near duplicates by an autoencoder's bits; how many of planted ones it finds, and how many wrongly.

    Parameters
    ----------
    data
        Pictures in any form that `train` takes. To train without their duplicates: train DATA --dedup --dedup-by bits.
    size
        The side at which they are prepared. [default: the data's own]
    steps
        Minibatches that the autoencoder learns from. [default: 1500]
    seed
        Of the autoencoder, and of which copies are planted. [default: 0]
    out
        The picture; a JSON goes beside it. [default: dedup.png]
    """
    from dcgan import data as pictures
    from dcgan.experiments import dedup as experiment
    from dcgan.experiments import result

    console = Console(quiet=quiet, stderr=json_out)
    out = result.place("dedup", None, Path("dedup.png") if out is None else out, overwrite)
    with console.data_progress() as progress:
        dataset = pictures.open(data, size=size, progress=progress)
    found = experiment.compute(dataset, console=console, **_given(steps=steps, seed=seed))
    _end(experiment, found, None, out, overwrite, json_out, console)


@_verb
def guidelines(
    data: str = "faces",
    /,
    *,
    size: str | None = None,
    minutes: float | None = None,
    steps: Positive = None,
    seeds: Positive = None,
    only: list[str] | None = None,
    preset: str | None = None,
    count: Positive = None,
    threads: Whole = None,
    out: Out = None,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Section 3: each DCGAN rule broken in turn: score, collapse and samples of each. Goes on where it was stopped.

    Parameters
    ----------
    data
        Pictures in any form that `train` takes.
    size
        Side in pixels. [default: 32]
    minutes
        Of training, for each run. [default: 5]
    steps
        So many steps in place of a time.
    seeds
        Runs of each rule. [default: 2]
    only
        One of the rules, beside the full set, as the table names it; given several times.
    preset
        What the rules are broken in. [default: default]
    count
        Samples that are scored. [default: 3000]
    threads
        CPU threads. [default: one a core]
    out
        The folder of the runs, with the picture and its JSON. [default: runs/guidelines-DATA]
    """
    from dcgan.experiments import guidelines as experiment
    from dcgan.experiments import result

    console = Console(quiet=quiet, stderr=json_out)
    if minutes is not None and steps is not None:
        raise UserError("--minutes: --steps is given too, and one of them says how long; keep one")
    where = out or Path("runs") / f"guidelines-{Path(data).name.partition(':')[0]}"
    result.check_ours(where, "guidelines")
    found = experiment.compute(
        data,
        where,
        length={"steps": steps}
        if steps is not None
        else {"minutes": experiment.MINUTES if minutes is None else minutes},
        only=only or (),
        settings=_given(size=size, preset=preset, threads=threads),
        console=console,
        **_given(seeds=seeds, count=count),
    )
    _end(experiment, found, None, where / "guidelines.png", True, json_out, console)


@_verb
def paper(
    run: Path | None = None,
    /,
    *,
    quick: Annotated[bool, Parameter(negative="")] = False,
    size: Whole = None,
    out: Out = None,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """All of it on the built-in pictures, and one page: the paper beside ours. What was stopped goes on where it was.

    Half an hour on two cores, with the training; five minutes with --quick.

    Parameters
    ----------
    run
        A run of your own, on which all is made that can be. [default: runs that are trained for it]
    quick
        Little training and few samples: to see the page, not the figures.
    size
        Of the pictures that are learned from, in pixels. [default: 32]
    out
        A folder for the runs, the pictures and paper.html. [default: runs/paper-SIZE, or RUN/experiments/paper]
    """
    from dcgan.experiments import paper as experiment

    console = Console(quiet=quiet, stderr=json_out)
    side = experiment.SIZE if size is None else size
    if run is not None and size is not None:
        raise UserError(f"--size {size}: the run {run} has its own; leave one of them out")
    ours = Path("runs") / f"paper-{side}{'-quick' if quick else ''}"
    where = out or (ours if run is None else run / "experiments" / "paper")
    done = experiment.make(where, own=run, size=side, quick=quick, console=console)
    answer(done, json_out, console)
