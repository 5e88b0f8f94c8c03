"""Asking the service in the statement's words: an operation, an answer, read by the dialect."""

import json
import random
import uuid
from collections.abc import Mapping
from typing import Any, Literal

from acidtest.grader.client import HttpClient, Reply, Request
from acidtest.grader.dialect import Dialect, Item
from acidtest.grader.sdk._accounts import By, bearer
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._outcomes import fail

_MAX_PAGES = 2_000


class Speaking:
    """Says operations in canonical names to whatever service is there."""

    dialect: Dialect
    rng: random.Random
    """Draws what must be new."""

    @property
    def http(self) -> HttpClient:
        """The client every request goes through."""
        raise NotImplementedError

    async def call(
        self,
        operation: str,
        body: Mapping[str, Any] | None = None,
        *,
        by: By | None = None,
        key: str | Literal[False] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        replica: int | None = None,
        deadline: float = 10.0,
        **ids: Any,
    ) -> Answer:
        """Ask for one operation in canonical names, such as `call("create_book", {...})`.

        Args:
            operation: a name from `problem.yaml`.
            body: canonical fields; unknown names are sent as they are.
            by: as whom; None is nobody.
            key: the `Idempotency-Key` of an operation that takes one; None draws a new one, False
                sends none.
            query: query parameters, sent as they are.
            headers: extra headers; they win over all others.
            replica: which instance to ask, from 0; None takes them in turn.
            deadline: seconds until the answer counts as missing.
            **ids: values for the path, such as `book_id`.
        """
        encoded, content_type = None, "application/json"
        if body is not None:
            encoded, content_type = self.dialect.body(operation, body)
        return await self.send(
            operation,
            encoded,
            content_type=content_type,
            by=by,
            key=key,
            query=query,
            headers=headers,
            replica=replica,
            deadline=deadline,
            **ids,
        )

    async def send(
        self,
        operation: str,
        body: bytes | None = None,
        *,
        content_type: str = "application/json",
        by: By | None = None,
        key: str | Literal[False] | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        replica: int | None = None,
        deadline: float = 10.0,
        method: str | None = None,
        **ids: Any,
    ) -> Answer:
        """Ask for one operation with a body of raw bytes, or with another method."""
        self._must_be_known(operation)
        sent = {**bearer(by), **self._keyed(operation, key), **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", content_type)
        request = Request(
            method=method or self.dialect.method(operation),
            path=self.dialect.path(operation, **ids),
            query=query or {},
            headers=sent,
            body=body,
        )
        reply = await self.http.send(request, replica=replica, deadline=deadline)
        return Answer(reply, operation=operation, dialect=self.dialect)

    def _keyed(self, operation: str, key: str | Literal[False] | None) -> dict[str, str]:
        if key is False or not (key or self.dialect.problem.operations[operation].keyed):
            return {}
        return {"Idempotency-Key": key or self.new_key()}

    def word(self, length: int = 12) -> str:
        """A lower-case word that, at this length, nothing else in the run contains."""
        return "".join(self.rng.choices("bcdfghjklmnpqrstvwxz", k=length))

    def new_key(self) -> str:
        """Draw an idempotency key that nobody used."""
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    async def get(
        self,
        path: str,
        *,
        by: By | None = None,
        replica: int | None = None,
        deadline: float = 10.0,
    ) -> Reply:
        """Send a plain GET to `path`, which is not translated."""
        request = Request("GET", path, headers=bearer(by))
        return await self.http.send(request, replica=replica, deadline=deadline)

    def _must_be_known(self, operation: str) -> None:
        for mismatch in self.dialect.mismatches:
            if mismatch.subject == operation:
                fail(
                    f"The operation {operation} was not found in the service: {mismatch.reason}",
                    expected=f"one of {', '.join(mismatch.tried)}",
                    observed="none of them answers",
                )

    async def walk(
        self,
        operation: str,
        *,
        by: By | None = None,
        replica: int | None = None,
        query: Mapping[str, str] | None = None,
        **ids: Any,
    ) -> list[Item]:
        """Every item of a list, all its pages walked; fails or skips the check if that breaks."""
        answer = await self.call(operation, by=by, query=query, replica=replica, **ids)
        answer.expect({200}, f"{operation} does not answer 200")
        items = list(answer.items)
        for _ in range(_MAX_PAGES):
            following = self.dialect.page(operation, answer.reply)
            if following is None:
                break
            reply = await self.http.send(following, replica=replica)
            answer = Answer(reply, operation=operation, dialect=self.dialect)
            answer.expect({200}, f"The next page of {operation} does not answer 200")
            known = {str(item.get("id")) for item in items}
            if all(str(item.get("id")) in known for item in answer.items):
                # Empty, or the same page once more, as from a list that ignores its parameters.
                break
            items += answer.items
        return items


def dump_json(value: object) -> bytes:
    """Encode `value` as compact UTF-8 JSON, without escaping what needs none."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )
