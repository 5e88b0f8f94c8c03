"""Logs as one JSON object per line on stdout, from our code and from libraries alike, redacted."""

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO
from urllib.parse import quote, unquote, urlsplit

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "***"
SECRET_KEYS = re.compile(
    r"authorization|cookie|password|passwd|secret|token|api_?key|dsn", re.IGNORECASE
)
URL_PASSWORD = re.compile(r"(://[^:/?#@\s\"']*:)[^/?#\s\"']+@")
LONGEST_LINE = 16_384  # collectors cut longer lines in the middle of the JSON
SHORTEST_SECRET = 4  # replacing shorter ones would eat ordinary words


class Redactor:
    """Takes known secrets, URL passwords and secret-looking fields out of log lines."""

    def __init__(self, urls: Iterable[str] = ()) -> None:
        passwords = [urlsplit(url).password for url in urls]
        found = {form for word in passwords if word for form in (word, unquote(word), quote(word))}
        self._secrets = sorted((s for s in found if len(s) >= SHORTEST_SECRET), key=len)[::-1]

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Redact one event; a structlog processor."""
        return {key: self._clean(key, value) for key, value in event.items()}

    def _clean(self, key: str, value: Any) -> Any:
        if SECRET_KEYS.search(key):
            return HIDDEN
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {str(k): self._clean(str(k), v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean("", item) for item in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self.text(str(value))

    def text(self, value: str) -> str:
        """Redact free text."""
        for secret in self._secrets:
            value = value.replace(secret, HIDDEN)
        return URL_PASSWORD.sub(rf"\1{HIDDEN}@", value)[:LONGEST_LINE]


def configure_logs(
    *, redactor: Redactor, level: str = "INFO", stream: TextIO | None = None, service: str
) -> None:
    """Send every log line of this process to `stream` as redacted JSON."""

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**event, "service": service}

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        name_service,
    ]
    # Locals of frames hold request bodies and connection strings: never shown.
    ending: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redactor,
        structlog.processors.JSONRenderer(serializer=json.dumps),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ending)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
