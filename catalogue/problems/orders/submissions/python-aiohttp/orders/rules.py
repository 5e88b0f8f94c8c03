"""What a body, a key or a parameter may be: what comes in is hostile until it went through here."""

import hashlib
import json
import re
import uuid
from typing import Any, NoReturn

from orders.errors import invalid, malformed, not_found

MOST_CENTS = 2**53 - 1
CURRENCIES = frozenset("AUD CAD CHF CNY CZK DKK EUR GBP HUF INR JPY NOK NZD PLN SEK SGD USD ZAR".split())
STATUSES = frozenset(("pending", "paid", "cancelled"))
MOST_ORDERS = 100

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})+", re.ASCII)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_COUNT = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def _no_constant(_name: str) -> NoReturn:
    raise ValueError


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8."""
    try:
        value = json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise malformed("The body is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise malformed("The body must be a JSON object.")
    return value


def fingerprint(body: dict[str, Any]) -> bytes:
    """The same for the same object, however it is spelled."""
    try:
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).digest()
    except RecursionError:
        raise malformed("The body is nested too deeply.") from None


def registration(body: dict[str, Any]) -> tuple[str, str]:
    """E-mail address and password of somebody new."""
    email, password = credentials(body)
    wrong = {}
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        wrong["email"] = "must be an e-mail address of at most 254 characters"
    if not 8 <= len(password) <= 128:
        wrong["password"] = "must have 8 to 128 characters"
    if wrong:
        raise invalid(**wrong)
    return email, password


def credentials(body: dict[str, Any]) -> tuple[str, str]:
    """E-mail address and password of somebody who says to be known."""
    return _text(body, "email"), _text(body, "password")


def refresh_token(body: dict[str, Any]) -> str:
    return _text(body, "refresh_token")


def new_order(body: dict[str, Any]) -> tuple[int, str]:
    """Amount and currency; whatever else is in the body is ignored."""
    wrong = {name: "is required" for name in ("total_cents", "currency") if name not in body}
    wrong |= _complaints(body, ("total_cents", "currency"))
    if wrong:
        raise invalid(**wrong)
    return body["total_cents"], body["currency"]


def changes(body: dict[str, Any]) -> dict[str, Any]:
    """Some of amount, currency and status, and nothing else."""
    wrong = {}
    unknown = sorted(body.keys() - {"total_cents", "currency", "status"})
    if unknown:
        wrong["body"] = f"has {len(unknown)} fields that cannot be set"
    wrong |= _complaints(body, ("total_cents", "currency", "status"))
    if wrong:
        raise invalid(**wrong)
    return body


def idempotency_key(header: str | None) -> str:
    """Bare, or as a string of RFC 8941; both spellings are the same key."""
    quoted = _QUOTED.fullmatch(header or "")
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header or ""
    if not _KEY.fullmatch(key):
        raise malformed("Send an Idempotency-Key of 1 to 255 printable ASCII characters.")
    return key


def order_id(text: str) -> uuid.UUID:
    """An id that cannot exist is not found; it never reaches the database."""
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        raise not_found()
    return uuid.UUID(text)


def limit(text: str | None) -> int:
    """How many orders a page has."""
    if text is None:
        return 20
    if not _COUNT.fullmatch(text):
        raise malformed(f"limit must be a whole number from 1 to {MOST_ORDERS}.")
    return min(int(text), MOST_ORDERS)


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(**{name: "must be a text"})
    if len(value) > 4096 or "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise invalid(**{name: "is no text that can be stored"})
    return value


def _complaints(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {
        name: complaint for name in names if name in body for complaint in [_complaint(name, body[name])] if complaint
    }


def _complaint(name: str, value: Any) -> str | None:
    if name == "total_cents":
        # To Python, true is an integer as well.
        fine = type(value) is int and 0 <= value <= MOST_CENTS
        return None if fine else f"must be an integer from 0 to {MOST_CENTS}"
    known = CURRENCIES if name == "currency" else STATUSES
    fine = isinstance(value, str) and value in known
    return None if fine else f"must be one of {', '.join(sorted(known))}"
