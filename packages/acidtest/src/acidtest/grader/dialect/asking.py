"""Asking a service while its paths are being found: ids filled in, a missing slash followed."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from acidtest.grader.client.message import Reply, Request
from acidtest.grader.dialect.routes import Candidate
from acidtest.grader.dialect.spoken import Source

MOVED = frozenset({301, 302, 307, 308})
_MAX_SILENCE = 3
"""Requests without any answer after which the service is left alone."""
_PASSING = frozenset({429, 502, 503, 504})
"""Answers of a service that is busy: they say nothing about what there is."""
_MAX_REPEATS = 5
"""Of all requests of a discovery together: a service that is always busy is left soon."""
_PAUSE = 0.3
"""Seconds."""
_PARAMETER = re.compile(r"\{([^{}]*)\}")


class Asking:
    """Sends the requests of a discovery and notices when nobody answers any more."""

    def __init__(self, probe: Callable[[Request], Awaitable[Reply]]) -> None:
        self._probe = probe
        self._silence = 0
        self._repeats = _MAX_REPEATS

    @property
    def silent(self) -> bool:
        """Whether the service has stopped answering at all."""
        return self._silence >= _MAX_SILENCE

    async def ask(self, request: Request) -> Reply:
        """Send one request; again, a bounded number of times, where it may go better soon."""
        reply = await self._probe(request)
        while self._repeats and (reply.status is None or reply.status in _PASSING):
            self._repeats -= 1
            await asyncio.sleep(_PAUSE)
            reply = await self._probe(request)
        self._silence = 0 if reply.status is not None else self._silence + 1
        return reply

    async def follow(
        self,
        choice: Candidate,
        send: Callable[[str], Awaitable[Reply]],
        made: Mapping[str, Mapping[str, Any]],
    ) -> tuple[Candidate, Reply]:
        """Ask at a template, and once more where a slash at its end is what was missing.

        Args:
            choice: the template.
            send: asks at a path.
            made: things that exist, by noun, whose ids go into the path.
        """
        path = path_of(choice.template, made)
        reply = await send(path)
        if reply.status not in MOVED:
            return choice, reply
        try:
            there = urlsplit(reply.headers.get("Location", "")).path
        except ValueError:
            return choice, reply
        if there.rstrip("/") != path.rstrip("/") or there == path:
            return choice, reply
        template = choice.template.rstrip("/") + ("/" if there.endswith("/") else "")
        source = choice.source if choice.source is Source.TOML else Source.TRIED
        return Candidate(template, source), await send(path_of(template, made))


def path_of(template: str, made: Mapping[str, Mapping[str, Any]]) -> str:
    """The template with the ids of things that exist, and 1 for what is not known."""

    def value(match: re.Match[str]) -> str:
        noun = match[1].removesuffix("_id")
        return quote(str(made.get(noun, {}).get("id", "1")), safe="")

    return _PARAMETER.sub(value, template)
