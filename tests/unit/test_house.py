"""The house stays in order: imports point down, the loop is Algorithm 1, nothing that is loaded runs code."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import dcgan

SOURCE = Path(dcgan.__file__).parent

# From the ground up; what stands on one floor may lean on its neighbours, but not in a circle.
FLOORS = [
    {"errors", "files", "config", "images", "latents", "losses", "distributed", "console", "hub", "diagnosis"},
    {"networks", "mlp", "augment", "folding", "data"},
    {"algorithm", "vae"},
    {"checkpoint", "layers"},
    {"folder"},
    {"sample"},
    {"draw", "shards", "metrics", "plots", "about", "doctor", "logbook", "tensorboard"},
    {"feed", "planning", "memory"},
    {"use"},
    {"session"},
    {"run"},
    {"estimate", "experiments", "export", "card"},
    {"__init__"},  # the Python API
    {"studio"},
    {"usage", "verbs", "cli"},
    {"__main__"},
]
FLOOR = {room: number for number, floor in enumerate(FLOORS) for room in floor}
WITHOUT_TORCH = (
    "errors",
    "files",
    "config",
    "images",
    "latents",
    "console",
    "checkpoint",
    "folder",
    "logbook",
    "data",
    "about",
    "diagnosis",
    "doctor",
    "cli",
)


def modules(source: Path = SOURCE) -> dict[str, str]:
    """`data.readers.folder` -> its text; a package is its `__init__`, the whole is `__init__` itself."""
    found = {}
    for file in sorted(source.rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = file.read_text(encoding="utf-8")
    return found


def imported(name: str, text: str, known: Mapping[str, str], local: bool = True) -> Iterator[str]:
    """The modules of ours that a module imports, lazily too; with `local` false only those at its top."""
    tree = ast.parse(text, name)
    for node in ast.walk(tree) if local else tree.body:
        if isinstance(node, ast.Import):
            for one in node.names:
                if one.name.startswith("dcgan."):
                    yield one.name.removeprefix("dcgan.")
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: from the module's own package
                package = ["dcgan", *name.split(".")]
                package = package if any(other.startswith(f"{name}.") for other in known) else package[:-1]
                base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
            if base != "dcgan" and not base.startswith("dcgan."):
                continue
            inside = base.removeprefix("dcgan").removeprefix(".")
            for one in node.names:
                deeper = f"{inside}.{one.name}".strip(".")
                if deeper in known:
                    yield deeper
                else:
                    yield inside or ("__init__" if not one.name.startswith("__") else "errors")
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "dcgan" and not node.attr.startswith("__"):
            yield "__init__"  # whereas dcgan.__version__ says nothing about anyone


def disorder(known: Mapping[str, str]) -> list[str]:
    """Each import that points up, each circle, each room without a floor."""
    said = [f"{name}: it has no floor" for name in known if name.split(".")[0] not in FLOOR]
    beside = {}
    for name, text in known.items():
        room = name.split(".")[0]
        for other in imported(name, text, known):
            if FLOOR.get(other.split(".")[0], -1) > FLOOR.get(room, -1):
                said.append(f"{name} imports {other}, which is above it")
        beside[name] = set(imported(name, text, known, local=False)) - {name}
    return said + circles(beside)


def circles(edges: Mapping[str, set[str]]) -> list[str]:
    """Take away what leans on nothing that is left, as long as there is such; what remains is a circle."""
    left = {name: others & edges.keys() for name, others in edges.items()}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    return [
        f"{name}: it imports itself, by way of {', '.join(sorted(others & left.keys()))}"
        for name, others in left.items()
    ]


def test_imports_point_down():
    assert disorder(modules()) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config", "from dcgan.run import plan"),
        ("config", "from dcgan import run"),
        ("config", "import dcgan.run"),
        ("config", "import dcgan.run as r"),
        ("config", "from . import run"),
        ("config", "from .run import plan"),
        ("config", "def f():\n    from dcgan import run"),
        ("config", "if TYPE_CHECKING:\n    from dcgan.run import Plan"),
        ("data.stream", "from dcgan import algorithm"),
        ("data.stream", "from ..algorithm import train"),
        ("data", "from .. import algorithm"),
        ("run", "from dcgan import load"),
        ("run", "import dcgan\ndcgan.load('x')"),
        ("run", "from dcgan.cli import main"),
        ("attic", "import os"),
        ("networks", "from dcgan.mlp import Generator"),
    ],
)
def test_the_import_test_fails_when_it_should(name, text):
    known = {"config": "", "run": "", "algorithm": "", "data": "", "data.stream": "", "mlp": "import dcgan.networks",
             "networks": "", "cli": "", "__init__": ""}  # fmt: skip
    assert disorder(known) == []
    assert disorder(known | {name: text}) != []


def test_the_import_test_passes_what_it_should():
    known = {
        "errors": "",
        "config": "from dcgan.errors import UserError\nfrom .errors import UserError",
        "data": "from dcgan.data import stream",
        "data.stream": "from ..config import Config\nfrom dcgan.data.cache import keep",
        "data.cache": "from . import wire",
        "data.wire": "",
        "run": "import dcgan\nfrom dcgan import __version__, data\nprint(dcgan.__version__)",
        "__init__": "def train():\n    from dcgan import run",
        "cli": "import dcgan\ndcgan.load('x')\nfrom dcgan import run",
    }
    assert disorder(known) == []


# What must come without torch, so that help is quick and a header can be read alone


def test_torch_is_not_imported_before_it_is_needed():
    rooms = [room for room in WITHOUT_TORCH if room in modules()]
    assert len(rooms) > 5
    code = (
        "import importlib, sys\n"
        f"for room in {rooms!r}:\n"
        "    importlib.import_module(f'dcgan.{room}')\n"
        "    if 'torch' in sys.modules: sys.exit(f'{room} imports torch')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# The loop


def calls(node: ast.AST) -> list[str]:
    """Names of the functions called, in the order of the text."""
    found = [n for n in ast.walk(node) if isinstance(n, ast.Call)]
    found.sort(key=lambda n: (n.lineno, n.col_offset))
    return [n.func.id if isinstance(n.func, ast.Name) else n.func.attr for n in found]


def test_the_loop_is_algorithm_1():
    tree = ast.parse(modules()["algorithm"])
    (train,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "train")
    said, (loop,) = train.body[0], train.body[1:]
    assert isinstance(said, ast.Expr)  # its docstring
    assert isinstance(loop, ast.While)
    statements = [n for n in ast.walk(loop) if isinstance(n, ast.stmt)]
    assert len(statements) <= 15
    assert not [n for n in statements if isinstance(n, (ast.If, ast.Try, ast.With, ast.FunctionDef))]
    # for each iteration: k times {fresh x, fresh z, one step of D}, then {fresh z, one step of G}
    begin, steps_D, *rest = loop.body
    assert calls(begin) == ["begin_step"]
    assert isinstance(steps_D, ast.For)
    assert ast.unparse(steps_D.iter) == "range(config.k)"
    assert calls(steps_D)[1:] == ["batch", "noise", "update_D"]
    assert [call for node in rest for call in calls(node)][:3] == ["noise", "update_G", "average"]
    assert [type(node) for node in rest[-2:]] == [ast.AugAssign, ast.Expr]
    assert ast.unparse(rest[-2]) == "state.step += 1"
    assert isinstance(rest[-1].value, ast.Yield)  # the caller decides when to report, sample, save or stop


# Nothing that is loaded runs code


READERS_OF_CODE = ("pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve")


def dangers(text: str) -> list[str]:
    """Where data could become code. To name pickle's errors is no danger; to call what it offers is."""
    said = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module in READERS_OF_CODE:
            said += [one.name for one in node.names if not one.name.endswith("Error")]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in READERS_OF_CODE:
            said += [] if node.attr.endswith("Error") else [ast.unparse(node)]
        elif isinstance(node, ast.Call):
            what = ast.unparse(node.func)
            given = {one.arg: ast.unparse(one.value) for one in node.keywords}
            if (
                what in ("eval", "exec", "compile", "__import__", "os.system")
                or (what == "torch.load" and given.get("weights_only") != "True")
                or (what in ("np.load", "numpy.load") and given.get("allow_pickle", "False") != "False")
                or given.get("shell") == "True"
            ):
                said.append(what)
    return said


def test_nothing_that_is_loaded_runs_code():
    assert {name: dangers(text) for name, text in modules().items() if dangers(text)} == {}


@pytest.mark.parametrize(
    "text",
    ["import pickle\npickle.load(f)", "from pickle import load", "eval('1')", "torch.load(f)",
     "torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)", "subprocess.run('ls', shell=True)"],
)  # fmt: skip
def test_the_danger_test_fails_when_it_should(text):
    assert dangers(text) != []
    safe = [
        "import pickle",
        "pickle.UnpicklingError",
        "torch.load(f, weights_only=True)",
        "np.load(f)",
        "network.eval()",
    ]
    assert dangers("\n".join(safe)) == []


def test_each_file_says_what_it_is():
    silent = [name for name, text in modules().items() if text.strip() and not ast.get_docstring(ast.parse(text))]
    assert silent == []
