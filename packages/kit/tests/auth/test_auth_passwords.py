import asyncio
import threading
from collections.abc import Callable, Iterator

import argon2
import pytest
from argon2 import Parameters, extract_parameters

from acidkit.auth import AuthSettings
from acidkit.auth._passwords import Match, Passwords
from acidkit.errors import Busy

WORD = "correct horse battery"

Make = Callable[..., Passwords]


class Held(argon2.PasswordHasher):
    """A hasher that a test lets go on; hashes of its own making are quick ones."""

    __slots__ = ("going", "started")

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.started = threading.Semaphore(0)
        self.going = threading.Event()
        self.going.set()

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        """Hash when the test allows it."""
        self.started.release()
        assert self.going.wait(10)
        return super().hash(password, salt=salt)


@pytest.fixture
def make() -> Iterator[Make]:
    """Make hashers and end them."""
    made: list[Passwords] = []

    def new(hasher: argon2.PasswordHasher | None = None, **options: object) -> Passwords:
        settings = AuthSettings.model_validate({"issuer": "t", "audience": "t", **options})
        made.append(Passwords(settings, hasher=hasher))
        return made[-1]

    yield new
    for passwords in made:
        passwords.close()


async def started(hasher: Held, count: int) -> None:
    """Wait until so many hashes run."""
    for _ in range(count):
        assert await asyncio.to_thread(hasher.started.acquire, timeout=10)


async def test_hash_is_argon2id_at_the_recommended_minimum(make: Make) -> None:
    """19 MiB, two passes, one lane, a salt of its own; the password verifies and no other does."""
    passwords = make()
    first, second = await passwords.hash(WORD), await passwords.hash(WORD)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert await passwords.verify(WORD, first) == Match(right=True)
    assert await passwords.verify(WORD + " ", first) == Match(right=False)


async def test_same_password_of_two_keyboards_is_the_same(make: Make) -> None:
    """Composed and decomposed characters are one password."""
    passwords = make()
    stored = await passwords.hash("pa\u0308ssword")
    assert (await passwords.verify("p\u00e4ssword", stored)).right


async def test_nobody_costs_what_somebody_costs(make: Make) -> None:
    """Without an account a hash of the same parameters is verified, and is never right."""
    passwords = make()
    somebody: Parameters = extract_parameters(await passwords.hash(WORD))
    assert extract_parameters(passwords._nobody) == somebody
    assert await passwords.verify(WORD, None) == Match(right=False)
    assert await passwords.verify(WORD, "no hash") == Match(right=False)


async def test_hash_of_other_parameters_is_outdated(make: Make) -> None:
    """An old hash still verifies and is said to need renewal, in both directions of strength."""
    old = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(WORD)
    strong = argon2.PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=1).hash(WORD)
    passwords = make()
    assert await passwords.verify(WORD, old) == Match(right=True, outdated=True)
    assert await passwords.verify(WORD, strong) == Match(right=True, outdated=True)


async def test_event_loop_goes_on_while_passwords_are_hashed(make: Make) -> None:
    """Other work is done although a hash takes for ever."""
    hasher = Held()
    passwords = make(hasher)
    await started(hasher, 1)
    hasher.going.clear()
    hashing = asyncio.create_task(passwords.hash(WORD))
    await started(hasher, 1)
    assert not hashing.done()
    hasher.going.set()
    assert (await hashing).startswith("$argon2id$")


async def test_full_queue_refuses_at_once_and_recovers(make: Make) -> None:
    """One runs, two wait, the fourth is told to come back; afterwards there is room again."""
    hasher = Held()
    passwords = make(hasher, hash_workers=1, hash_queue=2, hash_wait=30)
    hasher.going.clear()
    inside = [asyncio.create_task(passwords.hash(WORD)) for _ in range(3)]
    await started(hasher, 2)
    with pytest.raises(Busy) as caught:
        await passwords.hash(WORD)
    assert caught.value.headers["Retry-After"] == "1"
    hasher.going.set()
    assert len({await task for task in inside}) == 3
    assert (await passwords.verify(WORD, await passwords.hash(WORD))).right


async def test_wait_ends(make: Make) -> None:
    """Whoever waits longer than allowed is told to come back, and leaves the queue."""
    hasher = Held()
    passwords = make(hasher, hash_workers=1, hash_queue=1, hash_wait=0.05)
    hasher.going.clear()
    running = asyncio.create_task(passwords.hash(WORD))
    await started(hasher, 2)
    for _ in range(3):
        with pytest.raises(Busy):
            await passwords.hash(WORD)
    hasher.going.set()
    await running
    assert await passwords.hash(WORD)


async def test_given_up_hash_gives_its_place_back(make: Make) -> None:
    """Callers that are cancelled do not fill the queue for good."""
    hasher = Held()
    passwords = make(hasher, hash_workers=1, hash_queue=1, hash_wait=30)
    for _ in range(5):
        hasher.going.clear()
        tasks = [asyncio.create_task(passwords.hash(WORD)) for _ in range(2)]
        await started(hasher, 1)
        for task in tasks:
            task.cancel()
        hasher.going.set()
        await asyncio.wait(tasks)
    assert await passwords.hash(WORD)
