import base64
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import MetaData, text

from acidkit import create_app
from acidkit.db import Database, DatabaseSettings, make_engine
from acidkit.testing import Fault, FaultProxy, PostgresServer, at_once
from acidkit.webhooks import (
    SharedSecret,
    Verifier,
    WebhookMetrics,
    WebhookReceiver,
    forget_receipts,
    sign,
    verifying_keys,
    webhook_tables,
)

pytestmark = pytest.mark.lab

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BODY = b'{"paid":  7}'
EFFECT = "CREATE TABLE effects (body text NOT NULL)"

router = APIRouter()


@router.post("/webhooks/payments", status_code=204)
async def payments(request: Request) -> None:
    """Note each message once; fail when it asks for it."""
    async with request.app.state.receiver.accept(request) as delivery:
        if delivery.repeated:
            return
        await delivery.unit.session.execute(
            text("INSERT INTO effects VALUES (:body)"), {"body": delivery.message.body.decode()}
        )
        if b"crash" in delivery.message.body:
            raise RuntimeError


class Place(NamedTuple):
    """A running receiver and its database."""

    client: httpx.AsyncClient
    server: PostgresServer
    url: str
    database: Database

    async def deliver(
        self, body: bytes = BODY, *, at: int | None = None, **headers: str | None
    ) -> httpx.Response:
        """Send a signed message, with some of its headers replaced or taken away."""
        good = sign(body, [SharedSecret(SECRET)], message_id="msg_1", sent_at=at or now())
        given = {**good, **{f"webhook-{name}": value for name, value in headers.items()}}
        sent = [
            (name.encode(), value.encode("latin-1"))
            for name, value in given.items()
            if value is not None
        ]
        return await self.client.post("/webhooks/payments", content=body, headers=sent)

    def rows(self, query: str) -> list[str]:
        """Return what the database holds, seen from outside the service."""
        return self.server.run(query, url=self.url).splitlines()

    @property
    def reasons(self) -> list[str]:
        """Why messages were turned away, as the record says."""
        return self.rows("SELECT reason FROM webhook_rejections ORDER BY id")

    @property
    def effects(self) -> int:
        """How often the work was done."""
        return int(self.rows("SELECT count(*) FROM effects")[0])


def now() -> int:
    """Return the seconds since 1970."""
    return int(time.time())


@pytest.fixture
async def proxy(database_url: str, postgres_server: PostgresServer) -> AsyncIterator[FaultProxy]:
    """A fault proxy in front of PostgreSQL, with a table in the database behind it."""
    postgres_server.run(EFFECT, url=database_url)
    assert postgres_server.socket
    async with FaultProxy(postgres_server.socket) as made:
        yield made


@pytest.fixture
async def place(
    database_url: str, postgres_server: PostgresServer, proxy: FaultProxy
) -> AsyncIterator[Place]:
    """A receiver of payments."""
    name = database_url.partition("?")[0].rpartition("/")[2]
    address = f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}"
    database = Database(
        make_engine(DatabaseSettings(url=SecretStr(address), command_timeout=1.0, pool_size=4))
    )
    registry, metadata = CollectorRegistry(), MetaData()
    webhook_tables(metadata)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.receiver = WebhookReceiver(
            "payments",
            Verifier(verifying_keys(SECRET)),
            database=database,
            metrics=WebhookMetrics(registry),
        )
        yield
        await database.close()

    app = create_app(
        "Receiver", [router], version="1", registry=registry, resources=resources, probes={}
    )
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 5))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as client,
    ):
        yield Place(client, postgres_server, database_url, database)


async def test_genuine_message_is_taken(place: Place) -> None:
    """A signed message does its work and leaves a receipt, nothing else."""
    assert (await place.deliver()).status_code == 204
    assert place.rows("SELECT body FROM effects") == [BODY.decode()]
    assert place.rows("SELECT source, message_id FROM webhook_receipts") == ["payments|msg_1"]
    assert place.reasons == []


async def test_every_rejection_is_answered_and_on_record(place: Place) -> None:
    """Unsigned, badly signed, old and future messages are 401 or 403, audited, without effect."""
    answers = [
        await place.deliver(signature=None),
        await place.deliver(signature="v1," + "A" * 44),
        await place.deliver(timestamp="soon"),
        await place.deliver(at=now() - 400),
        await place.deliver(at=now() + 400),
    ]
    reasons = ["missing", "wrong_signature", "malformed", "too_old", "too_new"]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 403, 403]
    assert [answer.json()["reason"] for answer in answers] == reasons
    assert place.reasons == reasons
    assert place.effects == 0
    record = place.rows(
        "SELECT source, message_id, client, trace_id FROM webhook_rejections ORDER BY id LIMIT 1"
    )
    assert record == [f"payments|msg_1|192.0.2.7|{answers[0].headers['x-trace-id']}"]
    metrics = (await place.client.get("/metrics")).text
    assert 'webhook_messages_total{outcome="too_old",source="payments"} 1.0' in metrics


async def test_copy_of_a_message_is_refused(place: Place) -> None:
    """The very same message sent again is 403, audited, and does nothing."""
    at = now()
    codes = [(await place.deliver(at=at)).status_code for _ in range(3)]
    assert codes == [204, 403, 403]
    assert (place.effects, place.reasons) == (1, ["replayed", "replayed"])


async def test_senders_next_attempt_is_answered_without_a_second_effect(place: Place) -> None:
    """The same id signed anew is a sender that missed our answer; its copies are still copies."""
    begin = now() - 100
    codes = [
        (await place.deliver(at=at)).status_code for at in (begin, begin + 5, begin, begin + 5)
    ]
    assert codes == [204, 204, 403, 403]
    assert (place.effects, place.reasons) == (1, ["replayed", "replayed"])


async def test_copies_at_one_moment_take_effect_once(place: Place) -> None:
    """Of twenty copies that arrive together one is taken, and each other one is on record."""
    at = now()
    answers = await at_once(20, lambda _: place.deliver(at=at))
    assert sorted(answer.status_code for answer in answers) == [204] + [403] * 19
    assert (place.effects, len(place.reasons)) == (1, 19)


async def test_failed_work_takes_its_receipt_back(place: Place) -> None:
    """When the work fails, the sender's next attempt, even a copy, is fresh again."""
    at = now()
    assert (await place.deliver(b"crash", at=at)).status_code == 500
    assert place.rows("SELECT * FROM webhook_receipts") == []
    assert (place.effects, place.reasons) == (0, [])
    assert (await place.deliver(at=at)).status_code == 204
    assert place.effects == 1


async def test_hostile_headers_are_recorded_in_bounded_form(place: Place) -> None:
    """What an unknown sender claims about itself is clipped and cannot break the record."""
    await place.deliver(id="x" * 5000)
    await place.deliver(id="'; DROP TABLE effects; --\xe9")
    assert place.rows("SELECT max(length(message_id)) FROM webhook_rejections") == ["255"]
    assert place.reasons == ["malformed", "malformed"]
    answer = await place.client.post(
        "/webhooks/payments",
        content=BODY,
        headers=[*sign(BODY, [SharedSecret(SECRET)], message_id="a").items(), ("webhook-id", "b")],
    )
    assert (answer.status_code, answer.json()["reason"]) == (401, "malformed")


async def test_refusal_does_not_wait_for_the_record(place: Place, proxy: FaultProxy) -> None:
    """Without a database an unsigned message is still 401, and a genuine one 503 to be retried."""
    await place.deliver()
    await proxy.set(Fault.REFUSE)
    assert (await place.deliver(signature=None)).status_code == 401
    answer = await place.deliver(b"later")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    await proxy.set(Fault.NONE)
    assert (await place.deliver(signature=None)).status_code == 401
    assert place.reasons == ["missing"]


async def test_old_receipts_are_forgotten_in_batches(place: Place) -> None:
    """What is older than the bound goes, a batch at a time; what is newer stays."""
    place.rows(
        "INSERT INTO webhook_receipts (source, message_id, sent_at, received_at) "
        "SELECT 'payments', 'old' || n, now(), now() - interval '9 days' "
        "FROM generate_series(1, 5) AS n"
    )
    await place.deliver()
    left = []
    for _ in range(3):
        async with place.database.unit_of_work() as unit:
            await forget_receipts(
                unit.session, before=datetime.now(UTC) - timedelta(days=7), most=2
            )
        left.append(int(place.rows("SELECT count(*) FROM webhook_receipts")[0]))
    assert left == [4, 2, 1]
