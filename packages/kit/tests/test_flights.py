import asyncio

import pytest

from acidkit.cache import Flights
from acidkit.testing import at_once


async def test_crowd_causes_two_flights() -> None:
    """Many callers at once cause one flight for the first and one for all others."""
    flights: Flights[int] = Flights()
    started = 0

    async def fly() -> int:
        nonlocal started
        started += 1
        number = started
        await asyncio.sleep(0.02)
        return number

    results = await at_once(50, lambda _: flights.join("key", fly))
    assert started == 2
    assert sorted(results) == [1] + [2] * 49


async def test_latecomer_never_gets_an_older_flight() -> None:
    """A caller shares only a flight that begins after the caller came."""
    flights: Flights[str] = Flights()
    truth = "old"
    gate = asyncio.Event()

    async def fly() -> str:
        seen = truth
        await gate.wait()
        return seen

    first = asyncio.create_task(flights.join("key", fly))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    truth = "new"
    second = asyncio.create_task(flights.join("key", fly))
    await asyncio.sleep(0)
    gate.set()
    assert (await first, await second) == ("old", "new")


async def test_error_reaches_its_own_passengers_only() -> None:
    """A failed flight fails its callers; the next one flies."""
    flights: Flights[int] = Flights()
    outcomes = iter([ValueError("first"), None])

    async def fly() -> int:
        await asyncio.sleep(0.01)
        if error := next(outcomes):
            raise error
        return 7

    async def caller(_: int) -> int | str:
        try:
            return await flights.join("key", fly)
        except ValueError as error:
            return str(error)

    assert sorted(map(str, await at_once(3, caller))) == ["7", "7", "first"]
    assert not flights._air
    assert not flights._gate


async def test_leaving_caller_does_not_take_the_others_along() -> None:
    """A cancelled caller leaves its flight in the air; closing ends it."""
    flights: Flights[int] = Flights()
    gate = asyncio.Event()

    async def fly() -> int:
        await gate.wait()
        return 1

    tasks = [asyncio.create_task(flights.join("key", fly)) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0.01)
    gate.set()
    assert await tasks[1] == await tasks[2] == 1
    gate.clear()
    doomed = asyncio.create_task(flights.join("key", fly))
    await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    await flights.close()
