"""The same request as a command that a person can paste, byte for byte.

Bodies that a shell can hold stand in quotes; others are printed by `printf`, and long ones come out
of a packed form, so that a megabyte of one letter still replays.
"""

import base64
import gzip
import re
import shlex

from acidtest.grader.client.message import Request

BASE = '"$BASE"'
"""Stands for the service's address, such as `http://127.0.0.1:8000`."""

_MAX_QUOTED = 3_000
_MAX_PACKED = 24_000
_MAX_EXPECTED = 1024 * 1024
"""Above this curl asks `Expect: 100-continue`, which the judge does not."""
_UNQUOTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ue000-\uf8ff\u200b-\u200f\u202a-\u202e\u2066-\u2069]"
)


def curl_line(request: Request) -> str:
    """Return a command that sends `request` to the service at `$BASE`."""
    parts = ["curl", "-sS", "-i"]
    if request.method == "HEAD":
        parts.append("--head")
    elif request.method != "GET" or request.body is not None:
        parts += ["-X", shlex.quote(request.method)]
    if set("[]{}") & set(request.target):
        parts.append("--globoff")
    if "/." in request.path:
        parts.append("--path-as-is")
    parts.append(_address(request.target))
    for name, value in _headers(request).items():
        parts += ["-H", shlex.quote(_header(name, value))]
    return _with_body(" ".join(parts), request.body)


def raw_line(data: bytes) -> str:
    """Return a command that sends `data` as it is to the service at `$BASE`."""
    feed = _feed(data)
    if feed is None:
        return f"# {len(data)} raw bytes, too many to show"
    return f'{feed} | nc -w 5 127.0.0.1 "${{BASE##*:}}"'


def _address(target: str) -> str:
    quoted = shlex.quote(target)
    return f'"$BASE{target}"' if quoted == target else f"{BASE}{quoted}"


def _headers(request: Request) -> dict[str, str]:
    headers = {"Accept": "application/json", **request.headers}
    given = {name.lower() for name in headers}
    if request.body is not None:
        if "content-type" not in given:
            headers["Content-Type"] = ""
        if len(request.body) >= _MAX_EXPECTED and "expect" not in given:
            headers["Expect"] = ""
    return headers


def _header(name: str, value: str) -> str:
    if value:
        return f"{name}: {value}"
    # curl drops a header given as `Name:` and sends an empty one for `Name;`
    return f"{name}:" if name in {"Content-Type", "Expect"} else f"{name};"


def _with_body(command: str, body: bytes | None) -> str:
    if body is None:
        return command
    text = _quotable(body)
    if text is not None:
        return f"{command} --data-raw {shlex.quote(text)}"
    feed = _feed(body)
    if feed is None:
        return f"# the body of {len(body)} bytes is too long to show\n{command} --data-binary @BODY"
    return f"{feed} | {command} --data-binary @-"


def _quotable(body: bytes) -> str | None:
    if len(body) > _MAX_QUOTED:
        return None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _UNQUOTABLE.search(text) else text


def _feed(data: bytes) -> str | None:
    """A command that prints `data`; None when even its packed form is too long to show."""
    if len(data) <= _MAX_QUOTED:
        return f"printf {shlex.quote(_printf_format(data))}"
    packed = base64.b64encode(gzip.compress(data, mtime=0)).decode()
    if len(packed) > _MAX_PACKED:
        return None
    return f"printf %s {packed} | base64 -d | gunzip"


def _printf_format(data: bytes) -> str:
    shown = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x25: "%%", 0x5C: "\\\\"}
    text = "".join(
        shown.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\{byte:03o}")  # noqa: PLR2004 - printable ASCII
        for byte in data
    )
    # A format that begins with a dash would be read as an option.
    return f"\\055{text[1:]}" if text.startswith("-") else text
