"""The service end to end: accounts, sessions, orders, pages."""

import asyncio
import uuid
from collections import Counter
from datetime import UTC, datetime

import asyncpg
import pytest
from conftest import PASSWORD, Answer, Service, bearer, query


def statuses(answers: list[Answer]) -> dict[int, int]:
    return dict(Counter(answer.status for answer in answers))


def test_the_happy_path(service: Service) -> None:
    """Register, log in, add an order, pay it, read it elsewhere."""
    tokens = service.newcomer()
    head = bearer(tokens["access_token"])

    made = service.order(tokens["access_token"], "happy")
    assert (made.status, made.json["status"]) == (201, "pending")
    place = made.headers["Location"]
    paid = service.ask("PATCH", place, {"status": "paid"}, **head)
    assert paid.status == 200
    assert service.ask("GET", place, instance=1, **head).json == paid.json == {**made.json, "status": "paid"}
    assert service.ask("PATCH", place, {"status": "cancelled"}, **head).status == 409
    assert service.ask("GET", place, **bearer(service.newcomer()["access_token"])).status == 404


def test_one_address_registers_once(service: Service) -> None:
    """Of parallel registrations one succeeds."""

    def register(number: int) -> Answer:
        email = "Race@example.com" if number % 2 else "race@example.com"
        return service.ask("POST", "/api/auth/register", {"email": email, "password": PASSWORD}, instance=number % 2)

    assert statuses(service.together(6, register)) == {201: 1, 409: 5}


@pytest.mark.parametrize("authorization", [None, "Basic eDp5", "Bearer", "Bearer x", f"Bearer {'A' * 43}"])
def test_without_a_token_nothing_opens(service: Service, authorization: str | None) -> None:
    """401, and how to do better."""
    headers = {"Authorization": authorization} if authorization else {}
    answer = service.ask("GET", "/api/orders", **headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(answer.json["error"]["trace_id"]) == 32


def test_five_guesses_are_tried(service: Service) -> None:
    """However many come at once, at two instances."""
    email = service.register()
    guesses = service.together(16, lambda number: service.log_in(email, f"guess {number}", instance=number % 2))
    assert statuses(guesses) == {401: 5, 429: 11}

    right = service.log_in(email)
    assert right.status == 429
    assert 800 < int(right.headers["Retry-After"]) <= 900


def test_a_right_password_forgets_failures(service: Service) -> None:
    """Four failures twice lock nobody out."""
    email = service.register()
    for _ in range(2):
        for _ in range(4):
            service.log_in(email, "wrong")
        assert service.log_in(email).status == 200


def test_refreshing(service: Service) -> None:
    """Parallel refreshes are harmless, a replay ends the session."""
    first = service.newcomer()["refresh_token"]

    def refresh(token: str, instance: int = 0) -> Answer:
        return service.ask("POST", "/api/auth/refresh", {"refresh_token": token}, instance=instance)

    pairs = service.together(8, lambda number: refresh(first, number % 2))
    assert statuses(pairs) == {200: 8}
    second = refresh(pairs[0].json["refresh_token"])
    assert second.status == 200
    assert refresh(first).status == 401
    assert refresh(second.json["refresh_token"]).status == 401
    assert service.ask("GET", "/api/orders", **bearer(second.json["access_token"])).status == 401


def test_logging_out(service: Service) -> None:
    """One session, or all of them."""
    email = service.register()
    gone, here, there = (service.log_in(email).json for _ in range(3))
    token = {"refresh_token": gone["refresh_token"]}
    assert service.ask("POST", "/api/auth/logout", token).status == 204
    assert service.ask("POST", "/api/auth/refresh", token, instance=1).status == 401
    assert service.ask("POST", "/api/auth/logout-all", **bearer(here["access_token"])).status == 204
    assert service.ask("POST", "/api/auth/refresh", {"refresh_token": there["refresh_token"]}).status == 401


def test_one_key_makes_one_order(service: Service, database: str) -> None:
    """The answer is repeated byte for byte; another body is refused."""
    token = service.newcomer()["access_token"]
    answers = service.together(16, lambda number: service.order(token, "often", instance=number % 2))
    assert set(statuses(answers)) <= {201, 409}

    stored = service.order(token, "often")
    assert {answer.body for answer in answers if answer.status == 201} == {stored.body}
    assert service.order(token, "often", total=101).status == 409
    user = stored.json["user_id"]
    assert query(database, "SELECT count(*) FROM orders WHERE user_id = $1", user) == [(1,)]


def test_pages_lose_and_repeat_nothing(service: Service, database: str) -> None:
    """Though all orders have one moment, and others are added meanwhile."""
    token = service.newcomer()["access_token"]
    made = [service.order(token, f"page {number}").json["id"] for number in range(9)]
    query(
        database,
        "UPDATE orders SET created_at = $2 WHERE id = ANY($1::uuid[])",
        [uuid.UUID(order) for order in made],
        datetime(2024, 1, 1, tzinfo=UTC),
    )
    seen, cursor = [], ""
    while cursor is not None:
        page = service.ask("GET", f"/api/orders?limit=2{cursor and f'&cursor={cursor}'}", **bearer(token)).json
        seen += [order["id"] for order in page["orders"]]
        cursor = page["next_cursor"]
        service.order(token, f"while {len(seen)}")
    assert sorted(order for order in seen if order in made) == sorted(made)


def test_a_change_waits_for_nobody_for_ever(service: Service, database: str) -> None:
    """While somebody else holds the row, the answer is 503, and soon."""
    token = service.newcomer()["access_token"]
    order = service.order(token, "held").json["id"]

    async def while_held() -> Answer:
        connection = await asyncpg.connect(database)
        try:
            async with connection.transaction():
                await connection.execute("SELECT FROM orders WHERE id = $1 FOR UPDATE", uuid.UUID(order))
                body = {"status": "paid"}
                return await asyncio.to_thread(service.ask, "PATCH", f"/api/orders/{order}", body, **bearer(token))
        finally:
            await connection.close()

    assert asyncio.run(while_held()).status == 503


def test_a_method_that_a_path_does_not_know(service: Service) -> None:
    """405, with the methods it knows."""
    answer = service.ask("DELETE", "/api/orders")
    assert answer.status == 405
    assert set(answer.headers["Allow"].split(",")) >= {"GET", "POST"}
