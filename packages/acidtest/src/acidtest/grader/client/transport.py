"""The wire to one replica: aiohttp on sockets that live in the service's own network."""

import asyncio
import io
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
from yarl import URL

from acidtest.grader.client.answer import Answer, trouble_of
from acidtest.grader.client.message import Endpoint, Request

NEUTRAL = {"Accept": "application/json", "User-Agent": "python-client/1"}
"""Headers of every request: what an ordinary program sends, so that nobody can tell the judge."""

_SERVERS_FAULTS = (aiohttp.ClientError, aiohttp.http_exceptions.HttpProcessingError, OSError)
_IN_ONE_PIECE = 512 * 1024
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Transport:
    """Sends requests to one replica, over fresh connections or kept ones."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def close(self) -> None:
        """Close every connection."""
        while self._sessions:
            _, session = self._sessions.popitem()
            await session.close()

    async def exchange(
        self, request: Request, *, deadline: float, keep_alive: bool, max_bytes: int
    ) -> Answer:
        """Send `request` and return the answer as far as it came."""
        answer = Answer()
        try:
            async with asyncio.timeout(deadline):
                await self._exchange(request, answer, keep_alive=keep_alive, max_bytes=max_bytes)
        except (TimeoutError, *_SERVERS_FAULTS) as error:
            answer.error = trouble_of(error)
        return answer

    async def _exchange(
        self, request: Request, answer: Answer, *, keep_alive: bool, max_bytes: int
    ) -> None:
        url = URL(f"http://{self.endpoint.host}:{self.endpoint.port}{request.target}", encoded=True)
        async with self._session(keep_alive=keep_alive).request(
            request.method,
            url,
            headers={**NEUTRAL, **request.headers},
            data=_payload(request.body),
            allow_redirects=False,
        ) as response:
            answer.status = response.status
            answer.headers = response.headers
            async for chunk in response.content.iter_any():
                if not answer.take(chunk, max_bytes):
                    response.close()
                    return
        answer.unpack(max_bytes)

    def _session(self, *, keep_alive: bool) -> aiohttp.ClientSession:
        session = self._sessions.get(keep_alive)
        if session is None:
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0,
                    force_close=not keep_alive,
                    socket_factory=_adapted(self.endpoint.socket_factory),
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None),
                auto_decompress=False,  # unpacking is bounded, see Answer.unpack
                skip_auto_headers=_AUTOMATIC,
                trust_env=False,
            )
            self._sessions[keep_alive] = session
        return session


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    # aiohttp wants large bodies as files, so that it can write them in pieces.
    return io.BytesIO(body) if body is not None and len(body) > _IN_ONE_PIECE else body


def _adapted(
    factory: Callable[[], socket.socket] | None,
) -> Callable[[Any], socket.socket] | None:
    return None if factory is None else lambda _address: factory()
