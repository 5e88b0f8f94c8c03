"""The outline of an SQL text: its words and signs, with every literal replaced by a question mark.

Two texts have the same outline when they differ in values alone. A value that became part of the
structure, by whatever trick, gives another outline.
"""

import re

_TOKEN = re.compile(
    r"""
      (?P<space> \s+ | --[^\n]* )
    | (?P<comment> /\* )
    | (?P<escaped> [eE] ' (?: [^'\\] | \\. | '' )* ' )
    | (?P<plain> (?: [uU]& | [bBxXnN] )? ' (?: [^'] | '' )* ' )
    | (?P<dollar> \$ (?: [^\W\d] \w* )? \$ )
    | (?P<parameter> \$ \d+ )
    | (?P<quoted> (?: [uU]& )? " (?: [^"] | "" )* " )
    | (?P<number> \d+ (?: \.\d* )? (?: [eE][+-]?\d+ )? )
    | (?P<word> [^\W\d] [\w$]* )
    | (?P<sign> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_EDGE = re.compile(r"/\*|\*/")


def outline(text: str) -> tuple[str, ...]:
    """Return the words and signs of `text` in order, every literal as `?`; comments are left out.

    Runs of literals, as in an IN list or the rows of a VALUES, count as one.
    """
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            break
        position = match.end()
        kind = match.lastgroup
        if kind == "comment":
            position = _end_of_comment(text, position)
        elif kind == "dollar":
            end = text.find(match.group(), position)
            position = len(text) if end < 0 else end + len(match.group())
            found.append("?")
        elif kind in {"escaped", "plain", "number", "parameter"}:
            found.append("?")
        elif kind == "word":
            found.append(_word(match.group()))
        elif kind in {"quoted", "sign"}:
            found.append(match.group())
    return _without_runs(found)


def _word(text: str) -> str:
    """A word in small letters; the words that stand for values count as literals."""
    word = text.lower()
    return "?" if word in {"null", "true", "false", "default"} else word


def _without_runs(tokens: list[str]) -> tuple[str, ...]:
    """Fold `? , ? , ?` into `?`, since lists of values may differ in length."""
    folded: list[str] = []
    for token in tokens:
        if [*folded[-2:], token] == ["?", ",", "?"]:
            folded.pop()
            continue
        folded.append(token)
    return tuple(folded)


def _end_of_comment(text: str, position: int) -> int:
    depth = 1
    while depth:
        edge = _EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position
