"""What a path inside a submission may look like; a room of its own because every door uses it."""

import re

from acidtest.core.errors import SubmissionError
from acidtest.core.evidence import clip
from acidtest.grader.lab.intake.submission import IntakeLimits

_DRIVE = re.compile(r"^[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def shown(name: str) -> str:
    """Return a hostile name in a form that is safe and short enough for a message."""
    return clip(ascii(name)[1:-1], 120)


def parts_of(name: str, limits: IntakeLimits) -> tuple[str, ...]:
    """Return the folders and the last name of an entry; empty for the top folder itself.

    Raises:
        SubmissionError: the name could lead out of the submission or cannot be stored everywhere.
    """
    reason = _objection(name)
    if reason:
        raise SubmissionError(f"the entry `{shown(name)}` {reason}; it was refused")
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
    _measure(name, parts, limits)
    return parts


def _objection(name: str) -> str | None:
    if _CONTROL.search(name):
        return "has control characters in its name"
    if "\\" in name:
        return "has a backslash in its name"
    if name.startswith("/") or _DRIVE.match(name):
        return "is an absolute path"
    if ".." in name.split("/"):
        return "leads out of the submission (`..`)"
    return None


def _measure(name: str, parts: tuple[str, ...], limits: IntakeLimits) -> None:
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise SubmissionError(
            f"the entry `{shown(name)}` has a name that is not UTF-8; rename it"
        ) from None
    if len(encoded) > limits.path_bytes:
        raise SubmissionError(
            f"the path `{shown(name)}` is longer than {limits.path_bytes} bytes; shorten it"
        )
    if len(parts) > limits.depth:
        raise SubmissionError(
            f"the entry `{shown(name)}` lies more than {limits.depth} folders deep"
        )
    if any(len(part.encode()) > limits.name_bytes for part in parts):
        raise SubmissionError(
            f"a name in `{shown(name)}` is longer than {limits.name_bytes} bytes; shorten it"
        )
