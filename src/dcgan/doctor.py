"""`dcgan doctor RUN`: a run's log explained.

Each of its signs at its end and at its worst, what was found on the way and whether it is still so, and what to do
next. The run is only read, and no torch is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcgan import diagnosis
from dcgan.diagnosis import Line
from dcgan.folder import Folder
from dcgan.metrics import kept

PAST = 1.5  # times its best score: the run went on for too long
FEW = 3  # checks or reports, below which nothing can be said


@dataclass(frozen=True)
class Examination:
    path: str
    step: int
    signs: dict[str, dict[str, Any]]  # name -> now, worst, at (the step of that), sound
    findings: list[Line]  # each with `still`: whether it is so at the end
    score: dict[str, Any] | None  # best, last, step_of_best, metric
    advice: list[str]
    enough: bool  # reports and checks to go by

    @property
    def sound(self) -> bool | None:
        """None: too little to tell."""
        if any(finding["still"] for finding in self.findings):
            return False
        return True if self.enough else None

    def as_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "step": self.step,
            "sound": self.sound,
            "signs": self.signs,
            "findings": list(self.findings),
            "score": self.score,
            "advice": self.advice,
        }

    def in_words(self) -> str:
        verdict = {True: "sound", False: "something is the matter", None: "too little to tell"}[self.sound]
        lines = [f"{self.path}, step {self.step:,}: {verdict}"]
        for name, sign in self.signs.items():
            worst = f"; at worst {sign['worst']:.3g}, step {sign['at']:,}" if sign["at"] != self.step else ""
            lines.append(f"  {name:<22} {sign['now']:.3g} ({sign['sound']}){worst}")
        if self.score:
            best, last = self.score["best"], self.score["last"]
            lines.append(
                f"  {self.score['metric']:<22} {last:.4f}; at best {best:.4f}, step {self.score['step_of_best']:,}"
            )
        for found in self.findings:
            what = found["words"].partition(";")[0]
            if found["event"] == "recover":
                lines.append(
                    f"  step {found['at']:,}: {what}; it went back to step {found['step']:,}, with smaller steps"
                )
            else:
                lines.append(
                    f"  step {found['step']:,}: {what}; {'still so' if found['still'] else 'since then it is gone'}"
                )
        return "\n".join(lines + [f"  -> {words}" for words in self.advice])


def examine(path: Path | str) -> Examination:
    folder = Folder.of(path)
    config, header = folder.config(), folder.header()
    reports, checks, said = folder.reports(), folder.checks(), folder.findings()
    now = {finding.name: finding for finding in diagnosis.find(config, reports, checks)}
    last = reports[-1]["step"] if reports else 0
    findings: list[Line] = [
        {**line, "still": line["event"] == "finding" and (line["name"] in now or _ended(line, last))} for line in said
    ]
    findings += [
        {"event": "finding", **one._asdict(), "still": True}  # of a log that was written before it was looked for
        for one in now.values()
        if not any(line["name"] == one.name and line["still"] for line in findings)
    ]
    score = _score(folder)
    advice = [one["words"].partition(";")[2].strip() for one in findings if one["still"]]
    if score and score["last"] > PAST * max(score["best"], 0.0) and score["best"] > 0:
        drawn = "`dcgan sample` draws from the best checkpoint unless told --last"
        advice.append(f"it was better at step {score['step_of_best']:,}: train no longer than that; {drawn}")
    enough = len(checks) >= FEW and len(reports) >= diagnosis.WINDOW
    if header and header.origin and not reports:
        advice.append(f"it was imported ({header.origin}), and its training is not on record")
    elif not enough:
        seen = f"{len(reports)} reports and {len(checks)} checks of samples"
        advice.append(f"its log holds {seen}, which is little to go by; train on, or lower --sample-every")
    elif not advice:
        unfinished = "" if folder.finished() else "it is not finished: run the same command again; "
        told = "" if score or kept.of(folder) else "how good its pictures are, `dcgan evaluate` tells"
        advice.append((unfinished + told).strip("; ") or "nothing to do")
    if config.recover is False and any(one["name"] == diagnosis.NO_NUMBER for one in findings):
        advice.append("with --recover the same command goes back to a sound checkpoint of itself")
    return Examination(
        str(folder.path),
        header.step if header else 0,
        _signs(reports, checks, game=config.network != "vae"),
        findings,
        score,
        advice,
        enough,
    )


def _ended(line: Line, last: int) -> bool:
    """Whether it is what the run ended with: numbers that are none are never reported."""
    return line["name"] == diagnosis.NO_NUMBER and line["step"] >= last


def _signs(reports: Sequence[Line], checks: Sequence[Line], game: bool) -> dict[str, dict[str, Any]]:
    """Medians over windows of reports, checks as they are; `worst` from the second check on: all begins as mush.
    Without a `game` of two (an autoencoder) there is no D that tells real from drawn."""
    signs: dict[str, dict[str, Any]] = {}

    def add(name: str, values: Sequence[tuple[int, float]], worst: Any, sound: str) -> None:
        if values:
            at, value = worst(values, key=lambda pair: pair[1])
            signs[name] = {"now": values[-1][1], "worst": value, "at": at, "sound": sound}

    ends = range(diagnosis.WINDOW, len(reports) + 1) if game else ()
    windows = [(reports[i - 1]["step"], reports[i - diagnosis.WINDOW : i]) for i in ends]
    add("D's loss", [(at, float(np.median([r["loss_D"] for r in w]))) for at, w in windows], min,
        f"above {diagnosis.OUTRIGHT:g}")  # fmt: skip
    add("D's lead", [(at, float(np.median([diagnosis.lead(r) for r in w]))) for at, w in windows], max,
        "1: it tells all apart; 0: none")  # fmt: skip
    later = [check for check in checks if check["step"]][1:] or list(checks)
    held = [(c["step"], c["diversity"]) for c in later if c.get("diversity") is not None]
    add("diversity", held, min, f"of the data's; above {diagnosis.COLLAPSED:g}")
    boards = [(c["step"], c["checkerboard"]) for c in later]
    if boards:
        limit = diagnosis.checkered(later[-1]["checkerboard_of_data"])
        add("checkerboard", boards, max, f"share of energy; the data's {later[-1]['checkerboard_of_data']:.2g}, "
            f"below {limit:.2g}")  # fmt: skip
    for player in "GD":
        units = [(c["step"], c[f"dead_{player}"]) for c in later if c.get(f"dead_{player}") is not None]
        add(f"dead units of {player}", units, max, f"of a layer; below {diagnosis.DEAD:g}")
    return signs


def _score(folder: Folder) -> dict[str, Any] | None:
    scores, best = folder.scores(), folder.best_score()
    if not best:
        return None
    last = scores[-1]
    return {"best": best["score"], "last": last["score"], "step_of_best": best["step"], "metric": last["metric"]}
