"""Lines for a terminal, made of styled pieces that never act on it whatever they hold."""

from rich.text import Text

from acidtest.grader.reports.inert import one_line

MAX_LINE = 600
"""Characters of any single piece; the whole of it is in the other reports."""

STYLES = {
    "pass": "green",
    "fail": "bold red",
    "partial": "bold yellow",
    "unknown": "yellow",
    "void": "magenta",
    "skipped": "dim",
    "not_applicable": "dim",
    "advice": "blue",
}
"""The style of each verdict and of advice."""


def safe(text: str, *, style: str = "", limit: int = MAX_LINE) -> Text:
    """`text` on one line, its control characters shown by name and rich markup left as it is."""
    return Text(one_line(text, limit=limit), style=style, no_wrap=False)


def line(*pieces: str | tuple[str, str]) -> Text:
    """Join `pieces`, each a text or a text with its style."""
    whole = Text()
    for piece in pieces:
        text, style = (piece, "") if isinstance(piece, str) else piece
        whole.append_text(safe(text, style=style))
    return whole
