"""Bound parameters as text: PostgreSQL's common binary forms, and hex for the rest."""

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

MAX_VALUE = 1_000
"""Characters kept of one value: enough for a person and for a plan, little for a hostile one."""

_TEXT_OIDS = frozenset({18, 19, 25, 114, 142, 705, 1042, 1043})
_JSONB = 3802
_FIRST_USER_OID = 16_384
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1)
_ARRAYS = {
    1000: 16, 1005: 21, 1007: 23, 1016: 20, 1009: 25, 1015: 1043, 1014: 1042, 1021: 700,
    1022: 701, 1115: 1114, 1185: 1184, 1182: 1082, 1231: 1700, 2951: 2950, 199: 114, 3807: 3802,
}  # fmt: skip
"""Array types and the types of their elements."""
_MAX_ELEMENTS = 200
_NUMERIC_SIGNS = {0x0000: "", 0x4000: "-"}


def as_text(value: bytes | None, *, binary: bool, oid: int) -> str | None:
    """One parameter as a person would write it; bytes nobody can read become hex."""
    if value is None:
        return None
    try:
        text = _binary(value, oid) if binary else value[: 4 * MAX_VALUE].decode(errors="replace")
    except (struct.error, ValueError, OverflowError, IndexError, KeyError):
        text = _hex(value)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def _binary(value: bytes, oid: int) -> str:
    if oid in _TEXT_OIDS:
        return value[: 4 * MAX_VALUE].decode(errors="replace")
    if oid == _JSONB:
        return value[1 : 4 * MAX_VALUE].decode(errors="replace")
    if oid in _ARRAYS:
        return _array(value, _ARRAYS[oid])
    reader = _READERS.get(oid)
    if reader is not None:
        return reader(value)
    if oid >= _FIRST_USER_OID:  # enums and domains over text are sent as plain text
        text = value.decode()
        return text if text.isprintable() else _hex(value)
    return _hex(value)


def _hex(value: bytes) -> str:
    return "\\x" + value[:MAX_VALUE].hex()


def _fixed(form: str) -> Callable[[bytes], str]:
    def read(value: bytes) -> str:
        return str(struct.unpack(form, value)[0])

    return read


def _timestamp(value: bytes) -> datetime:
    (microseconds,) = struct.unpack("!q", value)
    return _EPOCH + timedelta(microseconds=microseconds)


def _numeric(value: bytes) -> str:
    count, weight, sign, scale = struct.unpack_from("!HhHH", value)
    digits = struct.unpack_from(f"!{count}H", value, 8)
    whole = "".join(f"{_digit(digits, place):04d}" for place in range(weight + 1))
    places = range(weight + 1, weight + 1 + (scale + 3) // 4)
    fraction = "".join(f"{_digit(digits, place):04d}" for place in places)[:scale]
    text = (whole.lstrip("0") or "0") + (f".{fraction}" if scale else "")
    return _NUMERIC_SIGNS[sign] + text


def _digit(digits: tuple[int, ...], place: int) -> int:
    return digits[place] if 0 <= place < len(digits) else 0


def _array(value: bytes, element: int) -> str:
    dimensions, _, _ = struct.unpack_from("!iiI", value)
    if dimensions == 0:
        return "{}"
    if dimensions != 1:
        return _hex(value)
    (count,) = struct.unpack_from("!i", value, 12)
    position = 20
    shown: list[str] = []
    for _ in range(min(count, _MAX_ELEMENTS)):
        (length,) = struct.unpack_from("!i", value, position)
        position += 4
        if length < 0:
            shown.append("NULL")
            continue
        shown.append(_quoted(_binary(value[position : position + length], element)))
        position += length
    return "{" + ",".join(shown) + ("…" if count > _MAX_ELEMENTS else "") + "}"


def _quoted(text: str) -> str:
    if text and all(letter not in text for letter in '{}",\\ ') and text.upper() != "NULL":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_READERS: dict[int, Callable[[bytes], str]] = {
    16: lambda value: "true" if value == b"\x01" else "false",
    17: _hex,
    20: _fixed("!q"),
    21: _fixed("!h"),
    23: _fixed("!i"),
    26: _fixed("!I"),
    700: _fixed("!f"),
    701: _fixed("!d"),
    1082: lambda value: str(_EPOCH_DAY + timedelta(days=struct.unpack("!i", value)[0])),
    1083: lambda value: str(_timestamp(value).time()),
    1114: lambda value: str(_timestamp(value).replace(tzinfo=None)),
    1184: lambda value: str(_timestamp(value)),
    1700: _numeric,
    2950: lambda value: str(UUID(bytes=value)),
}
