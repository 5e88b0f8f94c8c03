"""Similar code in submissions: places worth a look, never a verdict.

Winnowing as Schleimer, Wilkerson and Aiken describe it (SIGMOD 2003): every run of `K` normalised
tokens is hashed, and of each window of hashes the smallest is kept, so that any copy of at least
`K + WINDOW - 1` tokens is seen wherever it was moved to. Names and literals are folded, so renaming
hides nothing. What the starter holds, and what many submissions share, is no sign of anything and
is taken off first.
"""

import hashlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, islice, takewhile
from typing import NamedTuple

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import (
    Comment,
    Keyword,
    Literal,
    Name,
    Operator,
    Punctuation,
    Text,
    _TokenType,
    is_token_subtype,
)
from pygments.util import ClassNotFound

from acidtest.grader.stages.tree import Language, SourceFile, SourceTree

K = 24
"""Tokens of one fingerprint; shorter likeness is how everybody writes."""
WINDOW = 17
"""Hashes of which one is kept: a copy of 40 tokens is always seen, which is some five lines."""
COMMON_OF = 5
"""Submissions from which on what many of them share can be told."""
COMMON_SHARE = 1 / 3
"""What more submissions than this share is how the problem is solved."""
MOST_PLACES = 12
"""Places shown of one pair, the longest first."""
SUSPICIOUS = 0.25
"""Share of the smaller one's own fingerprints from which on a pair is worth a look."""
LEAST = 8
"""Fingerprints two must share; below it a share of something tiny would cry out."""
LONG = 20
"""Fingerprints of one place that is worth a look by itself, some two hundred tokens in a row."""

_GAP = 60
"""Tokens between two shared fingerprints that are still one place."""
_MOST_TOKENS = 400_000
"""Of one submission; what people hand in is far below."""
_SECONDS = 20.0
"""For the tokens of one submission; no lexer is to be held up by what it reads."""
_LEXERS = {
    Language.PYTHON: "python",
    Language.JAVASCRIPT: "javascript",
    Language.TYPESCRIPT: "typescript",
    Language.GO: "go",
    Language.JAVA: "java",
    Language.KOTLIN: "kotlin",
    Language.RUBY: "ruby",
    Language.PHP: "php",
    Language.RUST: "rust",
    Language.CSHARP: "csharp",
}
_STRING = "text"
_NOISE = {",", ";"}
"""What a formatter puts or leaves out, at the end of a list or a line."""
_IMPORTS = {"import", "from", "require", "use", "using", "package"}


class Span(NamedTuple):
    """Lines of a file, counted from 1."""

    file: str
    first: int
    last: int


class Likeness(NamedTuple):
    """One place in each of two submissions that reads alike."""

    one: Span
    other: Span
    fingerprints: int
    """How many fingerprints it is made of; about one for nine tokens."""


class Pair(NamedTuple):
    """What two submissions share beyond what is common."""

    one: str
    other: str
    share: float
    """Of the smaller one's own fingerprints, between 0 and 1."""
    fingerprints: int
    places: tuple[Likeness, ...]
    """The longest first."""

    @property
    def suspicious(self) -> bool:
        """Whether a person should look at the places."""
        alike = self.share >= SUSPICIOUS and self.fingerprints >= LEAST
        return alike or any(place.fingerprints >= LONG for place in self.places)


class Similarity(NamedTuple):
    """All pairs that share anything, the most alike first."""

    pairs: tuple[Pair, ...]
    sizes: Mapping[str, int]
    """Own fingerprints of each submission, once what is common was taken off."""
    notes: tuple[str, ...] = ()


class _Mark(NamedTuple):
    """Where one fingerprint stands."""

    file: str
    token: int
    """Place of its first token in the file."""
    first: int
    last: int
    """Lines."""


_Word = tuple[str, int]
"""A folded token and its line."""

_Prints = Mapping[int, Sequence[_Mark]]


def similar(
    submissions: Mapping[str, SourceTree], *, common: Iterable[SourceTree] = ()
) -> Similarity:
    """Compare every submission with every other one.

    Args:
        submissions: the source of each, by a name to call it by.
        common: what all were given, such as the starter; likeness with it does not count.
    """
    notes = [f"{name}: {note}" for name, tree in submissions.items() for note in tree.notes]
    given = {value for tree in common for value in _prints(tree, "what was given", notes)}
    found = {name: _prints(tree, name, notes) for name, tree in submissions.items()}
    given |= _widespread(found.values())
    own = {
        name: {value: marks for value, marks in prints.items() if value not in given}
        for name, prints in found.items()
    }
    notes += [
        f"{name}: nothing of its own is left to compare"
        for name, prints in own.items()
        if not prints
    ]
    pairs = [_pair(one, other, own) for one, other in combinations(own, 2)]
    told = sorted(
        (pair for pair in pairs if pair.fingerprints), key=lambda pair: (-pair.share, pair[:2])
    )
    return Similarity(
        tuple(told), {name: len(prints) for name, prints in own.items()}, tuple(notes)
    )


def _prints(tree: SourceTree, name: str, notes: list[str]) -> dict[int, list[_Mark]]:
    """The fingerprints of what people wrote in `tree`, tests included."""
    found: dict[int, list[_Mark]] = defaultdict(list)
    left, until = _MOST_TOKENS, time.monotonic() + _SECONDS
    for file in tree.files:
        if file.generated:
            continue
        tokens = list(islice(_until(until, _tokens(file)), left))
        left -= len(tokens)
        for value, mark in _of_file(file, tokens):
            found[value].append(mark)
        if not left or time.monotonic() > until:
            notes.append(f"{name} is too large to be compared whole; the rest of it was not read")
            break
    return dict(found)


def _until(moment: float, tokens: Iterable[_Word]) -> Iterator[_Word]:
    return takewhile(lambda _: time.monotonic() < moment, tokens)


def _of_file(file: SourceFile, tokens: Sequence[_Word]) -> Iterator[tuple[int, _Mark]]:
    # A language is part of each hash: equal shapes in two languages are no copy.
    hashes = [
        _hash(file.language, [word for word, _ in tokens[at : at + K]])
        for at in range(len(tokens) - K + 1)
    ]
    for at in _winnow(hashes):
        yield hashes[at], _Mark(file.path, at, tokens[at][1], tokens[at + K - 1][1])


def _hash(language: Language, words: Sequence[str]) -> int:
    text = "\0".join((language, *words)).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())


def _winnow(hashes: Sequence[int]) -> Iterator[int]:
    """Yield the place of the smallest hash of each window, the last of equal ones."""
    places = [(value, -at) for at, value in enumerate(hashes)]
    kept = -1
    for begin in range(max(1, len(places) - WINDOW + 1) if places else 0):
        least = -min(places[begin : begin + WINDOW])[1]
        if least != kept:
            kept = least
            yield least


def _tokens(file: SourceFile) -> Iterator[_Word]:
    """Yield each token that means something, folded, with its line; imports are left out."""
    line, importing, before = 1, False, ""
    for kind, text in _lexer(file.language).get_tokens(file.text):
        at, line = line, line + text.count("\n")
        if "\n" in text and not (
            is_token_subtype(kind, Literal) or is_token_subtype(kind, Comment)
        ):
            importing = False
        silent = (
            is_token_subtype(kind, Comment)
            or is_token_subtype(kind, Literal.String.Doc)
            or is_token_subtype(kind, Text)
        )
        if silent or not text.strip() or text in _NOISE:
            continue
        # Everybody imports the same things, and often in the same order.
        importing = importing or (
            text in _IMPORTS and (is_token_subtype(kind, Keyword) or is_token_subtype(kind, Name))
        )
        word = _folded(kind, text)
        # A lexer cuts a text into pieces, by what is in it.
        if not importing and not (word == before == _STRING):
            yield word, at
        before = word


def _lexer(language: Language) -> Lexer:
    try:
        lexer: Lexer = get_lexer_by_name(_LEXERS[language], stripnl=False, ensurenl=True)
    except ClassNotFound as error:
        raise LookupError(f"pygments does not know {language}") from error
    return lexer


def _folded(kind: _TokenType, text: str) -> str:
    if (
        is_token_subtype(kind, Keyword)
        or is_token_subtype(kind, Operator)
        or is_token_subtype(kind, Punctuation)
        or is_token_subtype(kind, Name.Builtin.Pseudo)
    ):
        return text
    if is_token_subtype(kind, Name):
        return "name"
    if is_token_subtype(kind, Literal.String):
        return _STRING
    if is_token_subtype(kind, Literal):
        return "number"
    return text


def _widespread(found: Iterable[_Prints]) -> set[int]:
    """The fingerprints of so many submissions that they say nothing of any two."""
    every = list(found)
    if len(every) < COMMON_OF:
        return set()
    counts = Counter(value for prints in every for value in prints)
    return {value for value, count in counts.items() if count > len(every) * COMMON_SHARE}


def _pair(one: str, other: str, own: Mapping[str, _Prints]) -> Pair:
    shared = own[one].keys() & own[other].keys()
    smaller = min(len(own[one]), len(own[other]))
    places = sorted(_places(shared, own[one], own[other]), key=lambda p: -p.fingerprints)
    return Pair(
        one=one,
        other=other,
        share=len(shared) / smaller if smaller else 0.0,
        fingerprints=len(shared),
        places=tuple(places[:MOST_PLACES]),
    )


def _places(shared: Iterable[int], one: _Prints, other: _Prints) -> Iterator[Likeness]:
    """Join fingerprints that follow each other in both into places."""
    matches = sorted(
        # Of a fingerprint that repeats, its first place on either side stands for it.
        (one[value][0], other[value][0])
        for value in shared
    )
    run: list[tuple[_Mark, _Mark]] = []
    for match in matches:
        if run and not _follows(run[-1], match):
            yield _likeness(run)
            run = []
        run.append(match)
    if run:
        yield _likeness(run)


def _follows(before: tuple[_Mark, _Mark], after: tuple[_Mark, _Mark]) -> bool:
    return all(
        a.file == b.file and 0 <= b.token - a.token <= _GAP
        for a, b in zip(before, after, strict=True)
    )


def _likeness(run: Sequence[tuple[_Mark, _Mark]]) -> Likeness:
    def span(side: int) -> Span:
        marks = [match[side] for match in run]
        return Span(marks[0].file, min(m.first for m in marks), max(m.last for m in marks))

    return Likeness(span(0), span(1), len(run))
