"""A service as a process would run it, but in the test's own: its lifespan, a client, its SQL."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from fastapi import FastAPI
from sqlalchemy import event

from acidkit.db import Database


class Instance(NamedTuple):
    """One running service; `statements` grows with each one it sends."""

    app: FastAPI
    client: httpx.AsyncClient
    statements: list[str]


Start = Callable[[], AbstractAsyncContextManager[Instance]]


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[Instance]:
    """Run `app` until the block ends."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30) as client,
    ):
        yield Instance(app, client, _statements(app.state.database))


def _statements(database: Database) -> list[str]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    return seen


def run_alembic(home: Path, url: str, *words: str) -> str:
    """Run Alembic in a service's folder as an operator does, and return what it printed.

    Raises:
        RuntimeError: it failed; the message is what it complained of.
    """
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=home,
        env={**os.environ, "DATABASE_URL": url},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
