"""One submission's laboratory: its built tree, its database cluster, the worlds made of them."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from acidtest.catalogue.problem import Problem, RandomHex
from acidtest.core.clock import RunClock
from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.grader.lab.build import Built
from acidtest.grader.lab.intake import Submission
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.postgres import DATABASE, Cluster
from acidtest.grader.lab.process import CommandOutcome
from acidtest.grader.lab.pull_request import PullRequests
from acidtest.grader.lab.recipe import Recipe
from acidtest.grader.lab.sandbox import Driver, Limits
from acidtest.grader.lab.schema import shape_of, tables_of
from acidtest.grader.lab.wiring import Wiring
from acidtest.grader.lab.world import World, WorldPlan

MIGRATED = DATABASE
"""The database every world's own is copied from, after the submission's migrations ran on it."""
_AGAIN = "migrated_again"
_MIGRATION_SECONDS = 120.0
_LOG_LINES = 200


class MigrationReport(NamedTuple):
    """What the submission's migrations did to an empty database, and what a second run changed."""

    command: str | None
    """None when it declares none and none was recognised."""
    first: CommandOutcome | None = None
    second: CommandOutcome | None = None
    tables: tuple[str, ...] = ()
    shape_first: tuple[str, ...] = ()
    shape_second: tuple[str, ...] = ()


class Lab:
    """Everything worlds are made of. Built once for a run."""

    def __init__(
        self,
        *,
        problem: Problem,
        submission: Submission,
        recipe: Recipe,
        built: Built,
        driver: Driver,
        cluster: Cluster,
        run_dir: Path,
        clock: RunClock,
        template: str = MIGRATED,
    ) -> None:
        self.problem = problem
        self.submission = submission
        self.recipe = recipe
        self.built = built
        self.driver = driver
        self.cluster = cluster
        self.run_dir = run_dir
        self.clock = clock
        self.answers_in_error = False
        """Its readiness is known to be a 5xx, so no world need wait for better."""
        self.open_doors: set[str] = set()
        """What was reached through its default port, past the address it was given."""
        self.secret = secrets.token_urlsafe(24)
        self.env = {name: _drawn(value) for name, value in problem.env.items()}
        """What the problem tells every program of the submission, drawn once for the run."""
        self.migration = MigrationReport(command=recipe.migrate)
        self.template = template
        """The database that every world's own is a copy of."""
        self.baseline: Lab | None = None
        """The laboratory of the service this one is compared with, where there is one."""
        self.ci = PullRequests(self)
        """Runs the submission's own CI on changes to it."""
        self._numbers = iter(range(1, 10_000))

    async def migrate(self, emit: Callable[[str], None]) -> None:
        """Run the submission's migrations on an empty database and keep what came of it.

        A migration that fails is a fact for the checks, not an error here.
        """
        if self.recipe.migrate is None:
            return
        emit(f"running {self.recipe.migrate}")
        first = await self._command(self.recipe.migrate, MIGRATED)
        self.migration = MigrationReport(
            command=self.recipe.migrate,
            first=first,
            tables=await self._tables(MIGRATED),
            shape_first=await self._shape(MIGRATED),
        )
        await self.cluster.create_database(_AGAIN, template=MIGRATED)

    async def migrate_again(self) -> None:
        """Run them a second time, on a copy that is looked at and then dropped."""
        if self.recipe.migrate is None:
            return
        second = await self._command(self.recipe.migrate, _AGAIN)
        shape = await self._shape(_AGAIN)
        self.migration = self.migration._replace(second=second, shape_second=shape)
        await self.cluster.drop_database(_AGAIN)

    @asynccontextmanager
    async def world(self, plan: WorldPlan) -> AsyncIterator[World]:
        """Make a fresh world, its service running and ready; all of it ends with the block.

        Raises:
            SubmissionError: the service does not start in it.
        """
        async with AsyncExitStack() as stack:
            beside = None
            if plan.baseline and self.baseline is not None:
                alone = plan._replace(replicas=1, baseline=False)
                try:
                    beside = await stack.enter_async_context(self.baseline.world(alone))
                except SubmissionError as error:
                    raise InfrastructureError(
                        f"the service to compare with did not start: {error}"
                    ) from error
            world = await stack.enter_async_context(self._own_world(plan))
            world.baseline = beside
            yield world

    @asynccontextmanager
    async def _own_world(self, plan: WorldPlan) -> AsyncIterator[World]:
        database = f"{self.template}{next(self._numbers)}"
        directory = self.run_dir / f"world-{database}"
        await asyncio.to_thread(directory.mkdir)
        try:
            await self.cluster.create_database(database, template=self.template)
            async with World.opened(self, plan, database=database, directory=directory) as world:
                yield world
        finally:
            await self.cluster.drop_database(database)
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    async def _command(self, command: str, database: str) -> CommandOutcome:
        """Run one command of the submission as the service itself would run."""
        journal = Journal(self.clock)
        lines: list[str] = []

        def keep(_stream: str, text: str) -> None:
            del lines[: -_LOG_LINES + 1]
            lines.append(text)

        async with AsyncExitStack() as stack:
            wiring = await stack.enter_async_context(
                Wiring.opened(self, database=database, journal=journal, directory=self.run_dir)
            )
            sandbox, _ = await wiring.prepare("migrate", command, keep, limits=Limits())
            stack.push_async_callback(sandbox.close)
            begun = self.clock.now()
            code = await sandbox.wait(_MIGRATION_SECONDS)
            return CommandOutcome(code, self.clock.now() - begun, "\n".join(lines))

    async def _shape(self, database: str) -> tuple[str, ...]:
        connection = await self.cluster.admin(database)
        try:
            return await shape_of(connection)
        finally:
            await connection.close()

    async def _tables(self, database: str) -> tuple[str, ...]:
        connection = await self.cluster.admin(database)
        try:
            return await tables_of(connection)
        finally:
            await connection.close()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What the submission was trusted with in this run."""
        drawn = [
            word
            for name, value in self.problem.env.items()
            if isinstance(value, RandomHex)
            for word in self.env[name].split()
        ]
        return (self.cluster.candidate.password, self.secret, *drawn)

    def environment(self, offered: Mapping[str, str]) -> dict[str, str]:
        """The whole environment of a program of the submission."""
        return {**self.built.env, **self.recipe.environment(offered)}


def _drawn(value: str | RandomHex) -> str:
    if isinstance(value, str):
        return value
    parts = value.form.split("{}")
    digits = [secrets.token_hex((value.random_hex + 1) // 2) for _ in parts[1:]]
    return parts[0] + "".join(
        drawn[: value.random_hex] + part for drawn, part in zip(digits, parts[1:], strict=True)
    )
