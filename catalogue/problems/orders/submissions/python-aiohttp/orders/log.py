"""One JSON object per line on standard output; of an error only its kind and place, never its values."""

import json
import sys
from datetime import UTC, datetime
from types import TracebackType


def say(event: str, **fields: object) -> None:
    """Write one line."""
    line = json.dumps({"time": datetime.now(UTC).isoformat(), "event": event, **fields}, default=str)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def about(error: BaseException) -> dict[str, object]:
    """What a line may say of an error: a message might quote what somebody sent."""
    return {
        "error": type(error).__name__,
        "sqlstate": getattr(error, "sqlstate", None),
        "place": _place(error.__traceback__),
    }


def _place(traceback: TracebackType | None) -> str:
    place = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = f"{code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
