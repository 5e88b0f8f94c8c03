import io
import json
import logging

import structlog

from acidkit.observe import Redactor, Trace, configure_logs, use_trace

URL = "postgresql://user:p%40ss-word@host:5432/name"


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Return every line as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured() -> io.StringIO:
    """Configure logs as a service does and return where they go."""
    stream = io.StringIO()
    configure_logs(redactor=Redactor([URL]), stream=stream, service="example")
    return stream


def test_every_line_is_json_with_the_trace_id() -> None:
    """Our lines and a library's lines have the same shape and carry the trace id."""
    stream = configured()
    with use_trace(Trace("a" * 32, "b" * 16)):
        structlog.get_logger().info("ours", size=3)
        logging.getLogger("library").warning("theirs %s", "too")
    ours, theirs = lines(stream)
    assert (ours["event"], theirs["event"]) == ("ours", "theirs too")
    assert ours["trace_id"] == theirs["trace_id"] == "a" * 32
    assert ours["service"] == "example"
    assert ours["size"] == 3


def test_secrets_are_hidden_everywhere() -> None:
    """No spelling of a password reaches the log: not in fields, texts, containers or tracebacks."""
    stream = configured()
    log = structlog.get_logger()
    log.info("connect", url=URL, note=f"tried {URL}", plain="p@ss-word", nested={"a": [URL]})
    log.info("headers", authorization="Bearer abc", items=("x", 1, None), odd=object)
    try:
        int(URL)
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert "p%40ss" not in text
    assert "p@ss" not in text
    assert "Bearer" not in text
    assert "invalid literal" in text


def test_foreign_url_passwords_are_hidden() -> None:
    """A password in an address nobody told us about is hidden too."""
    stream = configured()
    logging.getLogger("library").error("amqp://me:hunter2@broker/ is down")
    assert "hunter2" not in stream.getvalue()
    assert "broker" in stream.getvalue()


def test_hostile_text_stays_on_its_line() -> None:
    """A newline in a value cannot forge a second log line, and a long one is clipped."""
    stream = configured()
    structlog.get_logger().info("x", path='a\n{"event": "forged"}', long="y" * 100_000)
    assert len(lines(stream)) == 1
    assert len(stream.getvalue()) < 20_000
