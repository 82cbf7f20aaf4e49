"""What is wrong with a command line, in our own sentences; numbers read strictly; the flags that many verbs have."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Parameter, Token
from cyclopts import exceptions as wrong

from dcgan.errors import UserError, suggest

WORDS = {int: "a whole number", float: "a number", bool: "yes or no"}


def whole(kind: Any, tokens: Sequence[Token]) -> int:
    """Cyclopts itself would read 1.5 as 2."""
    try:
        return int(tokens[0].value)
    except ValueError:
        raise UserError(f"{tokens[0].keyword} {tokens[0].value}: it must be a whole number") from None


def at_least(low: int) -> Callable[[Any, Sequence[Token]], int]:
    def read(kind: Any, tokens: Sequence[Token]) -> int:
        value = whole(kind, tokens)
        if value < low:
            raise UserError(f"{tokens[0].keyword} {value}: it must be a whole number of {low} or more")
        return value

    return read


Out = Annotated[Path | None, Parameter(name="--out")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="One JSON object on stdout, nothing else.")]
Quiet = Annotated[bool, Parameter(name="--quiet", negative="", help="Say nothing on the way.")]
Whole = Annotated[int | None, Parameter(converter=whole)]
Positive = Annotated[int | None, Parameter(converter=at_least(1))]
Seed = Annotated[int | None, Parameter(converter=at_least(0))]
Number = Annotated[int, Parameter(converter=whole)]
Last = Annotated[
    bool,
    Parameter(negative="", help="From the last checkpoint, where the best one is kept too (train --evaluate-every)."),
]
Overwrite = Annotated[bool, Parameter(negative="", help="Replace the file that is there.")]


def sentence(error: wrong.CycloptsError) -> str:
    """The parser's error as `what: why; what to do`."""
    verb = " ".join(error.command_chain or ())
    help_ = f"`{f'dcgan {verb}'.strip()} --help`"
    match error:
        case wrong.UnknownOptionError():
            typed = error.token.keyword or error.token.value
            known = [name for argument in error.argument_collection for name in argument.names if name.startswith("--")]
            return f"{typed}: there is no such option{_near(typed, known) or f'; {help_} lists them'}"
        case wrong.UnknownCommandError():
            typed, verbs = (error.unused_tokens or [""])[0], [name for name in error.app or () if name[0] != "-"]
            return f"{typed}: there is no such verb{suggest(typed, verbs)}"
        case wrong.CoercionError() if error.token is not None:
            name = error.token.keyword or (error.argument.name.lstrip("-").upper() if error.argument else "DATA")
            if get_origin(error.target_type) is Literal:
                known = [str(one) for one in get_args(error.target_type)]
                return f"{name} {error.token.value}: there is no such choice{suggest(error.token.value, known)}"
            return f"{name} {error.token.value}: it must be {WORDS.get(error.target_type, 'something else')}"  # type: ignore[arg-type]
        case wrong.MissingArgumentError() if error.argument is not None:
            name = error.keyword or error.argument.name
            if name.startswith("--"):
                return f"{name}: its value is missing; {help_} says what it takes"
            return f"{name}: it is missing; write dcgan {verb} {name}"
        case wrong.RepeatArgumentError():
            return f"{error.token.keyword}: it is given twice; keep one"
        case wrong.UnusedCliTokensError():
            word = (error.unused_tokens or [""])[0]
            return f"{word}: it is one word too many; {help_} shows what goes where"
    return f"{' '.join(str(error).split()).rstrip('.')}; {help_} shows what goes where"


def _near(word: str, known: Sequence[str]) -> str:
    near = suggest(word, known)
    return near if near.startswith("; did") else ""
