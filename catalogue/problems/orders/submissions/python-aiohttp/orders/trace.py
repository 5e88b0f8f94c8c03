"""The id that joins an answer, its log line and the caller's trace (W3C Trace Context)."""

import re
import secrets

_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", re.ASCII
)


def trace_id_of(header: str | None) -> str:
    """The trace id of a valid traceparent, else a new one."""
    found = _TRACEPARENT.fullmatch(header or "")
    # The first version knows nothing after the flags; later ones may.
    if found and (found[1] != "00" or found[3] is None):
        return found[2]
    return secrets.token_hex(16)
