"""What the user can put right.

Raise `UserError` for anything a person can mend: one sentence that says what, why and what to do. The
command prints it as `dcgan: ...` and leaves with exit code 2. `assert` is for our own invariants.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """One sentence for a person: what is wrong, why, and what to do about it."""


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or the whole list where none is near."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"
