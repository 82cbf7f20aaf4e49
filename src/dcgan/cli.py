"""The command `dcgan`: one function a verb, which parses, calls and prints.

Every setting of Config is a flag of `train`. Wrong input is one sentence on stderr and exit code 2; with --json,
stdout is one JSON object and nothing else. Heavy imports stand inside the verbs, so that help is quick.
"""

import dataclasses
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

import dcgan
from dcgan import config, usage, verbs
from dcgan.config import Config, shown
from dcgan.console import Console, answer
from dcgan.errors import UserError, printable
from dcgan.usage import Json, Last, Number, Out, Overwrite, Quiet, Whole

if TYPE_CHECKING:
    from dcgan.folder import Folder

app = App(
    name="dcgan",
    help="DCGAN on your own pictures. Begin with: dcgan train",
    version=dcgan.__version__,
    default_parameter=Parameter(negative_iterable=()),
    help_on_error=False,
)


def main(argv: list[str] | None = None) -> None:
    try:
        _obey(sys.argv[1:] if argv is None else argv)
    except SystemExit as end:
        _part(end.code if isinstance(end.code, int) else 0)
        raise
    _part(0)


def _part(code: int) -> None:
    """One of several processes leaves in its own way."""
    if together := sys.modules.get("dcgan.distributed"):
        together.leave(code)


def _obey(words: list[str]) -> None:
    try:
        if empty := [word for word in words if not word or (word.startswith("--") and word.endswith("="))]:
            what = empty[0].rstrip("=") or "an argument"
            raise UserError(f"{what}: it is empty, as an unset shell variable leaves it; fill it, or leave it out")
        app(words, exit_on_error=False, print_error=False, result_action="return_value")
        if sys.stdout is not None:  # it may be closed
            sys.stdout.flush()
    except CycloptsError as error:
        _leave(usage.sentence(error))
    except UserError as error:
        _leave(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output, `head` say, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what Python flushes as it ends
        sys.exit(141)
    except OSError as error:
        _leave(f"{error.filename or 'a file'}: {error.strerror or error}; check that it is there, and its permissions")


def _leave(sentence: str) -> None:
    print(f"dcgan: {printable(sentence)}", file=sys.stderr)
    sys.exit(2)


def _fields() -> list[dataclasses.Field]:
    return [field for field in dataclasses.fields(Config) if not field.metadata["hidden"]]


def _with_settings(*names: str) -> Callable[[Callable], Callable]:
    """Give a verb Config's settings (or these of them) as flags; those that were typed arrive as keywords."""
    types = typing.get_type_hints(Config)
    flags = []
    for field in _fields():
        rules, kind = field.metadata, types[field.name]
        if names and field.name not in names:
            continue
        if field.name == "size":
            kind = str
        elif rules["among"]:
            kind = Literal[rules["among"]]  # pyrefly: ignore[invalid-literal]
        usual = config.PRESETS["default"].get(field.name, field.default)
        about = rules["about"] + ("" if usual is None else f" [default: {shown(usual)}]")
        read = usage.whole if kind in (int, int | None) else None
        flag = Parameter(name=config.flag(field.name), help=about, group=rules["group"], converter=read)
        flags.append(
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, flag]
            )
        )

    def dress(verb: Callable) -> Callable:
        signature = inspect.signature(verb)
        own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        verb.__signature__ = signature.replace(parameters=own + flags)  # type: ignore[attr-defined]
        verb.__annotations__.update({flag.name: flag.annotation for flag in flags})
        return verb

    return dress


@app.command
@_with_settings()
def train(
    data: str | None = None,
    /,
    *,
    out: Out = None,
    preset: str | None = None,
    config_file: Annotated[Path | None, Parameter(name="--config")] = None,
    start_from: Annotated[Path | None, Parameter(name="--from")] = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    nproc: Number = 1,
    studio: Annotated[bool, Parameter(negative="")] = False,
    log: Literal["tensorboard"] | None = None,
    json_out: Json = False,
    quiet: Quiet = False,
    **settings: Any,
) -> None:
    """Learn from pictures; to go on with a run, type the same again.

    Parameters
    ----------
    data
        A folder of pictures, a file of them, or a name: faces, rooms, numbers (built in), mnist ... [default: faces]
    out
        The run's folder. [default: runs/DATA-SIZE]
    preset
        default, paper, tutorial, svhn, mnist, goodfellow or vae; flags change single settings of it.
    config_file
        A TOML file of settings, named as the flags are; flags count more.
    start_from
        Begin with the weights of another run or checkpoint.
    dry_run
        Print the config, the networks and an estimate of time and memory; train nothing.
    nproc
        Train in so many processes of this machine, which share each minibatch; for several machines: torchrun.
    studio
        Open a page in the browser that shows it learn, and stays open until Ctrl-C.
    log
        Write RUN/tensorboard beside the run's own log: losses, checks, scores, sheets of samples.
    """
    from dcgan import about, memory, planning, run

    if not dry_run and _rank_of(nproc):
        if stopped := run.follow(data)[1]:
            sys.exit(128 + stopped)
        return
    if log:
        from dcgan import tensorboard

        tensorboard.check()
    console = Console(quiet=quiet, stderr=json_out)
    typed = {name: value for name, value in settings.items() if value is not None}
    held = _toml(config_file)
    if typed.keys() & {"steps", "minutes"}:
        held = {name: value for name, value in held.items() if name not in ("steps", "minutes")}
    data, preset = data or held.pop("data", None), preset or held.pop("preset", None)
    chosen = {name: value for name, value in (held | typed).items() if name not in ("data", "preset")}
    plan = planning.plan(data, out=out, preset=preset, settings=chosen, warm=start_from, console=console)
    if dry_run:
        from dcgan import estimate

        with memory.enough(plan.config):
            found = estimate.estimate(plan)
        answer(found, json_out)
        return
    beside = None
    if studio:
        from dcgan.studio import launch

        beside = launch.Beside(plan.folder.path, console.say)
    with _logged(log, plan.folder):
        stopped = run.train(plan, console)
    if json_out:
        print(json.dumps(about.run(plan.folder.path)), flush=True)
    elif not stopped:
        console.say(about.what_next(plan.folder.path))
    if beside:
        beside.stay(stopped)
    if stopped:
        sys.exit(128 + stopped)  # as shells count a process that a signal ended


def _logged(log: str | None, folder: "Folder") -> AbstractContextManager[None]:
    if log is None:
        return nullcontext()
    from dcgan import tensorboard

    return tensorboard.observing(folder)


def _rank_of(nproc: int) -> int:
    """This process's number among those that share the work. The first of --nproc starts them, waits and ends."""
    from dcgan import distributed

    if nproc < 1:
        raise UserError(f"--nproc {nproc}: it must be 1 or more")
    if nproc > 1 and not distributed.asked():
        sys.exit(distributed.launch(nproc, sys.argv[1:]))
    distributed.join()
    return distributed.rank()


def _toml(path: Path | None) -> dict[str, Any]:
    import tomllib

    if path is None:
        return {}
    try:
        with open(path, "rb") as file:
            held = config.from_mapping(tomllib.load(file), f"--config {path}")
    except OSError as error:
        raise UserError(f"--config {path}: it cannot be read ({error.strerror}); check the name") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path}: it is not TOML ({error}); write lines like: width = 32") from None
    if not isinstance(held.get("data", ""), str):
        raise UserError(f"--config {path}: data is {held['data']!r}; write its name or path in quotes")
    return held


@app.command
def sample(
    run: Path,
    /,
    *,
    seeds: str | None = None,
    count: Whole = None,
    point: list[str] | None = None,
    best: Whole = None,
    of: Whole = None,
    class_: Annotated[str | None, Parameter(name="--class")] = None,
    off: str | None = None,
    columns: Whole = None,
    last: Last = False,
    out: Out = None,
    shards: Path | None = None,
    nproc: Number = 1,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw pictures from a run: a grid, or one file an image. A seed is the same picture everywhere.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    seeds
        Which: 17, 0-63 or 0-3,17. [default: 0-63]
    count
        So many: the same as seeds 0 to COUNT - 1.
    point
        A point in words, like `0.5*12 + 0.5*40` or `+12,40,77 -3,9,31`; may be given several times.
    best
        Keep so many that D believes most ...
    of
        ... of so many drawn. [default: ten times as many]
    class_
        Of this class, by name or number; for conditional runs. [default: all in turn]
    off
        Switch maps of G's hidden layers off, as the studio's Forget words it: 2:5,9 for maps 5 and 9 of layer 2.
    columns
        Pictures in a row of the grid.
    out
        A .png for a grid (or one picture), a folder for one file an image. [default: RUN/drawn/...png]
    shards
        For millions: a folder of .npy files of --count pictures; typed again, it goes on where it stopped.
    nproc
        Fill --shards with so many processes.
    """
    from dcgan import draw

    asked = draw.Asked(seeds, count, tuple(point or ()), best, of, class_, columns, last, off)
    if shards:
        if out or overwrite or not count or dataclasses.replace(asked, count=None, last=False) != draw.Asked():
            raise UserError(
                f"--shards {shards}: it takes --count N, --last and --nproc, and nothing else; drop the rest"
            )
        _write_shards(json_out, quiet, nproc, "pictures", run, count, shards, last)
        return
    if nproc != 1:
        raise UserError(f"--nproc {nproc}: one process draws sheets and single files; add --shards FOLDER for millions")
    console = Console(quiet=quiet, stderr=json_out)
    done = draw.draw(run, asked, out, overwrite, console)
    answer(done, json_out, console)


@app.command
def features(
    run: Path,
    data: str,
    /,
    *,
    out: Path,
    last: Last = False,
    nproc: Number = 1,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """What D sees in pictures: all its convolutional maps, max-pooled to 4x4, as numbers for a classifier.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    data
        The pictures, as train takes them; prepared as the run's were.
    out
        A folder of .npy files, float32 [N, features]; typed again, it goes on where it stopped.
    nproc
        Fill it with so many processes.
    """
    _write_shards(json_out, quiet, nproc, "features", run, data, out, last)


def _write_shards(json_out: bool, quiet: bool, nproc: int, kind: str, *words: Any) -> None:
    rank = _rank_of(nproc)
    from dcgan import shards

    console = Console(quiet=quiet or bool(rank), stderr=json_out)
    done = getattr(shards, kind)(*words, console)
    if json_out and not rank:
        print(json.dumps(dataclasses.asdict(done)))
    else:
        console.say(done.in_words())


@app.command
def info(run: Path, /, *, figure: Path | None = None, overwrite: Overwrite = False, json_out: Json = False) -> None:
    """All about a run, in words.

    Parameters
    ----------
    run
        A run's folder.
    figure
        Draw both networks into this PNG, as the paper's figure 1 does.
    """
    from dcgan import about

    found = about.run(run)
    if figure:
        from dcgan import files, plots
        from dcgan.folder import Folder

        _need_png("--figure", figure)
        files.write_new(figure, plots.architecture(Folder.of(run).config()), overwrite)
    if json_out:
        print(json.dumps(found))
        return
    lines = about.run_in_words(found)
    if figure:
        lines.append(f"  figure       {figure}")
    Console().say("\n".join(lines))


def _need_png(flag: str, path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise UserError(f"{flag} {path}: it is written as PNG; give it a name that ends in .png")


@app.command
def doctor(run: Path, /, *, json_out: Json = False) -> None:
    """What was the matter with a run, and what to do: D won, G collapsed, oscillation, dead units, checkerboards ...

    Parameters
    ----------
    run
        A run's folder.
    """
    from dcgan import doctor as examination

    done = examination.examine(run)
    answer(done, json_out)


@app.command
def card(
    run: Path, /, *, out: Out = None, overwrite: Overwrite = False, json_out: Json = False, quiet: Quiet = False
) -> None:
    """One page about a run, to hand in, print or send: what it learned from, how, what it draws, how good that is.

    Parameters
    ----------
    run
        A run's folder.
    out
        The page, an .html with all its pictures inside. [default: RUN/card.html]
    """
    from dcgan import card as cards

    console = Console(quiet=quiet, stderr=json_out)
    done = cards.make(run, out, overwrite, console)
    answer(done, json_out, console)


@app.command
def runs(folder: Path = Path("runs"), /, *, json_out: Json = False) -> None:
    """A line for each run in a folder.

    Parameters
    ----------
    folder
        Where to look. [default: runs]
    """
    from dcgan import about
    from dcgan import folder as folders

    found, damaged = [], []
    for one in folders.runs(folder):
        try:
            found.append(about.run(one.path))
        except UserError as error:  # one damaged run does not hide the others
            damaged.append({"path": str(one.path), "reason": str(error)})
    if json_out:
        print(json.dumps({"runs": found, "damaged": damaged}))
        return
    if not found and not damaged:
        Console().say(f"no runs in {folder} yet; begin with: dcgan train")
    for line in [*about.runs_in_lines(found), *(f"damaged: {one['reason']}" for one in damaged)]:
        Console().say(line)


@app.command
@_with_settings(*config.PICTURES)
def data(
    source: Annotated[str, Parameter(name="DATA")] = "faces",
    /,
    *,
    out: Out = None,
    overwrite: Overwrite = False,
    clear: Annotated[bool, Parameter(negative="")] = False,
    json_out: Json = False,
    quiet: Quiet = False,
    **settings: Any,
) -> None:
    """What would be trained on: how many, sizes, classes, and what is skipped and why.

    Parameters
    ----------
    source
        A folder of pictures, a file of them, or a name: faces, rooms, numbers (built in), mnist ...
    out
        Draw a contact sheet of 100 of them into this PNG.
    clear
        Remove all prepared pictures from the cache; they are made again when wanted.
    """
    from dcgan import about
    from dcgan import data as pictures

    if clear:
        freed = pictures.clear_cache()
        print(
            json.dumps({"freed": freed}) if json_out else f"the cache is empty; {freed / 2**20:,.0f} MiB are free again"
        )
        return
    console = Console(quiet=quiet, stderr=json_out)
    if out:
        _need_png("--out", out)
    chosen = Config.build(data=source, **{name: value for name, value in settings.items() if value is not None})
    with console.data_progress() as progress:
        report = pictures.scan(
            source,
            size=chosen.size,
            channels=chosen.channels,
            fit=chosen.fit,
            background=chosen.background,
            fast=chosen.fast,
            dedup=chosen.dedup,
            dedup_by=chosen.dedup_by,
            stream=chosen.stream,
            progress=progress,
        )
    refused = report.refused(chosen.max_bad)
    if out:
        from dcgan import files, images

        files.write_new(
            out,
            images.png(images.grid(pictures.Stream(report.dataset, 0).batch(0, min(100, report.images))[0], 10)),
            overwrite,
        )
    if json_out:
        print(json.dumps({"data": source, **about.pictures(report), "refused": refused}))
        return
    lines = about.pictures_in_words(report)
    if out:
        lines.append(f"  sheet       {out}")
    if refused:
        lines.append(
            f"  too many    {report.bad} of {report.bad + report.images} cannot be read, more than --max-bad "
            f"{chosen.max_bad:g} allows: `dcgan train` would refuse"
        )
    Console().say("\n".join(lines))


@app.command
def export(
    run: Path,
    /,
    *,
    to: Literal["onnx", "web", "page", "pt2", "tutorial", "images"],
    half: Annotated[bool, Parameter(negative="")] = False,
    single_file: Annotated[bool, Parameter(negative="")] = False,
    seeds: str | None = None,
    count: Whole = None,
    out: Out = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """Take a run along: for other runtimes, other people's code, or as pictures. Checked against torch as it is made.

    Parameters
    ----------
    run
        A run's folder, a checkpoint file, or hf:owner/name.
    to
        onnx: any runtime; web: a module for a web page of your own; page: the explorer with the generator inside,
        which opens from a file, offline; pt2: torch without dcgan; tutorial: netG.pth and netD.pth as PyTorch's DCGAN
        tutorial names them; images: a folder of PNGs.
    half
        ONNX with the weights in half the bytes.
    single_file
        The page as one HTML file.
    seeds
        Which pictures, with --to images: 17, 0-63 or 0-3,17.
    count
        So many pictures, with --to images. [default: 1000]
    out
        The file or folder to write. [default: below RUN/exported]
    """
    from dcgan import export as exporting

    console = Console(quiet=quiet, stderr=json_out)
    done = exporting.export(
        run, to, out, half=half, single_file=single_file, seeds=seeds, count=count, overwrite=overwrite, console=console
    )
    answer(done, json_out)


@app.command(name="import")
def import_(
    *files: Annotated[Path, Parameter(name="FILES")],
    out: Out = None,
    z: Literal["normal", "uniform"] = "normal",
    json_out: Json = False,
) -> None:
    """Make a run of a DCGAN that another project trained; nothing in its files is run.

    Parameters
    ----------
    files
        A generator's checkpoint, or one with both networks, or one file each: of pytorch/examples, PyTorch's tutorial,
        huggan, lightning-bolts, pytorch_GAN_zoo. Size, width, channels and z are read off the shapes.
    out
        The run's folder. [default: runs/NAME]
    z
        What it was trained with, which no file says: N(0, 1), as all of these projects do, or U(-1, 1).
    """
    from dcgan.export import importing

    done = importing.import_run(files, out, z)
    answer(done, json_out)


@app.command
def push(
    run: Path,
    repository: Annotated[str, Parameter(name="OWNER/NAME")],
    /,
    *,
    license: str | None = None,
    measures: Path | None = None,
    private: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    json_out: Json = False,
) -> None:
    """Share a run on huggingface.co: weights, settings, a model card and samples; others draw with hf:OWNER/NAME.

    Parameters
    ----------
    run
        A run's folder or a checkpoint file.
    repository
        Where it goes; made where there is none.
    license
        The licence you give it, as the Hub abbreviates it: mit, cc-by-4.0 ...
    measures
        What `dcgan evaluate RUN --json` printed, in a file: the card shows it with its protocol.
    private
        Seen by you alone.
    overwrite
        Add a commit to a repository that is there already.
    """
    from dcgan.export import publishing

    done = publishing.push(run, repository, license=license, measures=measures, private=private, overwrite=overwrite)
    answer(done, json_out)


@app.command
def evaluate(
    what: Annotated[str, Parameter(name="RUN")],
    /,
    *,
    against: str | None = None,
    metrics: str = "fid,kid,pr",
    features: str = "lite0",
    count: Number = 5000,
    held_out: str | None = None,
    last: Last = False,
    figure: Path | None = None,
    overwrite: Overwrite = False,
    json_out: Json = False,
    quiet: Quiet = False,
) -> None:
    """How good a run's pictures are, or a folder's: each figure beside its floor, its control and its protocol.

    Parameters
    ----------
    what
        A run's folder, a checkpoint, or pictures in any form that `train` takes.
    against
        Pictures to compare with, in any such form. [default: those that the run was trained on]
    metrics
        Some of fid, kid, pr (precision, recall, density, coverage), memory (are they copies?) and truth (what a reader
        sees: classes, or the built-in pictures' factors), or all.
    features
        Of what network: lite0; reader (taught once to read these pictures' classes, or the built-in ones' factors);
        inception (of the published FIDs; fetched once, 96 MB), or a file: .onnx, .pt2, TorchScript.
    count
        Pictures to draw, and to compare with, at most.
    held_out
        For memory: pictures like the training ones, not trained on. [default: another part of a published set, or
        built-in ones drawn anew]
    figure
        For memory: draw the distances and the nearest pictures into this PNG.
    """
    from dcgan.metrics import evaluate as measures

    console = Console(quiet=quiet, stderr=json_out)
    asked = measures.METRICS if metrics == "all" else tuple(name.strip() for name in metrics.split(","))
    if figure:
        from dcgan import files, plots

        _need_png("--figure", figure)
        if "memory" not in asked:
            raise UserError(f"--figure {figure}: it shows the nearest pictures; add memory to --metrics")
        if not overwrite:
            files.check_new(figure)
    done = measures.evaluate(
        what,
        against,
        metrics=asked,
        count=count,
        features=features,
        held_out=held_out,
        last=last,
        console=console,
    )
    if done.of and done.of.folder:
        from dcgan.metrics import kept

        try:
            kept.keep(done.of.folder, done.of.header.step, done)
        except UserError as error:  # what took minutes to measure is told all the same
            console.warn(str(error))
    answer(done, json_out, console)
    if figure:
        files.write_new(figure, plots.neighbours(done.neighbours), overwrite)


@app.command
def studio(
    path: Annotated[Path, Parameter(name="RUN")] = Path("runs"),
    /,
    *,
    port: Whole = None,
    host: str = "localhost",
    token: str | None = None,
    no_browser: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Open a page in the browser: watch runs as they learn, and look inside what they learned.

    Parameters
    ----------
    path
        A run, or a folder of runs; nothing outside of it is served. [default: runs]
    port
        Where to listen. [default: 8421, or the next that is free]
    host
        Another address lets other machines in, by the token that is printed.
    token
        Choose that token, or ask for one on this machine too.
    no_browser
        Only print the address.
    """
    from dcgan.studio import launch

    launch.check_path(path)
    launch.serve(path, host=host, port=port, token=token, browser=not no_browser)


for verb in verbs.ALL:
    app.command(verb, group=verbs.PAPER)
app.register_install_completion_command(help="Let this shell complete dcgan's verbs and flags.")
