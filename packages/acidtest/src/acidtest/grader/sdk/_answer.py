"""An answer of the service, read through the dialect."""

import json
from collections.abc import Collection
from typing import Any, NoReturn

from acidtest.core.evidence import clip
from acidtest.grader.client import Reply
from acidtest.grader.dialect import DecodeError, Dialect, Item
from acidtest.grader.sdk._outcomes import Unmet, fail


class Answer:
    """What came back from one request, and how to speak about it."""

    def __init__(self, reply: Reply, *, operation: str, dialect: Dialect) -> None:
        self.reply = reply
        self.operation = operation
        self._dialect = dialect

    @property
    def status(self) -> int | None:
        """HTTP status; None when no answer came."""
        return self.reply.status

    @property
    def seconds(self) -> float:
        """How long it took, connection included."""
        return self.reply.seconds

    @property
    def text(self) -> str:
        """The body as text, invalid bytes replaced."""
        return self.reply.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON, or None where it is not."""
        try:
            return json.loads(self.reply.body)
        except (ValueError, RecursionError):
            return None

    @property
    def ok(self) -> bool:
        """Whether it is a 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110

    @property
    def item(self) -> Item:
        """The single resource in it, in the statement's field names; fails the check if none."""
        try:
            return self._dialect.decode_one(self.operation, json.loads(self.reply.body))
        except (ValueError, RecursionError) as error:
            self._unreadable(f"the body is not JSON ({error})")
        except DecodeError as error:
            self._unreadable(str(error))

    @property
    def items(self) -> list[Item]:
        """The list in it, in the statement's field names; fails the check if there is none."""
        try:
            return self._dialect.decode_many(self.operation, json.loads(self.reply.body))
        except (ValueError, RecursionError) as error:
            self._unreadable(f"the body is not JSON ({error})")
        except DecodeError as error:
            self._unreadable(str(error))

    def _unreadable(self, why: str) -> NoReturn:
        fail(
            f"The answer of {self.operation} cannot be read: {clip(why, 300)}",
            expected="JSON that holds what the statement's tables describe",
            observed=self.summary(),
        )

    def summary(self) -> str:
        """The answer in a line: status, or what went wrong, and the start of the body."""
        if self.status is None:
            return f"no answer: {self.reply.error}"
        return f"{self.status} {clip(self.text, 300)}".strip()

    def expect(self, statuses: Collection[int], claim: str) -> "Answer":
        """Fail the check with `claim` unless the status is one of `statuses`; return itself."""
        if self.status not in statuses:
            allowed = " or ".join(str(status) for status in sorted(statuses))
            fail(claim, expected=f"status {allowed}", observed=self.summary())
        return self

    def given(self, statuses: Collection[int], what: str) -> "Answer":
        """Skip the check unless the status is one of `statuses`: it rests on `what`."""
        if self.status not in statuses:
            raise Unmet(f"{what}, but the answer was {self.summary()}")
        return self
