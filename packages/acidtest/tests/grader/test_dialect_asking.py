"""Asking while a service is getting going: busy answers are no answers, and patience is bounded."""

import pytest

from acidtest.core.evidence import HttpExchange
from acidtest.grader.client.message import Reply, Request
from acidtest.grader.dialect.asking import Asking

REQUEST = Request("GET", "/books")


class Service:
    """Answers with these statuses in turn, the last one for ever."""

    def __init__(self, *statuses: int | None) -> None:
        self.statuses = list(statuses)
        self.asked = 0

    async def probe(self, _request: Request) -> Reply:
        """Answer."""
        self.asked += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return a_reply(status)


def a_reply(status: int | None) -> Reply:
    """A reply with nothing in it."""
    exchange = HttpExchange(at=0.0, method="GET", url="/books", status=status)
    return Reply(request=REQUEST, exchange=exchange, status=status)


@pytest.mark.parametrize("busy", [None, 429, 503])
async def test_a_busy_answer_is_asked_again(busy: int | None) -> None:
    """Neither silence nor a 503 at first says that an operation is not there."""
    service = Service(busy, 200)

    assert (await Asking(service.probe).ask(REQUEST)).status == 200
    assert service.asked == 2


async def test_a_plain_error_is_taken_as_it_is() -> None:
    """A 404 or a 500 is an answer and not asked for again."""
    for status in (404, 500):
        service = Service(status)
        await Asking(service.probe).ask(REQUEST)
        assert service.asked == 1


async def test_a_service_that_is_always_busy_is_left_soon() -> None:
    """The repetitions of a whole discovery are bounded."""
    service = Service(503)
    asking = Asking(service.probe)

    for _ in range(20):
        await asking.ask(REQUEST)

    assert service.asked == 25
