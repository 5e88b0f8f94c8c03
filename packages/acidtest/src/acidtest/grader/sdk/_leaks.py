"""What must never come out, as the statement lists it: stack traces, SQL, file paths, secrets."""

import base64
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import quote

_TELLTALES = {
    "a Python stack trace": re.compile(
        r"Traceback \(most recent call last\)|\bFile \"[^\"\n]+\", line \d"
    ),
    "a JavaScript stack trace": re.compile(
        r"\bat (?:async )?[\w.$<>\[\] ]*\(?(?:file://|node:|/)[^\s()]+:\d+:\d+"
    ),
    "a Java stack trace": re.compile(r"\bat [\w$.]+\([\w$]+\.(?:java|kt|scala):\d+\)"),
    "a Go stack trace": re.compile(r"goroutine \d+ \["),
    "a .NET stack trace": re.compile(r"\bat [\w.<>`]+\([^)]*\) in [^\n]+:line \d+"),
    "a Ruby or PHP stack trace": re.compile(r"[\w/.-]+\.(?:rb|php)(?::|\()\d+"),
    "SQL text": re.compile(
        r"\bSELECT\s+.{1,400}\bFROM\s+\w|\bINSERT\s+INTO\s+\w+|\bUPDATE\s+\w+\s+SET\s|\bDELETE\s+FROM\s+\w",
        re.DOTALL,
    ),
    "a path of the server": re.compile(
        r"(?<![\w/:.])/(?:app|home|usr|opt|srv|var|root|tmp|etc)/[\w.-]+/[\w./-]+"
        r"|[\w.-]+/(?:site-packages|node_modules)/",
    ),
}


class Leak(NamedTuple):
    """Something internal in a text."""

    what: str
    found: str


def leak_in(text: str, *, secrets: Iterable[str] = ()) -> Leak | None:
    """Return the first internal thing in `text`, or None."""
    for what, telltale in _TELLTALES.items():
        match = telltale.search(text)
        if match is not None:
            return Leak(what, match.group())
    return secret_in(text, secrets)


def secret_in(text: str, secrets: Iterable[str]) -> Leak | None:
    """Return the first secret in `text`, plain, percent-encoded or in base64, or None."""
    for secret in secrets:
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
            if form and form in text:
                return Leak("a secret", form[:4] + "…")
    return None
