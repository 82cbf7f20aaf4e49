"""`dcgan paper --quick`: every experiment is made, the page holds them all, and a second call makes nothing again."""

import time

from record import record, workplace

from dcgan.experiments import paper


def main() -> None:
    record(
        "paper",
        "quick",
        quick,
        command="dcgan paper --quick",
        goal=len(list(paper.entries())),
        seeds="0",
        protocol="experiments of which the page has a picture and figures; seconds of the first call and of the second",
    )


def quick() -> dict:
    place = workplace() / "paper-quick"
    page = paper.make(place, quick=True)
    began = time.perf_counter()
    paper.make(place, quick=True)
    made = [one["experiment"] for one in page.results if "reason" not in one]
    reasons = {one["experiment"]: one["reason"] for one in page.results if "reason" in one}
    return {
        "value": len(made),
        "ok": not reasons,
        "not_made": reasons,
        "seconds": round(page.seconds),
        "seconds_again": round(time.perf_counter() - began),
    }
