"""Copied blocks: the same lines in several places, whatever the language.

Lines are compared as they are written, without their indentation: what only has the same shape is
no copy, so nobody is accused of writing two endpoints alike.
"""

import re
from collections import defaultdict
from typing import NamedTuple

from acidtest.grader.stages.hits import Hit
from acidtest.grader.stages.tree import SourceFile, SourceTree

WINDOW = 8
"""Lines that say something, one after another; fewer are idiom."""
_WORDS = 3
"""Characters of a line that says something; brackets and `else` do not."""
_COMMENTS = ("#", "//", "*", "/*", "import ", "from ")
_LISTED = re.compile(r"[\w.]+,?$")
"""A name alone is an item of a list, such as of what is imported."""


class _Line(NamedTuple):
    number: int
    text: str


class Copies(NamedTuple):
    """Copied blocks of a program."""

    hits: list[Hit]
    lines: int
    """Lines that are a copy of others."""


def copies(tree: SourceTree) -> Copies:
    """Find blocks of at least `WINDOW` equal lines; each longest block once."""
    files = {file.path: _telling(file) for file in tree.own()}
    windows: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for path, lines in files.items():
        for start in range(len(lines) - WINDOW + 1):
            key = tuple(line.text for line in lines[start : start + WINDOW])
            if len(set(key)) > WINDOW // 2:
                windows[key].append((path, start))
    hits: list[Hit] = []
    taken: set[tuple[str, int]] = set()
    copied = 0
    for places in windows.values():
        free = [place for place in places if place not in taken]
        if len(free) <= 1:
            continue
        length = _length(files, free)
        for path, start in free:
            taken.update((path, start + offset) for offset in range(length))
        hits.append(_hit(files, free, length))
        copied += length * (len(free) - 1)
    return Copies(hits, copied)


def _telling(file: SourceFile) -> list[_Line]:
    rows = ((n, " ".join(line.split())) for n, line in enumerate(file.text.splitlines(), start=1))
    return [
        _Line(number, text)
        for number, text in rows
        if len(text) > _WORDS and not text.startswith(_COMMENTS) and not _LISTED.match(text)
    ]


def _length(files: dict[str, list[_Line]], places: list[tuple[str, int]]) -> int:
    """How many lines on all of these places stay equal."""
    length = WINDOW
    while True:
        ends = [
            files[path][start + length].text if start + length < len(files[path]) else None
            for path, start in places
        ]
        if None in ends or len(set(ends)) > 1:
            return length
        length += 1


def _hit(files: dict[str, list[_Line]], places: list[tuple[str, int]], length: int) -> Hit:
    spots = [
        (path, files[path][start].number, files[path][start + length - 1].number)
        for path, start in places
    ]
    (file, first, last), *others = spots
    said = f"{length} lines are written {len(spots)} times"
    return Hit(
        "acidtest", "duplicate", file, first, last, said, tuple(others[:5]), weight=length / WINDOW
    )
