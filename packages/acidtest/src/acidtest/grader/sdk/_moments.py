"""Times as the statement wants them: RFC 3339 with an offset."""

import re
from datetime import datetime

_RFC_3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def instant(text: object) -> datetime | None:
    """Return the moment that `text` names, or None where it is no RFC 3339 time with an offset."""
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None
