"""Idempotency keys: a request that is sent again is answered again, and done once.

The key is kept in PostgreSQL, in the transaction of the effect: both are there or neither is.

* A key belongs to its owner, method and path template; another user's same key is another key.
* Missing or malformed: 400. With another request: 422. While the first is at work: 409 with
  Retry-After.
* What the effect *raises* is not kept, so that the key may be used again; what it *returns* is,
  whatever its status, and is repeated byte for byte, marked `Idempotency-Replayed: true`.
* Keys are kept for a day (`KeyStore.keep`), and not a moment longer than that are they obeyed.

Sources: draft-ietf-httpapi-idempotency-key-header-07; Stripe's "Idempotent requests".
"""

from acidkit.idempotency._header import (
    IdempotencyKeyDep,
    KeyMalformed,
    KeyMissing,
    parse_key,
)
from acidkit.idempotency._perform import Idempotency
from acidkit.idempotency._reaper import Reaper
from acidkit.idempotency._reply import Reply
from acidkit.idempotency._store import (
    Executor,
    KeyInProgress,
    KeyReused,
    KeyStore,
    LeaseLost,
    NothingDone,
    on_session,
)
from acidkit.idempotency._table import idempotency_table
from acidkit.idempotency._ticket import Ticket, fingerprint, ticket_for

__all__ = [
    "Executor",
    "Idempotency",
    "IdempotencyKeyDep",
    "KeyInProgress",
    "KeyMalformed",
    "KeyMissing",
    "KeyReused",
    "KeyStore",
    "LeaseLost",
    "NothingDone",
    "Reaper",
    "Reply",
    "Ticket",
    "fingerprint",
    "idempotency_table",
    "on_session",
    "parse_key",
    "ticket_for",
]
