"""The world as a check sees it: the service through the dialect, the rest as levers."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from acidtest.core.evidence import HttpExchange, LogLine, Note, SqlStatement
from acidtest.grader.client import HttpClient
from acidtest.grader.contract import Examiner, OpenApiDocument
from acidtest.grader.dialect import Dialect
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.lab import MigrationReport
from acidtest.grader.lab.proxy import PostgresProxy, RedisProxy
from acidtest.grader.lab.pull_request import PullRequests
from acidtest.grader.lab.service import Service
from acidtest.grader.lab.world import World
from acidtest.grader.sdk._accounts import Accounts
from acidtest.grader.sdk._database import Database
from acidtest.grader.sdk._load import Loading, Tell
from acidtest.grader.sdk._seen import Seen
from acidtest.grader.sdk._speaking import Speaking

_QUIET = 0.06
"""Seconds without a statement or command after which a request's work is taken to be over."""
_RESTLESS = 1.0
"""Seconds after which we stop waiting for quiet: something works in the background."""
_MAX_PAGES = 2_000


class Knowledge(NamedTuple):
    """What a run found out about the service before the first check."""

    dialect: Dialect
    openapi: OpenApiDocument | None
    examiner: Examiner


class Env(Speaking):
    """What a check is given. One per check; the world behind it may be shared by its group."""

    def __init__(
        self,
        world: World,
        knowledge: Knowledge,
        *,
        check: str,
        seed: int,
        tell: Tell = lambda _text: None,
    ) -> None:
        self._world = world
        self.load = Loading(self, world, tell)
        """Puts load on the service: `await env.load("mixed", plan)`."""
        self.dialect = knowledge.dialect
        self.openapi = knowledge.openapi
        """The service's own document, where one was found."""
        self.examiner = knowledge.examiner
        """Judges documents and answers, in a process of its own."""
        self.check = check
        self.seed = seed
        self.rng = random.Random(f"{seed}:{check}")  # noqa: S311 - repeatable, not secret
        self.db = Database(world.cluster, world.database)
        self.began = world.clock.now()
        self.baseline: Env | None = None
        """The service that this one is compared with, in groups that ask for it."""
        if world.baseline is not None:
            plain = knowledge._replace(dialect=Dialect.canonical(self.dialect.problem))
            self.baseline = Env(world.baseline, plain, check=check, seed=seed, tell=tell)

    # The service ---------------------------------------------------------------------------

    @property
    def accounts(self) -> Accounts:
        """Users of the service, in problems that have any."""
        return Accounts(self, self._world.members)

    @property
    def http(self) -> HttpClient:
        """The client every request goes through."""
        return self._world.service.http

    @property
    def replicas(self) -> int:
        """How many instances run."""
        return len(self._world.service.replicas)

    @property
    def service(self) -> Service:
        """The processes: kill, stop, start, usage."""
        return self._world.service

    @property
    def tree(self) -> Path:
        """The submission's files as they were handed in, read-only by convention."""
        return self._world.lab.submission.root

    @property
    def health(self) -> str | None:
        """The path of its health endpoint, where the submission declares one."""
        return self._world.lab.recipe.health

    # Its dependencies ------------------------------------------------------------------------

    @property
    def postgres(self) -> PostgresProxy:
        """The proxy between service and database: log, gates, faults."""
        return self._world.postgres

    @property
    def redis(self) -> RedisProxy:
        """The proxy between service and cache: log, gates, faults."""
        return self._world.redis

    @property
    def cache(self) -> Redis:
        """The judge's own connection to the cache, past the proxy."""
        return self._world.cache

    @property
    def ci(self) -> PullRequests:
        """Runs the submission's own CI on a change: `await env.ci({"app/new.py": "…"})`."""
        return self._world.lab.ci

    @property
    def migration(self) -> MigrationReport:
        """What came of the submission's migrations on an empty database, and the second time."""
        return self._world.lab.migration

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets this run gave the service; none may ever come out."""
        return self._world.secrets

    # What was seen ---------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """Everything that went over the wires of this world."""
        return self._world.journal

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[Seen]:
        """Collect what happens in the block, and after it until the service is quiet."""
        await self.quiet()
        seen = Seen(())
        start = self.now()
        yield seen
        await self.quiet()
        seen.moments = self.journal.since(start)

    async def quiet(self) -> bool:
        """Wait until no statement and no command went by for a moment; False if it never is."""
        give_up = self.now() + _RESTLESS
        while self.now() < give_up:
            before = self._traffic()
            await asyncio.sleep(_QUIET)
            if self._traffic() == before:
                return True
        return False

    def _traffic(self) -> int:
        return self.postgres.round_trips + self.redis.commands

    def now(self) -> float:
        """Seconds on the run's clock."""
        return self._world.clock.now()

    def note(self, text: str) -> None:
        """Write a sentence into the timeline of the evidence."""
        self.journal.append(Note(at=self.now(), text=text))

    def log(self) -> list[LogLine]:
        """What the instances of this world logged so far."""
        return [m for m in self.journal.since(0.0) if isinstance(m, LogLine)]

    def exchanges_since(self, at: float) -> list[HttpExchange]:
        """Every request of the judge from a moment on, with its answer."""
        return [moment for moment in self.journal.since(at) if isinstance(moment, HttpExchange)]

    def sql_since(self, at: float) -> list[SqlStatement]:
        """Statements since `at`, housekeeping included."""
        return [m for m in self.journal.since(at) if isinstance(m, SqlStatement)]

    # Values ----------------------------------------------------------------------------------

    async def until(self, holds: Any, *, within: float, every: float = 0.05) -> bool:
        """Poll the async `holds()` until it is true or `within` seconds are over."""
        give_up = self.now() + within
        while True:
            if await holds():
                return True
            if self.now() >= give_up:
                return False
            await asyncio.sleep(every)
