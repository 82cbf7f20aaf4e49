"""What the user can put right.

Raise `UserError` for anything a person can mend: one sentence that says what, why and what to do. The
command prints it as `dcgan: ...` and leaves with exit code 2. `assert` is for our own invariants.
"""

import difflib
import re
from collections.abc import Iterable

# Control characters, ends of lines, turns of the direction of writing, bytes that are no text
ACTS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class UserError(Exception):
    """One sentence for a person: what is wrong, why, and what to do about it. On one line, whatever it quotes."""

    def __init__(self, sentence: str):
        super().__init__(printable(sentence))


def printable(text: str) -> str:
    """What a terminal would act upon, as Python writes it: a file's name may hold anything."""
    return ACTS.sub(lambda found: ascii(found[0])[1:-1], text)


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or the whole list where none is near."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"
