"""Every error answer, one shape: {"error": {"code", "message", "trace_id", "fields"}}."""

import json
import math

from aiohttp import web


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.fields: dict[str, str] = {}


def malformed(message: str) -> Refusal:
    return Refusal(400, "malformed", message)


def unauthenticated(message: str) -> Refusal:
    return Refusal(401, "unauthenticated", message, WWW_Authenticate='Bearer realm="orders"')


def not_found() -> Refusal:
    return Refusal(404, "not_found", "There is no such order.")


def conflict(code: str, message: str) -> Refusal:
    return Refusal(409, code, message)


def under_way() -> Refusal:
    return Refusal(409, "under_way", "The first request with this key is still under way.", Retry_After="1")


def invalid(**fields: str) -> Refusal:
    """What is wrong with which field."""
    told = "; ".join(f"{name} {complaint}" for name, complaint in fields.items())
    refusal = Refusal(422, "invalid", told)
    refusal.fields = fields
    return refusal


def locked(seconds: float) -> Refusal:
    return Refusal(
        429, "locked", "Too many failed logins; the account is locked for a while.", Retry_After=_whole(seconds)
    )


def too_many(seconds: float) -> Refusal:
    return Refusal(429, "too_many", "More requests than the limit allows.", Retry_After=_whole(seconds))


def unavailable() -> Refusal:
    return Refusal(503, "unavailable", "The database cannot be reached at the moment.", Retry_After="2")


def busy() -> Refusal:
    return Refusal(503, "busy", "There is too much to do at the moment.", Retry_After="2")


def answer(refusal: Refusal, trace_id: str) -> web.Response:
    """The refusal as it goes to the client."""
    told = {"code": refusal.code, "message": refusal.message, "trace_id": trace_id, "fields": refusal.fields}
    return web.Response(
        status=refusal.status,
        body=json.dumps({"error": told}).encode(),
        content_type="application/json",
        headers=refusal.headers,
    )


def _whole(seconds: float) -> str:
    return str(max(1, math.ceil(seconds)))
