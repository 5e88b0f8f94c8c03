"""The submission's instances: started, watched, stopped, killed and started again."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from signal import SIGINT, SIGKILL, SIGTERM, Signals
from typing import NamedTuple

from acidtest.core.errors import HarnessError, SubmissionError, sole
from acidtest.core.evidence import HttpExchange, LogLine, clip
from acidtest.grader.client import Endpoint, HttpClient, Reply, Request, Trouble, accepts
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.sandbox import MIB, Limits, OnLine, Sandbox, Usage

READY_SECONDS = 60.0
"""A service has this long to answer its first request; building does not count."""
_LOG_LINE = 2_000
_POLL = 0.02
_SERVER_ERROR = 500
_PING_SECONDS = 2.0
_DYING_SECONDS = 1.0
_STUCK_SECONDS = 4.0
_ERRORS_AFTER = 5.0
"""Its dependencies are up before it starts, so who answers 5xx for this long will go on."""

Prepare = Callable[[str, OnLine], Awaitable[tuple[Sandbox, int]]]
"""Makes the sandbox of the named instance, released, and tells the port it should listen on."""


class Ended(NamedTuple):
    """How a process went."""

    exit_code: int | None
    """None when it did not end in time."""
    seconds: float


class Replica:
    """One instance; the program behind it may change over time, its name does not."""

    def __init__(self, name: str, prepare: Prepare, journal: Journal) -> None:
        self.name = name
        self.sandbox: Sandbox | None = None
        self.port = 0
        self.expected_down = False
        """The judge itself ended it; anything else that ends it is the service's own doing."""
        self._prepare = prepare
        self._journal = journal

    def endpoint(self) -> Endpoint:
        """Where the judge reaches the current program.

        Raises:
            HarnessError: it was never started.
        """
        if self.sandbox is None:
            raise HarnessError(f"{self.name} was asked before it was started")
        return Endpoint(name=self.name, port=self.port, socket_factory=self.sandbox.socket)

    async def start(self) -> None:
        """Start the program in a fresh sandbox; it may not be ready yet."""
        await self.close()
        self.sandbox, self.port = await self._prepare(self.name, self._on_line)
        self.expected_down = False

    def _on_line(self, stream: str, text: str) -> None:
        self._journal.append(
            LogLine(
                at=self._journal.clock.now(),
                stream="stderr" if stream == "stderr" else "stdout",
                text=clip(text, _LOG_LINE, end=_LOG_LINE // 2),
                replica=self.name,
            )
        )

    @property
    def running(self) -> bool:
        """Whether its main process lives."""
        return self.sandbox is not None and self.sandbox.running

    @property
    def fallen(self) -> bool:
        """Whether its program ended although nobody ended it."""
        return self.sandbox is not None and not self.sandbox.running and not self.expected_down

    async def excess(self) -> str:
        """A clause that says so, where something of it was ended for taking too much memory."""
        usage = await self.sandbox.usage() if self.sandbox is not None else Usage()
        most = Limits().memory_bytes // MIB
        return f" (more than {most} MiB of memory were wanted)" if usage.oom_killed else ""

    async def close(self) -> None:
        """End it and give everything back."""
        if self.sandbox is not None:
            await self.sandbox.close()


class Service:
    """All instances of one world, addressed by number from 0."""

    def __init__(
        self,
        replicas: Sequence[Replica],
        *,
        health: Sequence[str],
        journal: Journal,
        ready: float = READY_SECONDS,
        errors_will_do: bool = False,
    ) -> None:
        self.replicas = tuple(replicas)
        self._health = tuple(health)
        self._journal = journal
        self._clock = journal.clock
        self._ready = ready
        self._clients: list[HttpClient] = []
        self._errors_after = 0.0 if errors_will_do else _ERRORS_AFTER
        self._looked_at = 0.0
        self.answers_in_error = False
        """An instance was taken as ready although it only answers 5xx."""

    @property
    def http(self) -> HttpClient:
        """The client that reaches every instance that was started, as they are now."""
        return self._clients[-1]

    async def open(self) -> None:
        """Start every instance and wait until each answers.

        Raises:
            SubmissionError: one ended or did not answer in time; carries the end of its log.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for index in range(len(self.replicas)):
                    tasks.create_task(self._start_beside_others(index))
        except BaseExceptionGroup as group:
            raise sole(group) from None

    async def _start_beside_others(self, index: int) -> None:
        """Start one instance; one that falls where there are others is started once more.

        Services that make their tables when they start trip over each other, which is told
        elsewhere. Whatever runs services in earnest starts them again, and then they work.
        """
        try:
            await self.start(index)
        except SubmissionError:
            if len(self.replicas) == 1 or self.running(index):
                raise
            self._journal.mark("process", f"{self.replicas[index].name} fell; it is started again")
            await self.start(index)

    async def start(self, index: int, *, within: float | None = None) -> None:
        """Start one instance and wait until it answers a request.

        Raises:
            SubmissionError: it ended or did not answer in time; carries the end of its log.
        """
        await self.replicas[index].start()
        # Requests under way keep the client they were sent with; it is closed with the world.
        self._clients.append(
            HttpClient(
                [replica.endpoint() for replica in self.replicas if replica.sandbox is not None],
                record=self._journal.append,
                clock=self._clock,
            )
        )
        await self.ready(index, within=within)

    async def ready(self, index: int, *, within: float | None = None) -> None:
        """Wait until the instance answers; one that only answers 5xx is taken as it is, later.

        Raises:
            SubmissionError: it ended or did not answer in time; carries the end of its log.
        """
        replica = self.replicas[index]
        within = self._ready if within is None else within
        begun = self._clock.now()
        give_up = begun + within
        last: Reply | None = None
        async with HttpClient([replica.endpoint()], record=_forget, clock=self._clock) as client:
            for path in itertools.cycle(self._health):
                left = give_up - self._clock.now()
                if left <= 0:
                    break
                if not replica.running:
                    raise await self._gone(replica)
                # While it boots, requests would take the processor from what they wait for.
                if last is None and not await accepts(replica.endpoint(), deadline=_POLL * 10):
                    await asyncio.sleep(_POLL)
                    continue
                last = await client.send(Request("GET", path), deadline=max(0.1, min(5.0, left)))
                if last.status is not None and last.status < _SERVER_ERROR:
                    return
                if last.status is not None and self._clock.now() - begun >= self._errors_after:
                    self.answers_in_error = True
                    return
                await asyncio.sleep(_POLL)
        raise SubmissionError(
            f"{replica.name} did not answer on its port within {within:.0f} s"
            f" ({(last.error if last and last.error else Trouble.REFUSED).sentence})."
            " It must listen on 0.0.0.0:$PORT.",
            log=replica.sandbox.log_tail() if replica.sandbox else "",
        )

    async def _gone(self, replica: Replica) -> SubmissionError:
        code = replica.sandbox.exit_code if replica.sandbox else None
        hint = " It must stay in the foreground." if code == 0 else ""
        return SubmissionError(
            f"{replica.name} ended with exit code {code} before it answered a request"
            f"{await replica.excess()}.{hint}",
            log=replica.sandbox.log_tail() if replica.sandbox else "",
        )

    async def revive(self) -> list[str]:
        """Start again what has fallen or is stuck; return the names of those that fell."""
        for replica in self.replicas:
            await self._notice_the_end(replica)
            await self._end_if_stuck(replica)
        self._looked_at = self._clock.now()
        fallen = [f"{r.name}{await r.excess()}" for r in self.replicas if r.fallen]
        for index, replica in enumerate(self.replicas):
            if not replica.running:
                await self.start(index)
        return fallen

    async def _notice_the_end(self, replica: Replica) -> None:
        """Wait for the exit of a process that refuses connections, as one does that just died."""
        if not replica.running or replica.sandbox is None:
            return
        async with HttpClient([replica.endpoint()], record=_forget, clock=self._clock) as client:
            reply = await client.send(Request("GET", self._health[0]), deadline=_PING_SECONDS)
        if reply.error in {Trouble.REFUSED, Trouble.RESET}:
            await replica.sandbox.wait(_DYING_SECONDS)

    async def _end_if_stuck(self, replica: Replica) -> None:
        """End an instance that left requests without an answer and still gives none.

        What a check did to it must not count against it in the next one.
        """
        since = self._journal.since(self._looked_at)
        silent = {m.replica for m in since if isinstance(m, HttpExchange) and m.status is None}
        if not replica.running or replica.name not in silent:
            return
        async with HttpClient([replica.endpoint()], record=_forget, clock=self._clock) as client:
            for path in self._health:
                reply = await client.send(Request("GET", path), deadline=_STUCK_SECONDS)
                if reply.error is Trouble.TIMEOUT and replica.sandbox is not None:
                    told = f"{replica.name} answers nothing any more; it is started again"
                    self._journal.mark("process", told)
                    replica.expected_down = True
                    await replica.sandbox.kill()
                    return

    def running(self, index: int) -> bool:
        """Whether the instance's main process lives."""
        return self.replicas[index].running

    async def kill(self, index: int | None = None) -> None:
        """Send SIGKILL to everything of one instance, or of all; returns when it is gone."""
        for replica in self.replicas if index is None else (self.replicas[index],):
            if replica.sandbox is not None:
                self._journal.mark("process", f"kill -9 {replica.name}")
                replica.expected_down = True
                await replica.sandbox.kill()

    async def signal(self, index: int, sig: Signals) -> None:
        """Send a signal to the main process of one instance."""
        sandbox = self.replicas[index].sandbox
        if sandbox is not None:
            self._journal.mark("process", f"{sig.name} to {self.replicas[index].name}")
            self.replicas[index].expected_down |= sig in {SIGTERM, SIGKILL, SIGINT}
            await sandbox.signal(sig)

    async def wait(self, index: int, *, within: float) -> Ended:
        """Wait until the instance's main process ends."""
        sandbox = self.replicas[index].sandbox
        begun = self._clock.now()
        code = await sandbox.wait(within) if sandbox is not None else None
        return Ended(code, self._clock.now() - begun)

    async def terminate(self, index: int, *, within: float = 10.0) -> Ended:
        """Send SIGTERM to one instance and wait until it ends."""
        await self.signal(index, SIGTERM)
        return await self.wait(index, within=within)

    async def restart(self) -> None:
        """Kill every instance and start it again."""
        await self.kill()
        await self.open()

    async def usage(self, index: int) -> Usage:
        """What one instance takes of the machine."""
        sandbox = self.replicas[index].sandbox
        return await sandbox.usage() if sandbox is not None else Usage()

    async def close(self) -> None:
        """End every instance."""
        async with asyncio.TaskGroup() as group:
            for replica in self.replicas:
                group.create_task(replica.close())
        for client in self._clients:
            await client.close()


def _forget(_exchange: HttpExchange) -> None:
    """Waiting for readiness is not evidence of anything."""
