"""Fixtures of authentication: replicas of a service that share one database and one clock."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import MetaData, create_engine

from acidkit import create_app
from acidkit.auth import Auth, AuthSettings, PrincipalDep, auth_router, declare_tables, jwks_router
from acidkit.auth._keys import new_key
from acidkit.db import Database, DatabaseSettings, make_engine
from acidkit.testing import ManualClock, PostgresServer, running

Replica = Callable[..., Awaitable[httpx.AsyncClient]]
MakeAuth = Callable[..., Awaitable[Auth]]

# A machine that does much else at the same time must not fail a test.
PATIENCE = {
    "pool_wait": 60.0,
    "connect_timeout": 60.0,
    "command_timeout": 60.0,
    "statement_timeout": 50.0,
    "lock_timeout": 50.0,
}

metadata = MetaData()
tables = declare_tables(metadata)
mine = APIRouter()


@mine.get("/mine")
async def read_mine(principal: PrincipalDep) -> str:
    """Answer who asks, without asking the database."""
    return str(principal.user_id)


@pytest.fixture(scope="session")
def shared_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database with the tables, for all tests here: making one takes longer than most of them."""
    url = postgres_server.create_database()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    metadata.create_all(engine)
    engine.dispose()
    yield url
    postgres_server.drop_database(url)


@pytest.fixture
def database_url(shared_url: str, postgres_server: PostgresServer) -> str:
    """The database, with nobody in it."""
    for table in reversed(metadata.sorted_tables):
        postgres_server.run(str(table.delete()), url=shared_url)
    return shared_url


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still."""
    return ManualClock()


@pytest.fixture
def signing_keys() -> SecretStr:
    """The key that all replicas share."""
    return SecretStr(json.dumps(new_key().as_dict(private=True)))


@pytest.fixture
async def make_auth(
    database_url: str, clock: ManualClock, signing_keys: SecretStr
) -> AsyncIterator[MakeAuth]:
    """Make `Auth` objects with settings of the test's choice, each with connections of its own."""
    async with AsyncExitStack() as stack:

        async def make(**options: object) -> Auth:
            database = Database(
                make_engine(
                    DatabaseSettings.model_validate({"url": SecretStr(database_url), **PATIENCE})
                )
            )
            stack.push_async_callback(database.close)
            settings = AuthSettings.model_validate(
                {
                    "issuer": "test",
                    "audience": "test",
                    "signing_keys": signing_keys,
                    "hash_wait": 60,
                    **options,
                }
            )
            auth = Auth(settings, database=database, tables=tables, clock=clock)
            stack.push_async_callback(auth.close)
            return auth

        yield make


@pytest.fixture
async def replica(make_auth: MakeAuth) -> AsyncIterator[Replica]:
    """Start replicas of a service and return a client of each."""
    async with AsyncExitStack() as stack:

        async def start(**options: object) -> httpx.AsyncClient:
            app = service(await make_auth(**options))
            return (await stack.enter_async_context(running(app))).client

        yield start


def service(auth: Auth) -> FastAPI:
    """Return a service that has accounts and one route of its own."""

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.auth = auth
        app.state.database = auth._database
        auth.start()
        yield

    return create_app(
        "Accounts",
        [auth_router(), jwks_router(), mine],
        version="1",
        registry=CollectorRegistry(),
        resources=resources,
        probes={},
    )
