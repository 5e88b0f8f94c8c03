"""Hostile text made inert and visible: what a submission wrote must not act on whoever reads it.

A room of its own because the terminal, XML and HTML all need the same promise: a control
character, an invisible one or one that turns the direction of a line is shown, never obeyed.
"""

import re
import unicodedata
from functools import lru_cache

_SUSPECT = re.compile(r"[^\x20-\x7e]")
_MARKS = 4
"""Combining marks kept on one letter; more are a tower that hides its neighbours."""
_CUT = "… [{} more characters]"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_CONTROLS = re.findall(
    r"\w+",
    "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI "
    "DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US",
)
"""ASCII's own names, because few fonts have pictures for them."""


def visible(text: str, *, limit: int | None = None) -> str:
    """Return `text` with every character that is not plainly visible replaced by a visible name.

    Newlines and tabs stay; `one_line` removes them too. Longer than `limit`, it is cut and says so.
    """
    if limit is not None and len(text) > limit:
        text = text[:limit] + _CUT.format(len(text) - limit)
    if text.isascii() and text.isprintable():
        return text
    return _thin_marks(_SUSPECT.sub(_show_match, text.replace("\r\n", "\n")))


def one_line(text: str, *, limit: int | None = None) -> str:
    """Return `text` inert and on one line, with its line breaks shown."""
    return visible(text, limit=limit).replace("\n", "⟨LF⟩").replace("\t", " ")


def _show_match(match: re.Match[str]) -> str:
    return _show(match[0])


@lru_cache(maxsize=4_096)
def _show(character: str) -> str:
    if character in "\n\t":
        return character
    number = ord(character)
    if number < len(_CONTROLS):
        return f"⟨{_CONTROLS[number]}⟩"
    if unicodedata.category(character) in _HIDDEN:
        return f"⟨U+{number:04X}⟩"
    return character


def _thin_marks(text: str) -> str:
    if text.isascii():
        return text
    kept: list[str] = []
    run = 0
    for character in text:
        run = run + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        if run <= _MARKS:
            kept.append(character)
        elif run == _MARKS + 1:
            kept.append("⟨more marks⟩")
    return "".join(kept)
