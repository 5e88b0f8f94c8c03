"""A world: a fresh database, a fresh cache, the proxies to both, and the service's instances."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from acidtest.catalogue.problem import Problem
from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.sandbox import Limits, OnLine, Sandbox
from acidtest.grader.lab.service import Prepare, Replica, Service
from acidtest.grader.lab.wiring import Wiring

if TYPE_CHECKING:
    from acidtest.grader.lab.lab import Lab


class WorldPlan(NamedTuple):
    """What a world should be like."""

    name: str
    replicas: int = 1
    env: Mapping[str, str] = MappingProxyType({})
    """Extra environment of every instance."""
    ready_seconds: float = 60.0
    baseline: bool = False
    """Whether the service that this one is compared with runs beside it."""


class World:
    """Everything one group of checks works on; nothing of it is shared with another group."""

    def __init__(
        self,
        lab: "Lab",
        plan: WorldPlan,
        *,
        database: str,
        journal: Journal,
        wiring: Wiring,
        service: Service,
    ) -> None:
        self.lab = lab
        self.plan = plan
        self.database = database
        self.journal = journal
        self.service = service
        self.postgres = wiring.postgres
        self.redis = wiring.cache
        self.cache = wiring.redis.client()
        self.members: dict[str, Any] = {}
        """Users of the service whom the checks of this world share."""
        self.clock = lab.clock
        self.cluster = lab.cluster
        self.baseline: World | None = None
        """The world of the service that this one is compared with, where the group asks for it."""
        self.secrets = lab.secrets
        """What the service was trusted with in this run."""

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, lab: "Lab", plan: WorldPlan, *, database: str, directory: Path
    ) -> AsyncIterator["World"]:
        """Make the world and start its service; all of it ends with the block.

        Raises:
            SubmissionError: the service does not start.
        """
        journal = Journal(lab.clock)
        async with AsyncExitStack() as stack:
            wiring = await stack.enter_async_context(
                Wiring.opened(lab, database=database, journal=journal, directory=directory)
            )

            def running(command: str) -> Prepare:
                async def prepare(name: str, on_line: OnLine) -> tuple[Sandbox, int]:
                    return await wiring.prepare(
                        name, command, on_line, limits=Limits(), env=plan.env
                    )

                return prepare

            replicas = [
                Replica(f"replica-{number}", running(lab.recipe.start), journal)
                for number in range(1, plan.replicas + 1)
            ]
            if lab.recipe.worker is not None:
                worker = Replica("worker", running(lab.recipe.worker), journal)
                stack.push_async_callback(worker.close)
                await worker.start()
            health = [lab.recipe.health or "/health", _harmless_path(lab.problem)]
            service = Service(
                replicas,
                health=health,
                journal=journal,
                ready=plan.ready_seconds,
                errors_will_do=lab.answers_in_error,
            )
            stack.push_async_callback(service.close)
            world = cls(
                lab, plan, database=database, journal=journal, wiring=wiring, service=service
            )
            stack.push_async_callback(world.cache.aclose)
            await service.open()
            yield world

    def heal(self) -> None:
        """End every fault and open every gate that a check left behind."""
        self.postgres.heal()
        self.redis.heal()
        if self.baseline is not None:
            self.baseline.heal()

    @property
    def troubles(self) -> tuple[BaseException, ...]:
        """What went wrong in our own proxies; a verdict beside any of these means nothing."""
        return (*self.postgres.failures, *self.redis.failures)


def _harmless_path(problem: Problem) -> str:
    """A path of the problem that can be asked for without knowing any id."""
    paths = (op.path for op in problem.operations.values() if op.method == "GET")
    return next((path for path in paths if "{" not in path), "/")
