"""Takes messages in: verified, taken once, and on record when turned away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import structlog
from fastapi import Request
from prometheus_client import CollectorRegistry, Counter

from acidkit.db import Database, UnitOfWork
from acidkit.errors import Problem
from acidkit.webhooks._receipts import Claim, PostgresReceipts, Receipts, record_rejection
from acidkit.webhooks._signature import (
    ID,
    SIGNATURE,
    TIMESTAMP,
    Rejection,
    SignedMessage,
    Verifier,
    WebhookForbidden,
    WebhookRejected,
    WebhookUnauthorized,
)


class WebhookMetrics:
    """Messages by source and outcome."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = Counter(
            "webhook_messages",
            "Messages received: fresh, repeated, or the reason why they were turned away.",
            labelnames=("source", "outcome"),
            registry=registry,
        )


class Delivery(NamedTuple):
    """A message to be worked on within `unit`; nothing is left to do when it is `repeated`."""

    message: SignedMessage
    unit: UnitOfWork
    repeated: bool


class WebhookReceiver:
    """The way in for the messages of one source."""

    def __init__(
        self,
        source: str,
        verifier: Verifier,
        *,
        database: Database,
        metrics: WebhookMetrics,
        receipts: Receipts | None = None,
    ) -> None:
        self._source = source
        self._verifier = verifier
        self._database = database
        self._metrics = metrics
        self._receipts = receipts or PostgresReceipts(source)

    @asynccontextmanager
    async def accept(self, request: Request) -> AsyncIterator[Delivery]:
        """Yield the message and the transaction that its work and its receipt share.

        The block's end commits. A failure in it takes the receipt back, so that the sender's next
        attempt is fresh again. A rejection is on record though the answer is an error.

        Raises:
            WebhookUnauthorized: unsigned, unreadable, or signed by nobody we know.
            WebhookForbidden: too old, in the future, or a copy of what was received before.
        """
        try:
            message = self._verified(request, await request.body())
            async with self._database.unit_of_work() as unit:
                claim = await self._receipts.claim(unit.session, message)
                if claim is Claim.REPLAYED:
                    raise WebhookForbidden(Rejection.REPLAYED)
                yield Delivery(message, unit, claim is Claim.REPEATED)
        except WebhookRejected as rejected:
            await self._record(request, rejected)
            raise
        self._count(claim.name.lower())

    def _verified(self, request: Request, body: bytes) -> SignedMessage:
        if any(len(request.headers.getlist(name)) > 1 for name in (ID, TIMESTAMP, SIGNATURE)):
            # Two machines could each believe another one of them.
            raise WebhookUnauthorized(Rejection.MALFORMED)
        return self._verifier.verify(request.headers, body)

    async def _record(self, request: Request, rejected: WebhookRejected) -> None:
        self._count(rejected.reason)
        structlog.get_logger().warning(
            "webhook_rejected", source=self._source, reason=rejected.reason
        )
        try:
            async with self._database.unit_of_work() as unit:
                await record_rejection(
                    unit.session,
                    rejected.reason,
                    source=self._source,
                    message_id=request.headers.get(ID),
                    client=request.client.host if request.client else None,
                )
        except Problem as problem:
            # The sender is refused all the same; the log line above is then the only record.
            structlog.get_logger().warning("webhook_rejection_not_recorded", code=problem.code)

    def _count(self, outcome: str) -> None:
        self._metrics.messages.labels(self._source, outcome).inc()
