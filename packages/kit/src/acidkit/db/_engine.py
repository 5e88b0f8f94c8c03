"""The connection pool, with a bound on every wait that PostgreSQL could make us do."""

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from sqlalchemy import URL, ExceptionContext, event, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import await_only

DRIVER = "postgresql+asyncpg"
SCHEMES = frozenset({"postgres", "postgresql", DRIVER, "postgresql+psycopg", "postgresql+psycopg2"})


class DatabaseSettings(BaseModel):
    """Where PostgreSQL is and how long anything may wait for it; seconds throughout."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    url: SecretStr
    application_name: str = "acidkit"
    pool_size: int = Field(default=20, ge=1, description="Connections of one process, at most.")
    pool_wait: float = Field(default=2.0, gt=0, description="For a free connection.")
    connect_timeout: float = Field(default=2.0, gt=0)
    command_timeout: float = Field(default=3.0, gt=0, description="For one answer on the wire.")
    statement_timeout: float = Field(default=2.5, gt=0, description="Held by the server.")
    lock_timeout: float = Field(default=2.0, gt=0, description="Held by the server.")
    idle_in_transaction_timeout: float = Field(default=10.0, gt=0)


def connection_url(text: str) -> URL:
    """Return SQLAlchemy's form of any usual PostgreSQL address.

    Raises:
        ValueError: the address is not one of PostgreSQL; the message does not repeat it.
    """
    try:
        url = make_url(text)
    except Exception as error:
        raise ValueError("the database address is not a URL") from error
    if url.drivername not in SCHEMES:
        raise ValueError(f"not a PostgreSQL address: scheme {url.drivername!r}")
    query = dict(url.query)
    # libpq's word for it; asyncpg says `ssl` and takes the same values.
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    return url.set(drivername=DRIVER, query=query)


def make_engine(settings: DatabaseSettings) -> AsyncEngine:
    """Return an engine that holds at most `pool_size` connections and never waits without end."""
    engine = create_async_engine(
        connection_url(settings.url.get_secret_value()),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.pool_wait,
        # Last in, first out: a quiet service keeps using one warm connection.
        pool_use_lifo=True,
        pool_recycle=1800,
        hide_parameters=True,
        connect_args=_connect_arguments(settings),
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "handle_error", _abandon_silent)
    return engine


def _connect_arguments(settings: DatabaseSettings) -> dict[str, Any]:
    return {
        "timeout": settings.connect_timeout,
        "command_timeout": settings.command_timeout,
        "server_settings": {
            "application_name": settings.application_name,
            "timezone": "UTC",
            "statement_timeout": _milliseconds(settings.statement_timeout),
            "lock_timeout": _milliseconds(settings.lock_timeout),
            "idle_in_transaction_session_timeout": _milliseconds(
                settings.idle_in_transaction_timeout
            ),
            # Plans of short statements are not worth compiling.
            "jit": "off",
        },
    }


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))


def _refuse_closed(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
    # Costs nothing on the wire, unlike a ping: the driver knows when the server hung up, once the
    # event loop has had a turn to read it and another to tell. The pool answers this error by
    # taking another connection.
    for _ in range(2):
        await_only(asyncio.sleep(0))
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError("the server closed this connection")


def _abandon_silent(context: ExceptionContext) -> None:
    # The server ends slow statements before we lose patience, so this one is silent: it will not
    # answer a polite good-bye either, for which the pool would wait two seconds more.
    if is_silence(context.original_exception) and context.connection:
        driver = context.connection.connection.driver_connection
        if driver:
            driver.terminate()
        context.is_disconnect = True


def is_silence(error: BaseException | None) -> bool:
    """Return whether a driver's error means that no answer came in time."""
    return isinstance(error, TimeoutError) or isinstance(
        error.__cause__ if error else None, TimeoutError
    )
