"""The Redis proxy: every command seen, with its keys, times to live, hits and misses."""

from collections import deque
from collections.abc import Callable

from acidtest.core.clock import RunClock
from acidtest.core.evidence import RedisCommand
from acidtest.grader.lab.journal import DEFAULT_LIMIT, Journal
from acidtest.grader.lab.proxy.gate import Gate, Gatehouse, Side
from acidtest.grader.lab.proxy.link import Conversation, Link
from acidtest.grader.lab.proxy.redis_call import RedisCall
from acidtest.grader.lab.proxy.redis_conversation import RedisConversation
from acidtest.grader.lab.proxy.redis_replies import KeyRead, key_reads, short_form
from acidtest.grader.lab.proxy.relay import Relay, Upstream
from acidtest.grader.lab.proxy.resp_reply import Reply


class RedisProxy(Relay):
    """Relays Redis connections in both versions of the protocol.

    Listeners with an open door take any password, for services that insist on sending one.

    Attributes:
        commands: commands answered so far.
        by_open_door: connections that came through an open door.
        reads: the latest looks at keys, bounded like the journal.
    """

    target = "redis"
    half_close = False

    def __init__(self, upstream: Upstream, *, journal: Journal, clock: RunClock) -> None:
        super().__init__(upstream, journal=journal, clock=clock)
        self.commands = 0
        self.by_open_door = 0
        self.reads: deque[KeyRead] = deque(maxlen=DEFAULT_LIMIT)
        self.gates: Gatehouse[RedisCall] = Gatehouse(journal, self.target)

    def gate(
        self,
        predicate: Callable[[RedisCall], bool],
        *,
        side: Side = "request",
        count: int | None = 1,
        skip: int = 0,
    ) -> Gate[RedisCall]:
        """Hold commands that match before the server sees them, or their replies.

        Args:
            predicate: gets every command before it is forwarded.
            side: `request` holds the command, `reply` holds its reply once the server gave it.
            count: how many are held; later ones pass. None holds all until released.
            skip: how many that match pass before the first is held.
        """
        return self.gates.build(predicate, side=side, count=count, skip=skip)

    def hits(self, prefix: str = "", *, since: float = 0.0, replica: str | None = None) -> int:
        """How often a key with that prefix was looked for and found."""
        return self._count(prefix, since, replica, hit=True)

    def misses(self, prefix: str = "", *, since: float = 0.0, replica: str | None = None) -> int:
        """How often a key with that prefix was looked for and not found."""
        return self._count(prefix, since, replica, hit=False)

    @property
    def in_flight(self) -> tuple[RedisCall, ...]:
        """Commands that were sent or are held, and are not answered."""
        return tuple(
            call
            for link in self.links
            if isinstance(link.conversation, RedisConversation)
            for call in link.conversation.under_way()
        )

    def converse(self, link: Link, *, open_door: bool) -> Conversation:
        """Follow Redis' protocol on a new connection."""
        self.by_open_door += open_door
        return RedisConversation(link, self.gates, self, now=self.clock.now, open_door=open_door)

    def write_command(self, call: RedisCall, reply: Reply | None, *, said: str = "") -> None:
        """Record a command that is over."""
        looked = [] if reply is None else list(key_reads(call, reply))
        self.reads.extend(looked)
        self.commands += reply is not None
        self.journal.append(
            RedisCommand(
                at=call.at,
                connection=call.connection,
                command=call.command,
                arguments=call.recorded_arguments(),
                reply=said if reply is None else short_form(reply),
                hit=all(look.hit for look in looked) if looked else None,
                seconds=max(0.0, self.clock.now() - call.at),
                replica=call.replica,
            )
        )

    def _count(self, prefix: str, since: float, replica: str | None, *, hit: bool) -> int:
        return sum(
            look.hit is hit
            and look.at >= since
            and look.key.startswith(prefix)
            and (replica is None or look.replica == replica)
            for look in self.reads
        )
