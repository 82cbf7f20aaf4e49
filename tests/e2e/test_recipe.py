"""The recipe's figures in a small form: equal time, a row a finished run, going on, and the page made of the rows."""

import json
from functools import partial
from pathlib import Path

import pytest

from dcgan.experiments.guidelines import BROKEN, KEPT
from dcgan.folder import Folder
from dcgan.metrics import score, truth

ROOT = Path(__file__).resolve().parents[2]
TINY = {"size": 8, "width": 4, "m": 8, "precision": "float32"}


@pytest.fixture
def benches(tmp_path, monkeypatch):
    """benchmarks/'s modules, writing into a folder of the test's, on runs of a moment."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setenv("DCGAN_FIGURES", str(tmp_path / "figures"))
    import judge
    import recipe
    import record
    import small_data
    import stability

    (tmp_path / "docs" / "results").mkdir(parents=True)
    monkeypatch.setattr(record, "RESULTS", tmp_path / "docs" / "results")
    for module in (record, recipe):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(recipe, "ROUNDS", 2)
    monkeypatch.setattr(recipe, "BLOCK", 1)
    monkeypatch.setattr(recipe, "SIZE", dict.fromkeys(("faces:64", "faces:64[:32]"), TINY))
    recipes = {name: recipe.RECIPES[name] for name in ("tutorial", "default", "default, augment")}
    monkeypatch.setattr(recipe, "RECIPES", recipes)
    steps_for = recipe.steps_for
    for steps in ("steps_for", "steps_by_the_wall"):
        monkeypatch.setattr(recipe, steps, lambda *_: 3)
    monkeypatch.setattr(score, "BUDGET", 20)
    monkeypatch.setattr(truth, "of_factors", partial(truth.of_factors, taught=300, steps=20))  # a reader in seconds
    monkeypatch.setattr(judge, "COUNT", 20)
    return {"recipe": recipe, "stability": stability, "small_data": small_data, "judge": judge, "steps_for": steps_for}


def rows(tmp_path, figure):
    return json.loads((tmp_path / "docs" / "results" / f"{figure}.json").read_text())


@pytest.mark.slow
def test_the_screen(benches, tmp_path, monkeypatch):
    recipe = benches["recipe"]
    monkeypatch.setattr(recipe, "SCREEN", ("faces:64",))
    recipe.main(["screen", "--threads", "1", "--only", "default", "tutorial"])
    found = rows(tmp_path, "recipe")
    assert [(row["recipe"], row["steps"], row["minutes"], row["stage"]) for row in found] == [
        ("default", 3, 5, "screen"),
        ("tutorial", 3, 5, "screen"),
    ]
    assert all(row["value"] > 0 and 0 <= row["recall"] <= 1 and row["collapsed"] in (True, False) for row in found)
    page = (tmp_path / "docs" / "recipe.md").read_text()
    assert f"| default | preset default | faces:64 | 3 | {found[0]['value']:.1f} |" in page
    assert "Not run yet, 1 of 3: faces:64: default, augment." in page
    assert recipe.finalists() == ["default", "tutorial"]
    monkeypatch.setattr(recipe.run, "train", lambda *_: pytest.fail("it was trained again"))
    recipe.main(["screen", "--threads", "1", "--only", "default", "tutorial"])
    assert rows(tmp_path, "recipe") == found


def test_equal_time_is_steps_by_speed(benches, monkeypatch):
    """A recipe half as fast gets half the steps: 5 minutes of two cores are 600 core-seconds."""
    steps_for, speeds = benches["steps_for"], {"tutorial": 1.0, "slow": 0.5}
    monkeypatch.setattr(
        benches["recipe"], "speed", lambda data, name, threads: {"value": speeds[name], "core_seconds_per_step": 0.3}
    )
    assert steps_for("x", "tutorial", 5, 1) == 2000
    assert steps_for("x", "slow", 5, 2) == 1000
    assert steps_for("x", "slow", 0.00001, 2) == 1


def test_speed_is_measured_in_turns(benches):
    """The same network is as fast as itself; one that takes twice the pictures takes longer."""
    recipe = benches["recipe"]
    recipe.RECIPES["twice"] = {"m": 64, "size": 16, "width": 16}
    least = recipe.beside_tutorial("faces:64", "twice", 1)
    assert least["twice"] > 1.5 * least["tutorial"] > 0


def row(name, data, value, **more):
    usual = {"recipe": name, "data": data, "value": value, "steps": 10, "precision": 0.5, "recall": 0.4, "minutes": 30}
    return usual | {"diversity": 1.0, "collapsed": False, "findings": [], "settings": {}, "stage": "screen"} | more


def test_finalists_are_the_best_by_their_share(benches, tmp_path, monkeypatch):
    recipe = benches["recipe"]
    monkeypatch.setattr(recipe, "SCREEN", ("a", "b"))
    found = [
        row("tutorial", "a", 100), row("tutorial", "b", 10), row("one", "a", 60), row("one", "b", 9),
        row("two", "a", 90), row("two", "b", 5), row("three", "a", 99), row("three", "b", 9.9), row("half", "a", 1),
    ]  # fmt: skip
    (tmp_path / "docs" / "results" / "recipe.json").write_text(json.dumps(found))
    assert recipe.finalists() == ["two", "one", "default", "tutorial"]


def test_the_finals_page(benches):
    recipe = benches["recipe"]
    final = [row("tutorial", "a", 100), row("tutorial", "a", 120), row("one", "a", 50), row("one", "a", 60)]
    page = recipe.page([], final)
    assert "| one | a | 30 | 2 | 55.0 | 50.0 to 60.0 | 0.50 |" in page
    assert page.index("| one |") < page.index("| tutorial |")
    for value, verdict in ((60, "ok"), (61, "missed")):
        held = [row("tutorial", "cifar10", 120), row("default", "cifar10", value), row("one", "cifar10", 10)]
        told = f"at most 0.5 of `tutorial`'s: cifar10 {verdict}"
        assert recipe.page([], 3 * held).strip().endswith(f"{told}.")
        assert recipe.page([], held).strip().endswith(f"{told} (so far 1 of 3 seeds).")


def test_the_pages_in_docs_are_those_of_the_rows(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import guidelines
    import recipe

    page = recipe.page(*(recipe.rows(stage) for stage in ("screen", "final", "look")))
    assert (ROOT / "docs" / "recipe.md").read_text() == page
    assert (ROOT / "docs" / "guidelines.md").read_text() == guidelines.page(guidelines.rows("guidelines"))


@pytest.mark.slow
def test_guidelines(benches, tmp_path, monkeypatch):
    """A row a run of equal time, going on, and when all are there the page with its picture."""
    import guidelines

    monkeypatch.setattr(guidelines, "ROOT", tmp_path)
    monkeypatch.setattr(guidelines, "DATA", "faces:64")
    monkeypatch.setattr(guidelines, "COUNT", 20)
    monkeypatch.setattr(guidelines, "SEEDS", 1)
    monkeypatch.setattr(guidelines, "MINUTES", 2 / 60)
    times = {"no batch norm": 0.5, KEPT: 1.0}
    monkeypatch.setattr(benches["recipe"], "seconds_per_step", lambda plans, _: {one: times[one] for one in plans})
    planned = guidelines.guidelines.planned
    tiny = lambda *told: planned(*told[:-2], told[-2] | TINY, told[-1])  # noqa: E731
    monkeypatch.setattr(guidelines.guidelines, "planned", tiny)
    judged = {"fid": 90.0, "kid": 0.1, "recall": 0.5, "diversity": 1.0, "by": "reader", "findings": []}
    judge = lambda run, *_, **__: judged | {"steps": Folder(run).header().step}  # noqa: E731
    monkeypatch.setattr(guidelines.guidelines, "judge", judge)  # that is another test's
    monkeypatch.setattr(guidelines.guidelines, "RULES", {KEPT: {}, "no batch norm": BROKEN["no batch norm"]})
    monkeypatch.setattr(guidelines, "RULES", guidelines.guidelines.RULES)
    guidelines.main(["no batch norm"])
    page = (tmp_path / "docs" / "guidelines.md").read_text()
    assert "| no batch norm | `norm_G none`, `norm_D none` |" in page
    assert "1 of 2 runs are to come" in page
    guidelines.main()
    found = rows(tmp_path, "guidelines")
    assert [(row["rule"], row["seed"], row["steps"]) for row in found] == [("no batch norm", 0, 4), (KEPT, 0, 2)]
    assert (tmp_path / "docs" / guidelines.PICTURE).read_bytes().startswith(b"\x89PNG")
    assert guidelines.PICTURE in (tmp_path / "docs" / "guidelines.md").read_text()
    with pytest.raises(SystemExit, match="there is no rule 'no norm'"):
        guidelines.main(["no norm"])


def test_the_guidelines_page(benches):
    """The best first; one that diverged last; better is what is better by more than a tie."""
    import guidelines

    def row(rule, seed, value):
        about = {"recall": 0.5, "diversity": 1.0, "kid": 0.1, "by": "reader", "findings": []}
        return {"rule": rule, "seed": seed, "value": value, "steps": 9, **about}

    held = [row(rule, seed, 100.0 + seed) for rule in guidelines.RULES for seed in range(2)]
    assert "The full set scores 100.5, and none of 13 broken ones is better by 5%;" in guidelines.page(held)
    for one in held:
        if one["rule"] == "sigmoid for tanh":
            one["value"] = 90.0
        if (one["rule"], one["seed"]) == ("no batch norm", 1):
            one["value"] = None
    page = guidelines.page(held)
    assert "The full set scores 100.5, and better are sigmoid for tanh (90.0); the worst is no batch norm" in page
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert lines[0].startswith("| sigmoid for tanh | `output sigmoid` | 90.0 | 0.90 | 90.0; 90.0 | 9 |")
    assert lines[-1].startswith("| no batch norm | `norm_G none`, `norm_D none` | diverged | inf | 100.0; diverged |")


@pytest.mark.slow
def test_stability(benches, tmp_path, monkeypatch):
    stability = benches["stability"]
    monkeypatch.setattr(stability, "SEEDS", {"default": 1})
    monkeypatch.setattr(stability, "LONG_SEEDS", 1)
    monkeypatch.setattr(stability, "SCORES", 1)
    stability.main(["--data", "faces:64", "--only", "default", "--threads", "1"])
    short, long = rows(tmp_path, "stability")
    assert short["key"] == "faces:64, default, seed 0"
    assert short["ok"] is (not short["collapsed"] and not short["findings"])
    assert long["value"] == pytest.approx(long["scores"][-1] / min(long["scores"]))
    assert long["ok"] is (long["value"] <= 1.1 and not long["collapsed"] and not long["findings"])


@pytest.mark.slow
def test_small_data(benches, tmp_path, monkeypatch):
    small = benches["small_data"]
    monkeypatch.setattr(small, "DATA", "faces:64[:32]")
    monkeypatch.setattr(small, "WHOLE", "faces:64")
    small.main(["--threads", "1", "--seeds", "1"])
    without, augmented, share = rows(tmp_path, "small-data")
    assert (without["recipe"], augmented["recipe"]) == ("default", "default, augment")
    assert share["value"] == pytest.approx(augmented["value"] / without["value"], abs=1e-3)
    assert share["ok"] is (augmented["value"] <= 0.7 * without["value"])


@pytest.mark.parametrize(("after", "value", "ok"), [(4, 0.133, True), (9, 0.3, False), (None, None, False)])
def test_time_to_quality(benches, tmp_path, monkeypatch, after, value, ok):
    """The textbook loop's steps are ours over the ratio of speeds; the default is looked at until it is as good."""
    import time_to_quality as timed

    (tmp_path / "docs" / "results" / "train.json").write_text(json.dumps([{"key": timed.PAIR, "value": 2.0}]))
    monkeypatch.setattr(timed.recipe, "steps_for", lambda data, name, minutes, threads: round(100 * minutes))
    monkeypatch.setattr(timed.recipe, "trained", lambda figure, stage, data, name, steps, *_: (name, steps))

    def judge(run):
        name, steps = run
        return {"value": 50.0 if name == "tutorial" or (after and steps >= 100 * after) else 60.0, "steps": steps}

    monkeypatch.setattr(timed, "judge", judge)
    timed.main(["--data", "faces:64", "--threads", "1"])
    found = rows(tmp_path, "time")
    assert (found[0]["key"], found[0]["steps"]) == ("faces:64: the textbook loop", 1500)
    assert found[1]["steps"] == 100
    assert (found[-1]["value"], found[-1]["ok"]) == (value, ok)
    assert len(found) == 2 + (timed.LOOKS.index(after) + 1 if after else len(timed.LOOKS))


def test_precision(benches, tmp_path, monkeypatch):
    """Seeds in turns, and how far apart the means are: alike is within noise, far apart is not."""
    import precision

    scores = {"bf16": [50.0, 52.0, 54.0], "float32": [51.0, 52.0, 53.0]}

    def trained(figure, stage, data, name, steps, seed, threads, precision):
        assert benches["recipe"].plan(data, name, precision=precision).config.precision == precision
        return scores[precision][seed]

    monkeypatch.setattr(precision, "DATA", "faces:64")
    monkeypatch.setattr(precision.recipe, "trained", trained)
    monkeypatch.setattr(precision, "judge", lambda run: {"value": run})
    precision.main(["--threads", "1"])
    *seeds, found = rows(tmp_path, "precision")
    assert [row["key"] for row in seeds[:3]] == ["bf16, seed 0", "float32, seed 0", "bf16, seed 1"]
    assert (found["value"], found["ok"], found["ratio"]) == (0, True, 1)
    errors, freedom = precision.apart([50.0, 52.0, 54.0], [61.0, 62.0, 63.0])
    assert errors == pytest.approx(10 / (5 / 3) ** 0.5)
    assert freedom == pytest.approx((5 / 3) ** 2 / ((4 / 3) ** 2 / 2 + (1 / 3) ** 2 / 2))
    assert errors > found["goal"] > 2


@pytest.mark.parametrize(("script", "best"), [("features", "default"), ("one_nn", "dense")])
def test_what_is_chosen_is_what_was_best(benches, tmp_path, monkeypatch, script, best):
    """On pictures held out; and only that is measured on the test set (features: as they are, and mirrored)."""
    import importlib

    module, measured = importlib.import_module(script), []
    judged = {"features": "judged", "one_nn": "held_out"}[script]
    recipes = benches["recipe"].FEATURES if script == "features" else module.RECIPES
    values = dict.fromkeys(recipes, 0.5) | {best: {"features": 0.6, "one_nn": 0.4}[script]}
    monkeypatch.setattr(module, "train", lambda out, name, *_: name, raising=script == "one_nn")
    monkeypatch.setattr(module, judged, lambda name, *_: {"value": values[name], "steps": 7})
    monkeypatch.setattr(module, "measure", lambda budget, name, *_, **more: measured.append((name, more.get("mirror"))))
    module.main()
    assert measured == [(best, view) for view in ((False, True) if script == "features" else (None,))]
    assert len(rows(tmp_path, f"{script.replace('_', '-')}-choice")) == len(recipes)


def test_what_was_measured_on_a_run_is_kept_as_rows(benches, tmp_path):
    import paper

    figure = {
        "name": "glasses",
        "value": 0.9,
        "goal": 0.9,
        "ok": True,
        "seeds": "0",
        "protocol": {"sums": 3},
        "paper": None,
    }
    about = {"experiment": "combine", "figures": [figure, figure | {"name": "hair", "value": 0.5, "ok": False}]}
    (tmp_path / "run" / "experiments").mkdir(parents=True)
    (tmp_path / "run" / "experiments" / "combine.json").write_text(json.dumps(about))
    paper.main(["keep", str(tmp_path / "run")])
    found = rows(tmp_path, "paper-runs")
    assert [(row["key"], row["value"], row["ok"]) for row in found] == [
        ("run: combine: glasses", 0.9, True),
        ("run: combine: hair", 0.5, False),
    ]
    assert found[0]["command"] == "dcgan combine run"
    paper.main(["keep", "--last", str((tmp_path / "run").rename(tmp_path / "other"))])
    assert rows(tmp_path, "paper-runs")[-1]["command"] == "dcgan combine other --last"
