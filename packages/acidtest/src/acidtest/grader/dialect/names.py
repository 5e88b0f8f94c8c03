"""Names: their words, their spellings, and which known name somebody may have meant."""

import difflib
import re
from collections.abc import Iterable, Sequence

from acidtest.catalogue.problem import FieldSpec

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def words(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, however spelled: `reviewText` is `review`, `text`."""
    return tuple(word.lower() for word in _WORD.findall(name))


def spellings(spec: FieldSpec) -> tuple[str, ...]:
    """Every name of a field in every common spelling; the given ones first."""
    derived = [
        spelled
        for name in spec.names
        for parts in [words(name)]
        for spelled in (
            "_".join(parts),
            "".join([parts[0], *(part.capitalize() for part in parts[1:])]) if parts else name,
            "".join(part.capitalize() for part in parts),
        )
    ]
    return tuple(dict.fromkeys([*spec.names, *derived]))


def is_spelling(name: str, spec: FieldSpec, *, noun: str) -> bool:
    """Whether `name` is one of the field's names, but for spelling and a leading noun."""
    known = {words(candidate) for candidate in spec.names}
    said = words(name)
    return said in known or (said[:1] == (noun,) and said[1:] in known)


def plural(noun: str) -> str:
    """The noun as a list of it is called."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause that names the nearest known name, or all of them."""
    options: Sequence[str] = sorted(known)
    near = difflib.get_close_matches(name, options, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known are {', '.join(options)}" if options else "none is known"
