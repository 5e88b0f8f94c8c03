"""Just enough of PostgreSQL's and Redis' protocols for a service without any dependency."""

import base64
import hashlib
import hmac
import secrets
import socket
import struct
from typing import Any
from urllib.parse import unquote, urlsplit


class RefusedError(Exception):
    """The server said no."""


class Postgres:
    """One connection that runs statements by the simple protocol."""

    def __init__(self, url: str, *, deadline: float = 5.0) -> None:
        parts = urlsplit(url)
        self._password = unquote(parts.password or "")
        self._nonce = secrets.token_hex(9)
        self._socket = socket.create_connection(
            (parts.hostname or "127.0.0.1", parts.port or 5432), timeout=deadline
        )
        words = ("user", parts.username or "", "database", parts.path.lstrip("/"))
        body = b"".join(word.encode() + b"\0" for word in words) + b"\0"
        self._socket.sendall(struct.pack("!II", len(body) + 8, 196608) + body)
        self._until_ready()

    def run(self, sql: str) -> list[list[str | None]]:
        """The rows of the last statement of `sql`."""
        self._send(b"Q", sql.encode() + b"\0")
        return self._until_ready()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise RefusedError("the server hung up")
            data += piece
        return data

    def _until_ready(self) -> list[list[str | None]]:
        rows: list[list[str | None]] = []
        refusal = ""
        while True:
            kind, length = struct.unpack("!cI", self._read(5))
            body = self._read(length - 4)
            if kind == b"R":
                self._prove(body)
            elif kind == b"E":
                fields = {field[:1]: field[1:] for field in body.split(b"\0") if field}
                refusal = f"{fields[b'C'].decode()} {fields[b'M'].decode()}"
                if fields[b"S"] == b"FATAL":
                    raise RefusedError(refusal)
            elif kind == b"D":
                rows.append(_row(body))
            elif kind in {b"G", b"H"}:
                self._send(b"f", b"no\0")
            elif kind == b"Z":
                if refusal:
                    raise RefusedError(refusal)
                return rows

    def _prove(self, body: bytes) -> None:
        code = int.from_bytes(body[:4], "big")
        bare = f"n=,r={self._nonce}"
        if code == 10:
            first = f"n,,{bare}".encode()
            self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        elif code == 11:
            challenge = body[4:].decode()
            said = {part[0]: part[2:] for part in challenge.split(",")}
            salted = hashlib.pbkdf2_hmac(
                "sha256", self._password.encode(), base64.b64decode(said["s"]), int(said["i"])
            )
            key = hmac.digest(salted, b"Client Key", "sha256")
            final = f"c=biws,r={said['r']}"
            signed = f"{bare},{challenge},{final}".encode()
            signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
            proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))
            self._send(b"p", f"{final},p={proof.decode()}".encode())


def _row(body: bytes) -> list[str | None]:
    count, place = int.from_bytes(body[:2], "big"), 2
    row: list[str | None] = []
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, place)
        place += 4
        row.append(None if length < 0 else body[place : place + length].decode())
        place += max(length, 0)
    return row


def literal(value: str) -> str:
    """`value` as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"


class Redis:
    """One connection to Redis."""

    def __init__(self, url: str, *, deadline: float = 5.0) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection(
            (parts.hostname or "127.0.0.1", parts.port or 6379), timeout=deadline
        )
        self._file = self._socket.makefile("rb")
        if parts.password:
            self.run("AUTH", unquote(parts.password))

    def run(self, *words: str) -> Any:
        """The reply to one command."""
        message = f"*{len(words)}\r\n".encode()
        for word in words:
            data = word.encode()
            message += b"$%d\r\n%b\r\n" % (len(data), data)
        self._socket.sendall(message)
        return self._reply()

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def _reply(self) -> Any:
        line = self._file.readline().rstrip(b"\r\n")
        if not line:
            raise RefusedError("Redis hung up")
        kind, rest = line[:1], line[1:].decode()
        if kind == b"-":
            raise RefusedError(rest)
        if kind == b"$":
            if int(rest) < 0:
                return None
            return self._file.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        return rest
