"""What must not come out: secrets in every form, and insides in body and headers."""

import base64
from urllib.parse import quote

import pytest

from acidtest.core.evidence import HttpExchange, LogLine
from acidtest.grader.sdk import (
    Failed,
    expect_no_secret,
    expect_nothing_internal,
    expect_quiet_log,
)

SECRET = "p4ss/w0rd+x"
FORMS = (SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode())


def _answer(body: str = "", **headers: str) -> HttpExchange:
    return HttpExchange(
        at=1.0,
        replica="replica-1",
        method="GET",
        url="http://127.0.0.1:8000/things",
        status=500,
        response_headers=headers,
        response_body=body,
    )


def _line(text: str) -> LogLine:
    return LogLine(at=1.0, replica="replica-1", stream="stdout", text=text)


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_every_form(form: str) -> None:
    """A secret in an answer or a line of the log fails, plain, percent-encoded or in base64."""
    with pytest.raises(Failed, match="An answer shows a secret"):
        expect_no_secret(_answer(f'{{"dsn": "{form}"}}'), [SECRET])
    with pytest.raises(Failed, match="An answer shows a secret"):
        expect_no_secret(_answer(Debug=form), [SECRET])
    with pytest.raises(Failed, match="A line of the log shows a secret"):
        expect_quiet_log([_line(f"with {form}")], [SECRET])


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("Traceback (most recent call last):", "a Python stack trace"),
        ("at handle (/app/src/server.js:10:5)", "a JavaScript stack trace"),
        ("SELECT id FROM users", "SQL text"),
        ("open /usr/src/app/config.yaml", "a path of the server"),
    ],
)
def test_insides_are_found(body: str, what: str) -> None:
    """What only the inside of a service says fails the check, in body and headers."""
    for answer in (_answer(body), _answer(Debug=body)):
        with pytest.raises(Failed, match=f"An answer shows {what}"):
            expect_nothing_internal(answer, secrets=[])


def test_what_tells_nothing_passes() -> None:
    """Ordinary errors and lines are no leak, and words that look like code are none either."""
    answer = _answer('{"code": "select_a_currency", "detail": "Please select one from the list."}')

    expect_nothing_internal(answer, secrets=[SECRET])
    expect_no_secret(answer, [SECRET])
    expect_quiet_log([_line("ready on port 8000")], [SECRET])


@pytest.mark.parametrize("form", FORMS)
def test_a_finding_does_not_repeat_the_secret(form: str) -> None:
    """Reports are passed on: they show the beginning of a secret at most."""
    with pytest.raises(Failed) as caught:
        expect_quiet_log([_line(f"connecting as {form}")], [SECRET])

    assert form not in caught.value.observed
    assert f"connecting as {form[:2]}…(secret)" in caught.value.observed
