"""Hashes of passwords: their formats, the cost they must have, and those that are too fast.

The floors are OWASP's (Password Storage Cheat Sheet), each row as good as the others.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_ARGON2 = re.compile(r"\$(argon2(?:id|i|d))\$(?:v=\d+\$)?m=(\d+),t=(\d+),p=(\d+)")
_BCRYPT = re.compile(r"\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}")
_PHC_SCRYPT = re.compile(r"\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$")
_WERKZEUG_SCRYPT = re.compile(r"scrypt:(\d+):(\d+):(\d+)\$")
_LOOSE_SCRYPT = re.compile(r"scrypt[$:](?:[^$:]{8,}[$:])?(\d+)[$:](\d+)[$:](\d+)[$:]")
_NAMED_SCRYPT = re.compile(r"scrypt.{0,12}?N=?(\d+).{0,4}?r=?(\d+).{0,4}?p=?(\d+)", re.IGNORECASE)
_PBKDF2 = re.compile(r"pbkdf2[-_:$]*(?:hmac[-_:$]*)?(sha-?\d+)\D{1,10}?(\d{3,9})", re.IGNORECASE)
_ARGON2_FLOORS = ((47_104, 1), (19_456, 2), (12_288, 3), (9_216, 4), (7_168, 5))
_SCRYPT_FLOORS = ((2**17, 1), (2**16, 2), (2**15, 3), (2**14, 5), (2**13, 10))
_SCRYPT_R = 8
_BCRYPT_FLOOR = 10
_PBKDF2_FLOORS = {"sha256": 600_000, "sha512": 210_000, "sha1": 1_300_000}
_HASH_LIKE = re.compile(r"(?:\\x)?[A-Fa-f0-9]{32,}|[A-Za-z0-9+/=_$:.-]{40,}")
_MARKS = re.compile(r"[$:|;]")
_SHORTEST_SALT = 4
_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


class Judged(NamedTuple):
    """A hash in a known format, and whether it costs enough."""

    scheme: str
    enough: bool
    wanted: str


def judged(text: str) -> Judged | None:
    """What is known of a hash; None where its format is not known."""
    for judge in (_argon2, _bcrypt, _scrypt, _pbkdf2):
        verdict = judge(text)
        if verdict is not None:
            return verdict
    return None


def looks_like_a_hash(text: str) -> bool:
    """Whether a text could be some kind of hash."""
    return _HASH_LIKE.fullmatch(text) is not None


def _argon2(text: str) -> Judged | None:
    match = _ARGON2.search(text)
    if match is None:
        return None
    memory, rounds = int(match[2]), int(match[3])
    enough = any(memory >= m and rounds >= t for m, t in _ARGON2_FLOORS)
    return Judged(match[1], enough and match[1] == "argon2id", "argon2id with m=19456 and t=2")


def _bcrypt(text: str) -> Judged | None:
    match = _BCRYPT.search(text)
    if match is None:
        return None
    return Judged("bcrypt", int(match[1]) >= _BCRYPT_FLOOR, f"a cost of {_BCRYPT_FLOOR}")


def _scrypt(text: str) -> Judged | None:
    match = _PHC_SCRYPT.search(text)
    if match is not None:
        return _scrypt_cost(2 ** min(int(match[1]), 40), int(match[2]), int(match[3]))
    for pattern in (_WERKZEUG_SCRYPT, _LOOSE_SCRYPT, _NAMED_SCRYPT):
        match = pattern.search(text)
        if match is not None:
            first = int(match[1])
            # Some write the exponent, nobody uses a cost this small.
            cost = 2**first if first <= 40 else first
            return _scrypt_cost(cost, int(match[2]), int(match[3]))
    return None


def _scrypt_cost(cost: int, block: int, lanes: int) -> Judged:
    enough = block >= _SCRYPT_R and any(cost >= n and lanes >= p for n, p in _SCRYPT_FLOORS)
    return Judged("scrypt", enough, "N=2^17, r=8, p=1 or an equivalent")


def _pbkdf2(text: str) -> Judged | None:
    match = _PBKDF2.search(text)
    if match is None:
        return None
    digest = match[1].lower().replace("-", "")
    floor = _PBKDF2_FLOORS.get(digest, _PBKDF2_FLOORS["sha256"])
    return Judged(f"PBKDF2 with {digest}", int(match[2]) >= floor, f"{floor} rounds")


def digests(password: str, salts: Iterable[str]) -> list[tuple[str, str]]:
    """The password and what fast hashing makes of it, each with its name, as text to look for.

    A salt may also be a part of one of `salts`, as in `sha256$salt$digest`.
    """
    raw = password.encode()
    needles = [
        ("A password", password),
        ("A password in base64", base64.b64encode(raw).decode().rstrip("=")),
        ("A password in hexadecimal digits", raw.hex()),
        ("A password, reversed,", password[::-1]),
    ]
    for salted in dict.fromkeys(_salted(raw, salts)):
        for name in _DIGESTS:
            digest = hashlib.new(name, salted, usedforsecurity=False)
            what = f"The {name.upper()} digest of a password"
            needles.append((what, digest.hexdigest()))
            needles.append((what, base64.b64encode(digest.digest()).decode().rstrip("=")))
    return needles


def _salted(raw: bytes, salts: Iterable[str]) -> Iterator[bytes]:
    yield raw
    for salt in dict.fromkeys(piece for value in salts for piece in _pieces(value)):
        for form in _bytes_of(salt):
            yield form + raw
            yield raw + form
            yield form + b":" + raw
            yield raw + b":" + form


def _pieces(value: str) -> Iterator[str]:
    yield value
    yield from (part for part in _MARKS.split(value) if len(part) >= _SHORTEST_SALT)


def _bytes_of(salt: str) -> Iterator[bytes]:
    yield salt.encode()
    digits = salt.removeprefix("\\x")
    if len(digits) % 2 == 0 and re.fullmatch(r"[0-9a-fA-F]+", digits):
        yield bytes.fromhex(digits)
