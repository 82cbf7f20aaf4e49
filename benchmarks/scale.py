"""More processes, and memory: two against one, 30 launches in a row, the resident peak against the estimate."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from record import record

from dcgan import data

LAUNCHES = 30
TINY = ["--size", "8", "--width", "4", "--m", "8", "--threads", "1", "--precision", "float32"]


def main() -> None:
    data.open("faces")
    record(
        "scale",
        "two processes",
        two,
        command="dcgan train faces --m 64 --nproc 2 --steps 60",
        protocol="images/s of two processes of one thread / of one process of two threads; the best report of each",
    )
    record(
        "scale",
        "launches",
        launches,
        goal=1.0,
        command=f"{LAUNCHES} times: dcgan train faces:48 {' '.join(TINY)} --nproc 2 --steps 3",
        protocol="fraction that ended with exit code 0, in a row",
    )
    record(
        "scale",
        "memory",
        memory,
        goal=1.2,
        command="dcgan train faces --steps 20; dcgan train faces --dry-run",
        protocol="resident peak of training / the estimate of --dry-run",
    )


def dcgan(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dcgan", *words], capture_output=True, text=True)


def two() -> dict:
    speed = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in ("1", "2"):
            run = f"{folder}/{count}"
            dcgan(
                "train", "faces", "--m", "64", "--steps", "60", "--report-every", "10", "--nproc", count, "--out", run
            )
            lines = [json.loads(line) for line in Path(run, "log.jsonl").read_text().splitlines()]
            speed[count] = max(line["images_per_s"] for line in lines if "images_per_s" in line)
    ratio = speed["2"] / speed["1"]
    return {"value": round(ratio, 3), "ok": True, "images_per_s": speed}


def launches() -> dict:
    with tempfile.TemporaryDirectory() as folder:
        codes = [
            dcgan("train", "faces:48", *TINY, "--steps", "3", "--nproc", "2", "--out", f"{folder}/{i}").returncode
            for i in range(LAUNCHES)
        ]
    good = codes.count(0) / LAUNCHES
    return {"value": good, "ok": good == 1.0, "codes": sorted(set(codes))}


def memory() -> dict:
    estimate = json.loads(dcgan("train", "faces", "--dry-run", "--json", "--steps", "20").stdout)["memory"]
    with tempfile.TemporaryDirectory() as folder:
        done = dcgan("train", "faces", "--steps", "20", "--out", f"{folder}/run", "--json")
        peak = json.loads(done.stdout)["memory"]
    return {"value": round(peak / estimate, 3), "ok": peak <= 1.2 * estimate, "peak": peak, "estimate": estimate}


if __name__ == "__main__":
    main()
