"""The trace id of the work at hand: taken over from the caller when it is valid, else made here."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import structlog
from opentelemetry import trace as otel

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
NO_TRACE = "0" * 32
NO_SPAN = "0" * 16


class Trace(NamedTuple):
    """One request's identity, in the words of W3C Trace Context."""

    trace_id: str
    span_id: str
    sampled: bool = False

    @property
    def traceparent(self) -> str:
        """The header that carries this identity on."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


_current: ContextVar[Trace] = ContextVar("trace")


def current_trace() -> Trace:
    """Return the trace of the work at hand; all zeros outside any request."""
    return _current.get(Trace(NO_TRACE, NO_SPAN))


def trace_of_request(traceparent: str | None) -> Trace:
    """Continue the caller's trace; an invalid header starts a new one, as the standard asks."""
    context = otel.get_current_span().get_span_context()
    if context.is_valid:
        return Trace(
            otel.format_trace_id(context.trace_id),
            otel.format_span_id(context.span_id),
            context.trace_flags.sampled,
        )
    found = TRACEPARENT.match(traceparent or "")
    span_id = secrets.token_hex(8)
    # Version 00 knows no further fields; later versions may add some after another dash.
    rest = (traceparent or "")[found.end() :] if found else ""
    bad_rest = rest != "" and ((traceparent or "").startswith("00") or not rest.startswith("-"))
    if found and not bad_rest and found[1] != NO_TRACE and found[2] != NO_SPAN:
        return Trace(found[1], span_id, bool(int(found[3], 16) & 1))
    return Trace(secrets.token_hex(16), span_id)


@contextmanager
def use_trace(trace: Trace) -> Iterator[None]:
    """Make `trace` the current one, for error bodies and every log line inside."""
    token = _current.set(trace)
    try:
        with structlog.contextvars.bound_contextvars(trace_id=trace.trace_id):
            yield
    finally:
        _current.reset(token)
