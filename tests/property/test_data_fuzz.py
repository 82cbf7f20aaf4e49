"""Damaged files of every kind: each reader gives pictures or its own clear error, and takes no more memory for it.

`benchmarks/fuzz.py` does the same with 100,000 inputs each.
"""

import sys
from pathlib import Path

import pytest

import fuzzing

MEMORY = 800 << 20  # bytes; a damaged WebP may claim, within Pillow's limit, 160 million pixels


def peak() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.parametrize("name", fuzzing.TARGETS)
def test_a_few_damaged_files(name: str, tmp_path: Path) -> None:
    tally = fuzzing.fuzz(name, range(40), tmp_path)
    assert tally.inputs == 40


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzzing.TARGETS)
def test_two_thousand_damaged_files(name: str, tmp_path: Path) -> None:
    before = peak()
    tally = fuzzing.fuzz(name, range(2000), tmp_path)
    assert tally.inputs == 2000
    assert tally.refused + tally.pictures > 0
    assert tally.refused < 2000, "the damage leaves nothing to read: it tries nothing"
    assert peak() - before < MEMORY


def test_damage_is_the_same_each_time_and_differs() -> None:
    good = bytes(range(256)) * 20
    inputs = [fuzzing.damaged(good, number) for number in range(300)]
    assert inputs == [fuzzing.damaged(good, number) for number in range(300)]
    assert len(set(inputs)) > 280


def test_a_reader_that_breaks_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dcgan.data.readers import idx

    real, calls = idx._pictures, iter(range(99))
    monkeypatch.setattr(idx, "_pictures", lambda *given: real(*given) if next(calls) < 20 else {}["nothing"])
    with pytest.raises(AssertionError, match=r"idx, input \d+: KeyError: 'nothing'"):
        fuzzing.fuzz("idx", range(200), tmp_path)
