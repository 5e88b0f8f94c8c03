"""One JSON object per line. Connection strings lose their credentials on the way out."""

import json
import logging
import re
from datetime import UTC, datetime

_CREDENTIALS = re.compile(r"//[^\s/@]*@")


class JsonFormatter(logging.Formatter):
    """Writes the message, the error's kind and the fields given as `extra={"fields": …}`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "message": _CREDENTIALS.sub("//***@", record.getMessage())[:2000],
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["where"] = _place(record.exc_info[2])
        return json.dumps(line, ensure_ascii=False, default=str)


def _place(traceback: object) -> str:
    """File and line of the innermost frame; never the values that were at work there."""
    place = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = f"{code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
