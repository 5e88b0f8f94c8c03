"""Hostile input: bodies that break parsers, and values that break out of SQL.

A room of its own because every problem must be safe against the same tricks, and a trick that one
package learns every package should know.
"""

import re

_DEEP = 2_000


def hostile_numbers() -> dict[str, bytes]:
    """Numbers in JSON that are out of every range or none at all, by name."""
    return {
        "2^63": b"9223372036854775808",
        "2^31": b"2147483648",
        "1e400": b"1e400",
        "-1e400": b"-1e400",
        "NaN": b"NaN",
        "Infinity": b"Infinity",
        "a number of 5000 digits": b"9" * 5_000,
        "1e-400": b"1e-400",
        "2000 nested arrays": b"[" * _DEEP + b"]" * _DEEP,
        "2000 nested objects": b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    }


def hostile_objects(good: bytes) -> dict[str, bytes]:
    """What can be done to a good JSON object so that careless parsers break, by name."""
    return {
        "100000 open brackets": b"[" * 100_000,
        "double keys": good[:-1] + b"," + good[1:],
        "a key __proto__": good[:-1] + b',"__proto__":{"title":1},"constructor":null}',
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "an empty key": good[:-1] + b',"":1}',
    }


def unstorable_texts() -> dict[str, bytes]:
    """Text that is legal in JSON and that PostgreSQL cannot store, by name, as inside of quotes."""
    return {
        "a NUL character": b"a\\u0000b",
        "half a surrogate pair": b"a\\ud800b",
        "surrogates in the wrong order": b"\\udc00\\ud800",
    }


INJECTIONS = (
    "{}'",
    '{}"',
    "{}\\",
    "{}\\'",
    "{}') --",
    "{}'); select pg_sleep(0) --",
    "{}' or '1'='1",
    "{}'||pg_sleep(0)||'",
    "{}$$ or 1=1 $$",
    "{} %s %(a)s :name ? $1",
    "{}/* */;",
)
"""Values that would change the structure of an SQL text they were pasted into; `{}` is a mark."""


def injection(pattern: str, mark: str, *, tame: bool) -> str:
    """A hostile value, or its harmless twin: as long, with as many words, without signs."""
    return (re.sub(r"[^\w\s{}]", "x", pattern) if tame else pattern).format(mark)
