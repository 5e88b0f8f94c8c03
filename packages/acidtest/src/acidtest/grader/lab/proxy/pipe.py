"""One direction of one connection: bytes in order, that can be delayed, stalled and held.

A pipe keeps what it may not pass on yet and never drops it; beyond `HIGH_WATER` it stops reading
its source, so what a hostile peer sends is bounded by its own socket's buffers.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

HIGH_WATER = 256 * 1024
"""Bytes kept for one direction of one connection before its source is no longer read."""


class Waiting(Protocol):
    """What holds an item of a pipe back."""

    @property
    def waiting(self) -> bool:
        """Whether the item may not go on yet."""


class Flow(Protocol):
    """What the faults of a proxy mean to one direction."""

    @property
    def stalling(self) -> bool:
        """Whether nothing passes now."""

    @property
    def delay(self) -> float:
        """Seconds by which what arrives now is late."""


class _Item(NamedTuple):
    data: bytes
    due: float
    hold: Waiting | None
    on_sent: Callable[[], None] | None


class Pipe:
    """Passes bytes from a source to a sink in order, as soon as faults and gates allow.

    Attributes:
        ended: the end of the stream has been passed on; nothing follows.
        queued: bytes that wait here now.
    """

    def __init__(self, flow: Flow, *, finish: Callable[[bool], None]) -> None:
        self.ended = False
        self._flow = flow
        self._finish = finish
        self._loop = asyncio.get_running_loop()
        self._source: asyncio.ReadTransport | None = None
        self._sink: asyncio.WriteTransport | None = None
        self._queue: deque[_Item] = deque()
        self.queued = 0
        self._last_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._end: bool | None = None
        self._choked = False
        self._paused = False
        self._discarding = False

    def attach_source(self, source: asyncio.ReadTransport) -> None:
        """Say where the bytes come from, so that reading can pause."""
        self._source = source
        self._balance()

    def attach_sink(self, sink: asyncio.WriteTransport) -> None:
        """Say where the bytes go, and pass on everything that came before the sink was there."""
        self._sink = sink
        self.pump()

    def push(
        self,
        data: bytes,
        *,
        hold: Waiting | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> None:
        """Take bytes; `hold` keeps them and all that follow, `on_sent` is told when they go."""
        if self._discarding or self.ended:
            return
        delay = self._flow.delay
        now = self._loop.time()
        due = self._last_due = max(now + delay, self._last_due) if delay or self._queue else 0.0
        if not self._queue and hold is None and delay <= 0 and self._free():
            self._write(data, on_sent)
            return
        self._queue.append(_Item(data, due, hold, on_sent))
        self.queued += len(data)
        self.pump()

    def end(self, *, reset: bool = False) -> None:
        """Take the end of the stream; it is passed on after all bytes, as a reset if so it came."""
        if self._end is None:
            self._end = reset
        self.pump()

    def discard(self) -> None:
        """Drop what waits and all that follows; for a sink that is gone or must not hear."""
        self._discarding = True
        self._queue.clear()
        self.queued = 0
        self._balance()

    def choke(self, *, full: bool) -> None:
        """Note that the sink cannot take more now, or can again."""
        self._choked = full
        self._balance()

    def pump(self) -> None:
        """Pass on everything that may go now."""
        while self._queue and self._free():
            item = self._queue[0]
            if item.hold is not None and item.hold.waiting:
                break
            if item.due > self._loop.time():
                self._wake_at(item.due)
                break
            self._queue.popleft()
            self.queued -= len(item.data)
            self._write(item.data, item.on_sent)
        self._pass_end()
        self._balance()

    @property
    def full(self) -> bool:
        """Whether so much waits that the source is not read."""
        return self.queued > HIGH_WATER

    def _free(self) -> bool:
        return self._sink is not None and not self._flow.stalling

    def _write(self, data: bytes, on_sent: Callable[[], None] | None) -> None:
        if on_sent is not None:
            on_sent()
        if self._sink is not None and data and not self._sink.is_closing():
            self._sink.write(data)

    def _pass_end(self) -> None:
        if self._end is None or self.ended or self._queue or self._flow.stalling:
            return
        if self._sink is None and not self._discarding:
            return
        self.ended = True
        self._finish(self._end)

    def _wake_at(self, due: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._awake)

    def _awake(self) -> None:
        self._timer = None
        self.pump()

    def _balance(self) -> None:
        stop = not self._discarding and (self._choked or self.full)
        if self._source is None or stop == self._paused or self._source.is_closing():
            return
        self._paused = stop
        if stop:
            self._source.pause_reading()
        else:
            self._source.resume_reading()

    def close(self) -> None:
        """Let go of everything; nothing passes any more."""
        self.discard()
        self.ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
