"""What must never come out, as the statement lists it: stack traces, SQL, file paths, secrets."""

import base64
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote

from acidtest.core.evidence import HttpExchange, LogLine, clip
from acidtest.grader.sdk._outcomes import fail

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
        for form in _forms(secret):
            if form and form in text:
                return Leak("a secret", form[:4] + "…")
    return None


def expect_nothing_internal(exchange: HttpExchange, *, secrets: Iterable[str]) -> None:
    """Fail the check when an answer's headers or body tell of the inside of the service."""
    _expect_tight(exchange, leak_in(_said(exchange), secrets=secrets))


def expect_no_secret(exchange: HttpExchange, secrets: Iterable[str]) -> None:
    """Fail the check when an answer's headers or body show one of `secrets`."""
    _expect_tight(exchange, secret_in(_said(exchange), secrets))


def expect_quiet_log(lines: Iterable[LogLine], secrets: Sequence[str]) -> None:
    """Fail the check when a line shows one of `secrets`; the finding shows their beginnings."""
    for line in lines:
        if secret_in(line.text, secrets) is not None:
            fail(
                "A line of the log shows a secret",
                expected="log lines without passwords, tokens and connection strings",
                observed=_masked(line.text, secrets),
            )


def _forms(secret: str) -> tuple[str, ...]:
    return secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()


def _said(exchange: HttpExchange) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in exchange.response_headers.items())
    return f"{headers}\n{exchange.response_body}"


def _expect_tight(exchange: HttpExchange, leak: Leak | None) -> None:
    if leak is not None:
        fail(
            f"An answer shows {leak.what}",
            expected="answers that tell nothing about the inside of the service",
            observed=f"{exchange.method} {clip(exchange.url, 200)} answered {exchange.status}"
            f" with {clip(leak.found, 300)}",
        )


def _masked(text: str, secrets: Iterable[str]) -> str:
    for form in (form for secret in secrets for form in _forms(secret) if form):
        text = text.replace(form, f"{form[:2]}…(secret)")
    return clip(text, 400)
