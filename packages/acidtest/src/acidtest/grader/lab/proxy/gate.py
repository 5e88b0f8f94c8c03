"""Gates: the judge's hand on single messages, which makes races happen every time.

A gate catches statements or commands by a predicate before they reach the server
(`side="request"`) or catches their answers before they reach the service (`side="reply"`), and
holds them until the judge lets them go on or cuts the connection. Everything behind a held message
on the same connection waits with it, so order is never changed.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Literal, Protocol, Self, TypeVar

from acidtest.core.errors import HarnessError
from acidtest.core.evidence import clip
from acidtest.grader.lab.journal import Journal

Subject = TypeVar("Subject")
"""What a gate looks at: a PostgreSQL statement or a Redis command."""

_MAX_NAME = 80
"""Characters of a statement or command in the marks a gate leaves."""

Side = Literal["request", "reply"]


class GatePredicateError(HarnessError):
    """A check's own gate predicate raised; the check is void, the service is not to blame."""


class HeldLink(Protocol):
    """What a gate may do to the connection whose message it holds."""

    def pump(self) -> None:
        """Move whatever may move now."""

    def mute(self) -> None:
        """Drop every byte for the client from now on."""

    def cut(self, reason: str) -> None:
        """Reset the connection towards the client and close it towards the server."""


class Hold(Generic[Subject]):
    """One message at a gate: waiting until its gate opens it; settled once the server is done."""

    def __init__(self, subject: Subject, link: HeldLink, gate: "Gate[Subject]") -> None:
        self.subject = subject
        self.link = link
        self.waiting = True
        self.arrived = False
        self._gate = gate
        self._settled: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def arrive(self) -> None:
        """Note that the message is at the gate now."""
        if not self.arrived:
            self.arrived = True
            self._gate.arrived(self)

    def open(self) -> None:
        """Let the message go on."""
        self.waiting = False
        self.link.pump()

    def settle(self, *, done: bool) -> None:
        """Note that the server finished the message (`done`), or that its connection is gone."""
        if not self._settled.done():
            self._settled.set_result(done)
        if not done:
            self.waiting = False
            self._gate.gone(self)

    async def settled(self, *, timeout: float) -> bool:
        """Whether the server finished the message within `timeout` seconds."""
        done, _ = await asyncio.wait({self._settled}, timeout=timeout)
        return bool(done) and self._settled.result()


class Gate(Generic[Subject]):
    """Holds the messages that match; always opened at the end of its `with` or `async with`.

    Attributes:
        matched: how many messages matched so far, held or not.
        held: what is held now, oldest first.
    """

    def __init__(
        self,
        predicate: Callable[[Subject], bool],
        *,
        side: Side = "request",
        count: int | None = 1,
        skip: int = 0,
        on_close: Callable[["Gate[Subject]"], None],
        mark: Callable[[str], object],
    ) -> None:
        self.side = side
        self._mark = mark
        self.matched = 0
        self._predicate = predicate
        self._count = count
        self._skip = skip
        self._on_close = on_close
        self._taken = 0
        self._reached = 0
        self._holds: list[Hold[Subject]] = []
        self._changed = asyncio.Event()
        self._closed = False
        self._failure: Exception | None = None

    @property
    def held(self) -> tuple[Subject, ...]:
        """What has arrived and waits now, oldest first."""
        return tuple(hold.subject for hold in self._holds if hold.arrived)

    async def reached(self, n: int = 1, *, timeout: float = 5.0) -> bool:
        """Wait until `n` messages have come to the gate since it was made; False on the deadline.

        At a reply gate a message has come when the server has finished it.

        Raises:
            GatePredicateError: the predicate raised for some message.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            self._raise_failure()
            if self._reached >= n:
                return True
            self._changed.clear()
            left = deadline - loop.time()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return self._reached >= n

    def release(self, n: int | None = None) -> None:
        """Let the `n` oldest held messages go on; without `n` all, and open the gate for good."""
        if n is None:
            self._taken = self._count = 0
        for hold in self._take(n):
            self._mark(f"let go {self._name(hold)}")
            hold.open()

    def cut(self) -> None:
        """Reset the connections of the held messages; a held request never reaches the server."""
        for hold in self._take(None):
            self._mark(f"cut the connection instead of passing on {self._name(hold)}")
            hold.link.cut("cut by the judge at a gate")

    async def forward_and_cut(self, *, timeout: float = 5.0) -> bool:
        """Let the server finish the held messages, drop the answers and reset the connections.

        This is how a commit happens of which the service never hears.

        Returns:
            Whether the server was seen to finish every one of them within `timeout` seconds.
        """
        holds = self._take(None)
        for hold in holds:
            hold.link.mute()
            hold.open()
        done = True
        deadline = asyncio.get_running_loop().time() + timeout
        for hold in holds:
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            done = await hold.settled(timeout=left) and done
            self._mark(f"cut the connection after {self._name(hold)} was done")
            hold.link.cut("cut by the judge after its statement was done")
        return done and bool(holds)

    def close(self) -> None:
        """Let everything go on and stop matching; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self.release()
        self._on_close(self)

    def take(self, subject: Subject, link: HeldLink) -> Hold[Subject] | None:
        """Hold `subject` if it matches and there is room; called by the proxy."""
        if self._closed or not self._matches(subject):
            return None
        self.matched += 1
        if self.matched <= self._skip:
            return None
        if self._count is not None and self._taken >= self._count:
            return None
        self._taken += 1
        hold = Hold(subject, link, self)
        self._holds.append(hold)
        return hold

    def arrived(self, hold: Hold[Subject]) -> None:
        """Count a hold that has come; called by the hold itself."""
        self._reached += 1
        self._mark(f"held {self._name(hold)}")
        self._changed.set()

    def gone(self, hold: Hold[Subject]) -> None:
        """Forget a hold whose connection is gone; called by the hold itself."""
        if hold in self._holds:
            self._holds.remove(hold)

    def _name(self, hold: Hold[Subject]) -> str:
        what = clip(str(hold.subject), _MAX_NAME)
        return f"the answer to {what}" if self.side == "reply" else what

    def _take(self, n: int | None) -> list[Hold[Subject]]:
        taken = self._holds[:n]
        del self._holds[:n]
        return taken

    def _matches(self, subject: Subject) -> bool:
        try:
            return bool(self._predicate(subject))
        except Exception as error:  # noqa: BLE001 - any fault of a check's predicate ends in reached()
            self._failure = error
            self._changed.set()
            return False

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise GatePredicateError(f"a gate's predicate raised {self._failure!r}") from (
                self._failure
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Gatehouse(Generic[Subject]):
    """All gates of one proxy; asks them in the order they were made."""

    def __init__(self, journal: Journal, target: str) -> None:
        self._gates: list[Gate[Subject]] = []
        self._journal = journal
        self._target = target

    def __bool__(self) -> bool:
        return bool(self._gates)

    def build(
        self,
        predicate: Callable[[Subject], bool],
        *,
        side: Side = "request",
        count: int | None = 1,
        skip: int = 0,
    ) -> Gate[Subject]:
        """Make a gate and let it see every message from now on."""
        gate = Gate(
            predicate,
            side=side,
            count=count,
            skip=skip,
            on_close=self._gates.remove,
            mark=self._mark,
        )
        self._gates.append(gate)
        return gate

    def _mark(self, text: str) -> None:
        self._journal.mark(self._target, text)

    def hold(self, subject: Subject, link: HeldLink, *, side: Side) -> Hold[Subject] | None:
        """The hold of the first gate that wants `subject`, if any does."""
        for gate in tuple(self._gates):
            if gate.side == side:
                hold = gate.take(subject, link)
                if hold is not None:
                    return hold
        return None
