"""A private Redis on a unix socket."""

import signal
import subprocess
from pathlib import Path

from acidkit.testing import _servers


class RedisServer:
    """One server; tests share it and flush it."""

    def __init__(self, socket: Path, child: subprocess.Popen[bytes]) -> None:
        self.socket = socket
        self._child = child

    @classmethod
    def start(cls, directory: Path) -> "RedisServer":
        """Start a server that keeps nothing, with its socket in `directory`.

        Raises:
            FileNotFoundError: there is no Redis on this machine.
        """
        program = _servers.find_program("redis-server") or _servers.find_program("valkey-server")
        if program is None:
            raise FileNotFoundError("no Redis server found on this machine")
        socket = directory / "redis.sock"
        child = _servers.start(
            [
                program,
                "--port",
                "0",
                "--unixsocket",
                str(socket),
                "--save",
                "",
                "--dir",
                str(directory),
            ],
            log=directory / "redis.log",
            up=socket.exists,
        )
        return cls(socket, child)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"unix://{self.socket}"

    def freeze(self) -> None:
        """Make the server silent without closing anything."""
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._child.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the server."""
        self.thaw()
        self._child.terminate()
        _servers.reap(self._child)
