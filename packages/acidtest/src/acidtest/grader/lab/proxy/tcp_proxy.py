"""The plain proxy: any TCP protocol, with every fault but without understanding or gates."""

from acidtest.core.clock import RunClock
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.proxy.relay import Relay, Upstream


class TcpProxy(Relay):
    """Relays bytes to `upstream` under the name `target`, with faults and counts."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        journal: Journal,
        clock: RunClock,
        target: str = "tcp",
    ) -> None:
        super().__init__(upstream, journal=journal, clock=clock)
        self.target = target
