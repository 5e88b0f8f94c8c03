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
    """Every name of a field, as given and in snake and camel case; the given ones first."""
    derived = [spelled for name in spec.names for spelled in (_snake(name), _camel(name))]
    return tuple(dict.fromkeys([*spec.names, *derived]))


def capitals(names: Iterable[str]) -> tuple[str, ...]:
    """The same names as languages write them that begin public fields with a capital."""
    return tuple(dict.fromkeys("".join(map(str.capitalize, words(name))) for name in names))


def _snake(name: str) -> str:
    return "_".join(words(name))


def _camel(name: str) -> str:
    first, *rest = words(name)
    return "".join([first, *map(str.capitalize, rest)])


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
