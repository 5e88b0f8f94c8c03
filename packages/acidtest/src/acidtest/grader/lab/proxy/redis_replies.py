"""What a reply says about the command it answers: found or not, in how many words."""

from collections.abc import Iterator
from typing import NamedTuple

from acidtest.grader.lab.proxy.redis_call import RedisCall
from acidtest.grader.lab.proxy.resp_reply import Reply

_ONE_VALUE = frozenset({"GET", "GETDEL", "GETEX", "HGET", "JSON.GET", "LINDEX", "ZSCORE"})
_MANY_VALUES = frozenset(
    {"HGETALL", "HKEYS", "HVALS", "LRANGE", "SMEMBERS", "ZRANGE", "ZRANGEBYSCORE", "ZREVRANGE"}
)
_INTEGER = ord(":")


class KeyRead(NamedTuple):
    """One look at one key, and whether something was there."""

    at: float
    key: str
    hit: bool
    replica: str


def short_form(reply: Reply) -> str:
    """A reply as evidence shows it."""
    return f"error {reply.text}" if reply.is_error else reply.text


def key_reads(call: RedisCall, reply: Reply) -> Iterator[KeyRead]:
    """The keys the command looked at and whether they were there; nothing for other commands."""
    if reply.is_error or not call.keys:
        return
    if call.command == "MGET":
        for key, element in zip(call.keys, reply.elements, strict=False):
            yield KeyRead(call.at, key, not element.is_nil, call.replica)
        return
    hit = _hit(call, reply)
    if hit is not None:
        yield KeyRead(call.at, call.keys[0], hit, call.replica)


def _hit(call: RedisCall, reply: Reply) -> bool | None:
    if call.command in _ONE_VALUE:
        return not reply.is_nil
    if call.command in _MANY_VALUES:
        return reply.size > 0
    if call.command == "HMGET":
        return any(not element.is_nil for element in reply.elements)
    if call.command == "EXISTS" and reply.kind == _INTEGER:
        return reply.text == str(len(call.keys))
    return None
