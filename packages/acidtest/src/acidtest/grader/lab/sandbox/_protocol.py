"""The two roles every isolation driver plays: choosing and preparing, then holding one program.

The order is always: `prepare` (the world exists, the program does not), `listener` for each service
the program may reach, `reserve_port` for its own, `release` (the program starts), `close`.
"""

import socket
from collections.abc import Callable, Mapping
from signal import Signals
from typing import Any, Protocol

from ._model import Probe, SandboxSpec, Usage

OnLine = Callable[[str, str], None]
"""Called with `stdout` or `stderr` and one line of hostile text, without its newline."""


class Sandbox(Protocol):
    """One program and its world, from before it starts until nothing of it is left."""

    @property
    def name(self) -> str:
        """The name its spec gave it."""

    @property
    def running(self) -> bool:
        """Whether the program was released and has not ended."""

    @property
    def exit_code(self) -> int | None:
        """The program's exit status as a shell tells it (128 + n for signal n), once it ended."""

    async def listener(self, port: int) -> socket.socket:
        """Return a listening, non-blocking socket at 127.0.0.1:`port` as the program sees it.

        `local-unsafe` shares the machine's ports and may choose another: read `getsockname()`.
        The caller owns the socket.
        """

    async def reserve_port(self, wanted: int) -> int:
        """Return the port on which the program should listen: `wanted` wherever ports are ours."""

    def socket(self, addr_info: Any = None) -> socket.socket:
        """Return an unconnected, non-blocking TCP socket that reaches the program's 127.0.0.1.

        Fit for `aiohttp.TCPConnector(socket_factory=sandbox.socket)`; any thread may call it.
        """

    async def release(self, *, env: Mapping[str, str] | None = None) -> None:
        """Start the program; `env` adds what is known only now, such as the listeners' ports."""

    async def signal(self, sig: Signals) -> None:
        """Send `sig` to the program's main process, as a container runtime would."""

    async def kill(self) -> None:
        """End everything inside at once (-9), daemons included; returns when nothing runs."""

    async def freeze(self) -> None:
        """Stop everything inside until `thaw`, without its noticing."""

    async def thaw(self) -> None:
        """Let what was frozen go on."""

    async def wait(self, timeout: float) -> int | None:
        """Return the exit status once the program ends, or None after `timeout` seconds."""

    async def usage(self) -> Usage:
        """Return what it takes now; after its end, what it took."""

    def log_tail(self) -> str:
        """Return the end of what the program wrote, hostile text."""

    async def close(self) -> None:
        """Kill what runs and give back everything; calling it twice is harmless."""


class Driver(Protocol):
    """A way to isolate programs."""

    name: str
    isolated: bool
    """Whether a hostile program is held back."""

    async def probe(self) -> Probe:
        """Try whether this driver works here."""

    async def prepare(self, spec: SandboxSpec, *, on_line: OnLine) -> Sandbox:
        """Build the program's world without starting it.

        Raises:
            InfrastructureError: the machine refused.
        """
