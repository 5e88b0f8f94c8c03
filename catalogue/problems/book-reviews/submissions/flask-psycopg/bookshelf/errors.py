"""Every error answer of the service (RFC 9457), always with the same members."""


class Problem(Exception):
    """An answer that says no: its status, what a person reads, and which fields are to blame."""

    status = 500
    title = "Internal Server Error"

    def __init__(self, detail: str, errors: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers: dict[str, str] = {}


class Malformed(Problem):
    status, title = 400, "Bad Request"


class NoSuchBook(Problem):
    status, title = 404, "Not Found"

    def __init__(self) -> None:
        super().__init__("There is no such book.")


class IsbnTaken(Problem):
    status, title = 409, "Conflict"

    def __init__(self) -> None:
        super().__init__("Another book has this isbn.")


class Unsupported(Problem):
    status, title = 415, "Unsupported Media Type"


class Invalid(Problem):
    status, title = 422, "Unprocessable Content"


class Unavailable(Problem):
    status, title = 503, "Service Unavailable"

    def __init__(self) -> None:
        super().__init__("The database cannot be reached at the moment; try again.")
        self.headers = {"Retry-After": "2"}


def body_of(status: int, title: str, detail: str, trace_id: str, errors=()) -> dict[str, object]:
    """The members of a problem document."""
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "errors": [{"field": field, "message": message} for field, message in errors],
        "trace_id": trace_id,
    }
