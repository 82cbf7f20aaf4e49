"""100,000 damaged files for each binary reader: pictures or the reader's own clear error, in bounded memory."""

import sys
import tempfile
import time
from pathlib import Path

from record import ROOT, record

sys.path.insert(0, str(ROOT / "tests"))  # the same damage that the tests do with 2,000

EACH, AT_ONCE = 100_000, 50_000


def main() -> None:
    import fuzzing

    for name in fuzzing.TARGETS:
        for first in range(0, EACH, AT_ONCE):
            numbers = range(first, first + AT_ONCE)
            record("fuzz", f"{name} {first}", lambda name=name, numbers=numbers: _fuzzed(name, numbers), goal=0,
                   command="make figures", protocol="inputs that neither gave pictures nor a UserError")  # fmt: skip


def _fuzzed(name: str, numbers: range) -> dict:
    import resource

    import fuzzing

    start = time.perf_counter()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        tally = fuzzing.fuzz(name, numbers, Path(scratch))  # raises at the first one
    return {"value": 0, "ok": True, "inputs": tally.inputs, "refused": tally.refused, "pictures": tally.pictures,
            "seconds": round(time.perf_counter() - start),
            "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}  # fmt: skip


if __name__ == "__main__":
    main()
