"""Reading just enough SQL to know what kind of statement a text is; never to understand it.

Quoted text and comments are blanked first, so nothing a user put into a value can pass for SQL.
"""

import re
from functools import lru_cache

_TOKEN = re.compile(
    r"""
      --[^\n]*
    | /\*
    | (?<![\w$]) [eE] ' (?: [^'\\] | \\. | '' )* '?
    | ' (?: [^'] | '' )* '?
    | " (?: [^"] | "" )* "?
    | (?<![\w$]) \$ (?: [^\W\d] \w* )? \$
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
_CHANGES = re.compile(r"\b(?:insert\s+into|update|delete\s+from|merge\s+into)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE)
_COPY_IN = re.compile(r"\bfrom\s+stdin\b", re.IGNORECASE)
_KEEPS_BLOCK = re.compile(r"\b(?:to|prepared)\b", re.IGNORECASE)
_CATALOG = re.compile(
    r"\bpg_(?:catalog|type|class|namespace|attribute|enum|range|settings|is_in_recovery"
    r"|advisory_unlock_all)\b|\bcurrent_schema\b",
    re.IGNORECASE,
)
_ONLY_CONSTANTS = re.compile(r"\s*select\s+[\w\s,']*\s*", re.IGNORECASE)
_HAS_FROM = re.compile(r"\bfrom\b", re.IGNORECASE)

_WRITE_WORDS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"})
_UTILITY_WORDS = frozenset(
    [
        *("ABORT", "ANALYZE", "BEGIN", "CHECKPOINT", "CLOSE", "COMMIT", "DEALLOCATE", "DISCARD"),
        *("END", "LISTEN", "RELEASE", "RESET", "ROLLBACK", "SAVEPOINT", "SET", "SHOW", "START"),
        "UNLISTEN",
    ]
)


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """`text` with comments as blanks and everything quoted as an empty pair of quotes."""
    kept: list[str] = []
    position = 0
    while (match := _TOKEN.search(text, position)) is not None:
        kept.append(text[position : match.start()])
        opening = match.group()
        position = match.end()
        if opening == "/*":
            position = _end_of_comment(text, position)
            kept.append(" ")
        elif opening.startswith("--"):
            kept.append(" ")
        elif opening.startswith("$"):
            end = text.find(opening, position)
            position = len(text) if end < 0 else end + len(opening)
            kept.append("''")
        else:
            kept.append(opening if opening.startswith('"') and ";" not in opening else "''")
    kept.append(text[position:])
    return "".join(kept)


@lru_cache(maxsize=4096)
def parts(text: str) -> tuple[str, ...]:
    """The statements in `text`, bare, without empty ones."""
    return tuple(part.strip() for part in bare(text).split(";") if part.strip())


def first_word(part: str) -> str:
    """The word a bare statement begins with, in capitals; empty when there is none."""
    match = _FIRST_WORD.match(part)
    return match.group(1).upper() if match else ""


@lru_cache(maxsize=4096)
def changes_rows(text: str) -> bool:
    """Whether any statement in `text` inserts, updates or deletes rows by its own words."""
    return any(_changes(part) for part in parts(text))


@lru_cache(maxsize=4096)
def ends_block(text: str) -> str:
    """`COMMIT`, `ROLLBACK` or nothing: how `text` leaves a transaction block, if it does."""
    last = ""
    for part in parts(text):
        word = first_word(part)
        if word in {"COMMIT", "END"}:
            last = "COMMIT"
        elif word in {"ROLLBACK", "ABORT"} and not _KEEPS_BLOCK.search(part):
            last = "ROLLBACK"
        elif word in {"BEGIN", "START"}:
            last = ""
    return last


@lru_cache(maxsize=4096)
def commits(text: str) -> bool:
    """Whether any statement in `text` is a commit."""
    return any(first_word(part) in {"COMMIT", "END"} for part in parts(text))


@lru_cache(maxsize=4096)
def opens_block(text: str) -> bool:
    """Whether `text` leaves a transaction block open that it began itself."""
    opened = False
    for part in parts(text):
        word = first_word(part)
        if word in {"BEGIN", "START"}:
            opened = True
        elif word in {"COMMIT", "END", "ROLLBACK", "ABORT"} and not _KEEPS_BLOCK.search(part):
            opened = False
    return opened


@lru_cache(maxsize=4096)
def is_utility(text: str) -> bool:
    """Whether `text` is only what drivers and pools say of their own accord."""
    return all(_utility(part) for part in parts(text))


def mentions(text: str, name: str) -> bool:
    """Whether a table or column `name` is named in `text`, outside of quoted values."""
    return (
        re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", bare(text), re.IGNORECASE) is not None
    )


def _changes(part: str) -> bool:
    word = first_word(part)
    if word in _WRITE_WORDS:
        return True
    if word == "COPY":
        return _COPY_IN.search(part) is not None
    return word == "WITH" and _CHANGES.search(_LOCKS.sub(" ", part)) is not None


def _utility(part: str) -> bool:
    if first_word(part) in _UTILITY_WORDS or _CATALOG.search(part) is not None:
        return True
    return _ONLY_CONSTANTS.fullmatch(part) is not None and _HAS_FROM.search(part) is None


def _end_of_comment(text: str, position: int) -> int:
    depth = 1
    while depth:
        edge = _COMMENT_EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge.group() == "/*" else -1
        position = edge.end()
    return position
