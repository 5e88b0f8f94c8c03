"""The faults a proxy can inject, as a switchboard shared by every kind of proxy.

Each fault begins and ends with a mark in the journal. None of them loses a byte: what a stall or a
delay held back goes on when it is over, as on a network that was away for a while.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from acidtest.grader.lab.journal import Journal


@dataclass(slots=True)
class DirectionFaults:
    """What is wrong with one direction now."""

    stalling: bool = False
    delay: float = 0.0


class FaultSwitchboard:
    """Faults of one proxy, as context managers; `heal` ends whatever is on.

    A subclass says how to reset and pump live connections and how to shut and open its listeners.
    """

    target = "tcp"
    """The name of what is proxied, as marks in the journal call it."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.request_faults = DirectionFaults()
        self.reply_faults = DirectionFaults()
        self.refusing = False
        self.resetting_commands = False

    @asynccontextmanager
    async def refused(self, *, keep_live: bool = False) -> AsyncGenerator[None]:
        """Refuse new connections as a closed port does; also reset live ones unless `keep_live`."""
        self.refuse(keep_live=keep_live)
        try:
            yield
        finally:
            self._end_refusal()

    @asynccontextmanager
    async def stalled(self) -> AsyncGenerator[None]:
        """Let nothing pass in either direction; what was held goes on afterwards."""
        self.stall()
        try:
            yield
        finally:
            self._end_stall()

    @asynccontextmanager
    async def slowed(
        self,
        round_trip: float = 0.0,
        *,
        request: float | None = None,
        reply: float | None = None,
    ) -> AsyncGenerator[None]:
        """Make every round trip longer by `round_trip` seconds, half each way unless said."""
        self.slow(round_trip, request=request, reply=reply)
        try:
            yield
        finally:
            self._end_slowness()

    @asynccontextmanager
    async def resetting(self) -> AsyncGenerator[None]:
        """Accept connections but reset each as soon as it sends anything; idle ones fall too."""
        self.reset_on_command()
        try:
            yield
        finally:
            self._end_resetting()

    def refuse(self, *, keep_live: bool = False) -> None:
        """Begin to refuse; see `refused`."""
        self.refusing = True
        self._shut_listeners()
        self.journal.mark(self.target, "new connections refused")
        if not keep_live:
            self.reset_live("reset: the server is gone")

    def stall(self) -> None:
        """Begin to stall; see `stalled`."""
        self.request_faults.stalling = self.reply_faults.stalling = True
        self.journal.mark(self.target, "stalled: nothing passes")

    def slow(
        self,
        round_trip: float = 0.0,
        *,
        request: float | None = None,
        reply: float | None = None,
    ) -> None:
        """Begin to delay; see `slowed`."""
        self.request_faults.delay = round_trip / 2 if request is None else request
        self.reply_faults.delay = round_trip / 2 if reply is None else reply
        whole = self.request_faults.delay + self.reply_faults.delay
        self.journal.mark(self.target, f"slowed by {whole:.3f} s per round trip")

    def reset_on_command(self) -> None:
        """Begin to reset; see `resetting`."""
        self.resetting_commands = True
        self.journal.mark(self.target, "connections reset at their next command")

    async def reset_all(self) -> int:
        """Reset every live connection once, now; says how many there were."""
        count = self.reset_live("reset by the judge")
        self.journal.mark(self.target, f"{count} live connections reset")
        return count

    def heal(self) -> None:
        """End every fault that is on; held bytes go on their way."""
        if self.refusing:
            self._end_refusal()
        if self.resetting_commands:
            self._end_resetting()
        if self.request_faults.delay or self.reply_faults.delay:
            self._end_slowness()
        if self.request_faults.stalling:
            self._end_stall()

    def reset_live(self, reason: str) -> int:
        """Reset every live connection; the subclass knows them."""
        raise NotImplementedError

    def _pump_live(self) -> None:
        raise NotImplementedError

    def _shut_listeners(self) -> None:
        raise NotImplementedError

    def _open_listeners(self) -> None:
        raise NotImplementedError

    def _end_refusal(self) -> None:
        if self.refusing:
            self.refusing = False
            self._open_listeners()
            self.journal.mark(self.target, "connections accepted again")

    def _end_stall(self) -> None:
        if self.request_faults.stalling:
            self.request_faults.stalling = self.reply_faults.stalling = False
            self.journal.mark(self.target, "stall over")
            self._pump_live()

    def _end_slowness(self) -> None:
        if self.request_faults.delay or self.reply_faults.delay:
            self.request_faults.delay = self.reply_faults.delay = 0.0
            self.journal.mark(self.target, "slowness over")

    def _end_resetting(self) -> None:
        if self.resetting_commands:
            self.resetting_commands = False
            self.journal.mark(self.target, "connections no longer reset")
