"""Proxies between a service and its servers: they see, count, delay, hold, cut and refuse.

The judge's hands and eyes. A service reaches PostgreSQL, Redis or any TCP server only through one
of these, so what it asked is known whatever language it is written in, and what it is answered
can be delayed, held at the very statement a race turns on, or cut.
"""

from acidtest.grader.lab.proxy.gate import Gate, GatePredicateError, Side
from acidtest.grader.lab.proxy.pg_login import Door, LoginError
from acidtest.grader.lab.proxy.pg_statement import Statement
from acidtest.grader.lab.proxy.postgres_proxy import PostgresProxy
from acidtest.grader.lab.proxy.redis_call import RedisCall
from acidtest.grader.lab.proxy.redis_proxy import RedisProxy
from acidtest.grader.lab.proxy.redis_replies import KeyRead
from acidtest.grader.lab.proxy.relay import Relay, Upstream
from acidtest.grader.lab.proxy.tcp_proxy import TcpProxy

__all__ = [
    "Door",
    "Gate",
    "GatePredicateError",
    "KeyRead",
    "LoginError",
    "PostgresProxy",
    "RedisCall",
    "RedisProxy",
    "Relay",
    "Side",
    "Statement",
    "TcpProxy",
    "Upstream",
]
