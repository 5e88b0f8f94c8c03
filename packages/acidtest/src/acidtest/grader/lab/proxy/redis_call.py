"""A Redis command on its way: what gates look at and what becomes a record when it is answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

MAX_ARGUMENT = 1_000
"""Bytes kept of one argument."""
_RECORDED_ARGUMENT = 200
_RECORDED_ARGUMENTS = 32

_ALL_KEYS = frozenset({"DEL", "EXISTS", "MGET", "TOUCH", "UNLINK", "WATCH"})
_EVERY_SECOND = frozenset({"MSET", "MSETNX"})
_COUNTED_KEYS = frozenset({"EVAL", "EVALSHA", "EVALSHA_RO", "EVAL_RO", "FCALL", "FCALL_RO"})
_SUBCOMMANDS = frozenset({"OBJECT", "MEMORY", "XINFO", "XGROUP"})
_NO_KEYS = frozenset(
    [
        *("ACL", "ASKING", "AUTH", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "DISCARD"),
        *("ECHO", "EXEC", "FLUSHALL", "FLUSHDB", "FUNCTION", "HELLO", "INFO", "KEYS", "LASTSAVE"),
        *("LATENCY", "MONITOR", "MULTI", "PING", "PSUBSCRIBE", "PUBLISH", "QUIT", "RANDOMKEY"),
        *("READONLY", "RESET", "ROLE", "SCAN", "SCRIPT", "SELECT", "SLOWLOG", "SUBSCRIBE"),
        *("SWAPDB", "TIME", "UNSUBSCRIBE", "PUNSUBSCRIBE", "UNWATCH", "WAIT", "XREAD"),
    ]
)
_WRITES = frozenset(
    [
        *("APPEND", "BITOP", "COPY", "DECR", "DECRBY", "DEL", "EVAL", "EVALSHA", "EXPIRE"),
        *("EXPIREAT", "FCALL", "FLUSHALL", "FLUSHDB", "GETDEL", "GETSET", "HDEL", "HINCRBY"),
        *("HINCRBYFLOAT", "HMSET", "HSET", "HSETNX", "INCR", "INCRBY", "INCRBYFLOAT", "LINSERT"),
        *("LMOVE", "LPOP", "LPUSH", "LPUSHX", "LREM", "LSET", "LTRIM", "MOVE", "MSET", "MSETNX"),
        *("PERSIST", "PEXPIRE", "PEXPIREAT", "PFADD", "PSETEX", "RENAME", "RENAMENX", "RESTORE"),
        *("RPOP", "RPOPLPUSH", "RPUSH", "RPUSHX", "SADD", "SET", "SETBIT", "SETEX", "SETNX"),
        *("SETRANGE", "SMOVE", "SPOP", "SREM", "UNLINK", "XADD", "XDEL", "XTRIM", "ZADD"),
        *("ZINCRBY", "ZREM", "ZREMRANGEBYRANK", "ZREMRANGEBYSCORE", "ZPOPMIN", "ZPOPMAX"),
        *("JSON.SET", "JSON.DEL", "JSON.MERGE"),
    ]
)
_SECONDS_OF_OPTION: dict[str, Callable[[float], float]] = {
    "EX": lambda value: value,
    "PX": lambda value: value / 1000,
    "EXAT": lambda value: value - time.time(),
    "PXAT": lambda value: value / 1000 - time.time(),
}
_SECONDS_OF_COMMAND: dict[str, Callable[[float], float]] = {
    "SETEX": _SECONDS_OF_OPTION["EX"],
    "PSETEX": _SECONDS_OF_OPTION["PX"],
    "EXPIRE": _SECONDS_OF_OPTION["EX"],
    "PEXPIRE": _SECONDS_OF_OPTION["PX"],
    "EXPIREAT": _SECONDS_OF_OPTION["EXAT"],
    "PEXPIREAT": _SECONDS_OF_OPTION["PXAT"],
}
_TTL_OPTIONS_FROM = {"SET": 2, "GETEX": 1}


@dataclass(slots=True, eq=False)
class RedisCall:
    """One command of one connection.

    Attributes:
        connection: the proxy's number of the connection.
        command: its name in capitals.
        arguments: the first arguments as text, each cut to a bounded length.
        at: when it was passed on to the server; when it came, as long as it has not been.
        in_multi: whether it was queued in a MULTI and runs only with its EXEC.
    """

    connection: int
    replica: str
    command: str
    arguments: tuple[str, ...]
    at: float
    in_multi: bool = False
    argument_count: int = field(default=0, repr=False)

    @classmethod
    def read(
        cls, words: tuple[bytes, ...], *, count: int, connection: int, replica: str, at: float
    ) -> Self:
        """Make one from the words a client sent; `count` says how many there were in all."""
        shown = tuple(word[:MAX_ARGUMENT].decode(errors="backslashreplace") for word in words)
        name = shown[0].upper() if shown else ""
        return cls(connection, replica, name, shown[1:], at, argument_count=max(0, count - 1))

    def __str__(self) -> str:
        return " ".join((self.command, *self.arguments))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys it names."""
        command, arguments = self.command, self.arguments
        if command in _NO_KEYS or not arguments:
            return ()
        if command in _ALL_KEYS:
            return arguments
        if command in _EVERY_SECOND:
            return arguments[::2]
        if command in _COUNTED_KEYS:
            number = arguments[1] if len(arguments) > 1 else "0"
            return arguments[2 : 2 + int(number)] if number.isdigit() else ()
        return arguments[1:2] if command in _SUBCOMMANDS else arguments[:1]

    @property
    def key(self) -> str | None:
        """The first key it names."""
        return next(iter(self.keys), None)

    @property
    def is_write(self) -> bool:
        """Whether it may change a key; a script may."""
        return self.command in _WRITES

    @property
    def ttl(self) -> float | None:
        """The seconds to live it gives its key; None when it gives none."""
        option = _SECONDS_OF_COMMAND.get(self.command)
        if option is not None:
            return _seconds(option, self.arguments[1:2])
        start = _TTL_OPTIONS_FROM.get(self.command)
        if start is None:
            return None
        for place in range(start, len(self.arguments)):
            option = _SECONDS_OF_OPTION.get(self.arguments[place].upper())
            if option is not None:
                return _seconds(option, self.arguments[place + 1 : place + 2])
        return None

    def touches(self, prefix: str) -> bool:
        """Whether any key it names begins with `prefix`."""
        return any(key.startswith(prefix) for key in self.keys)

    def recorded_arguments(self) -> tuple[str, ...]:
        """The arguments as evidence keeps them: short, and without anybody's password."""
        if self.command == "AUTH":
            return ("***",) * len(self.arguments)
        shown = [_short(argument) for argument in self.arguments[:_RECORDED_ARGUMENTS]]
        if self.command == "HELLO" and "AUTH" in (argument.upper() for argument in shown):
            place = [argument.upper() for argument in shown].index("AUTH")
            shown[place + 1 : place + 3] = ["***", "***"]
        left = self.argument_count - len(shown)
        return (*shown, f"… {left} more") if left > 0 else tuple(shown)


def _short(argument: str) -> str:
    if len(argument) <= _RECORDED_ARGUMENT:
        return argument
    return f"{argument[:_RECORDED_ARGUMENT]}…"


def _seconds(option: Callable[[float], float], value: tuple[str, ...]) -> float | None:
    try:
        return option(float(value[0]))
    except (IndexError, ValueError):
        return None
