"""Logging in upstream in a client's stead: SCRAM-SHA-256 as RFC 5802 and 7677 describe it."""

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache
from typing import NamedTuple

from acidtest.core.errors import HarnessError

_MECHANISM = b"SCRAM-SHA-256"
_NO_BINDING = "n,,"
_MAX_ITERATIONS = 100_000

AUTH_OK = 0
AUTH_SASL = 10
AUTH_SASL_CONTINUE = 11
AUTH_SASL_FINAL = 12


class LoginError(HarnessError):
    """The proxy could not log in upstream for a client of its open door."""


class Door(NamedTuple):
    """As whom, and to which database, everybody who comes through an open door is logged in."""

    user: str
    password: str
    database: str


class ScramLogin:
    """The client's side of one login; feed it the server's messages in order."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._nonce = secrets.token_urlsafe(18)
        self._bare = f"n=,r={self._nonce}"
        self._signature = b""

    def answer(self, code: int, payload: bytes) -> bytes | None:
        """The message to send for an authentication request; None when there is none to send.

        Raises:
            LoginError: the server asked for something else, or is not who knows the password.
        """
        if code == AUTH_SASL:
            first = (_NO_BINDING + self._bare).encode()
            return _message(_MECHANISM + b"\0" + len(first).to_bytes(4, "big") + first)
        if code == AUTH_SASL_CONTINUE:
            return _message(self._prove(payload.decode()).encode())
        if code == AUTH_SASL_FINAL:
            said = dict(_fields(payload.decode())).get("v", "")
            if not hmac.compare_digest(base64.b64decode(said), self._signature):
                raise LoginError("the server could not prove that it knows the password")
            return None
        raise LoginError(f"the server asked for authentication method {code}")

    def _prove(self, challenge: str) -> str:
        fields = dict(_fields(challenge))
        nonce, iterations = fields["r"], int(fields["i"])
        if not nonce.startswith(self._nonce) or iterations > _MAX_ITERATIONS:
            raise LoginError("the server's challenge is not an answer to ours")
        salted = _salted(self._password, fields["s"], iterations)
        final = f"c={base64.b64encode(_NO_BINDING.encode()).decode()},r={nonce}"
        signed = f"{self._bare},{challenge},{final}".encode()
        key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self._signature = _hmac(_hmac(salted, b"Server Key"), signed)
        return f"{final},p={base64.b64encode(proof).decode()}"


@lru_cache(maxsize=16)
def _salted(password: str, salt: str, iterations: int) -> bytes:
    # The costly part; PostgreSQL keeps one salt per role, so it is paid once per cluster.
    return hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), iterations)


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _fields(text: str) -> list[tuple[str, str]]:
    return [(field[:1], field[2:]) for field in text.split(",")]


def _message(body: bytes) -> bytes:
    return b"p" + (len(body) + 4).to_bytes(4, "big") + body
