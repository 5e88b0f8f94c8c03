"""gunicorn's threaded worker, answering what is not a request in the shape of all other errors."""

import json
import secrets

from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from bookshelf.errors import body_of

_STATUSES = (
    (http_errors.LimitRequestLine, 414, "URI Too Long"),
    (http_errors.LimitRequestHeaders, 431, "Request Header Fields Too Large"),
)


class Worker(ThreadWorker):
    """Differs from its parent in nothing else."""

    def handle_error(self, req, client, addr, exc) -> None:  # noqa: ANN001, ARG002
        status, title = 400, "Bad Request"
        for kind, its_status, its_title in _STATUSES:
            if isinstance(exc, kind):
                status, title = its_status, its_title
        if not isinstance(exc, http_errors.ParseException):
            status, title = 500, "Internal Server Error"
            self.log.exception("a request ended the hard way")
        text = json.dumps(
            body_of(status, title, "The request cannot be read.", secrets.token_hex(16))
        )
        head = (
            f"HTTP/1.1 {status} {title}\r\nConnection: close\r\n"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        try:
            client.sendall((head + text).encode())
        except OSError:
            self.log.debug("the client was gone before its error")
