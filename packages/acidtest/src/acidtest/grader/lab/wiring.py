"""The wires of a world: a private cache, proxies to cache and database, programs behind them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from acidtest.grader.lab.journal import Journal
from acidtest.grader.lab.leftovers import record_pid
from acidtest.grader.lab.proxy import Door, PostgresProxy, RedisProxy
from acidtest.grader.lab.redis_server import RedisServer
from acidtest.grader.lab.sandbox import Limits, OnLine, Sandbox

if TYPE_CHECKING:
    from acidtest.grader.lab.lab import Lab

SERVICE_PORT = 8000
DATABASE_PORT = 25432
"""Where DATABASE_URL leads; not the default, so that a hard-coded address is told apart."""
CACHE_PORT = 26379
_DEFAULT_DATABASE_PORT = 5432
_DEFAULT_CACHE_PORT = 6379


class Wiring:
    """What programs of the submission are plugged into."""

    def __init__(
        self,
        lab: "Lab",
        *,
        database: str,
        directory: Path,
        redis: RedisServer,
        postgres: PostgresProxy,
        cache: RedisProxy,
    ) -> None:
        self.redis = redis
        self.postgres = postgres
        self.cache = cache
        self._lab = lab
        self._database = database
        self._directory = directory

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, lab: "Lab", *, database: str, journal: Journal, directory: Path
    ) -> AsyncIterator["Wiring"]:
        """Start a private cache and both proxies; all of it ends with the block."""
        async with AsyncExitStack() as stack:
            redis = await RedisServer.start(directory)
            stack.push_async_callback(redis.stop)
            # The server notes its pid in its own folder; a sweep looks in the run's.
            record_pid(lab.run_dir, redis.pid)
            login = lab.cluster.candidate
            postgres = PostgresProxy(
                lab.cluster.socket_path,
                journal=journal,
                clock=lab.clock,
                door=Door(login.user, login.password, database),
            )
            stack.push_async_callback(postgres.close)
            cache = RedisProxy(redis.socket_path, journal=journal, clock=lab.clock)
            stack.push_async_callback(cache.close)
            wiring = cls(
                lab,
                database=database,
                directory=directory,
                redis=redis,
                postgres=postgres,
                cache=cache,
            )
            try:
                yield wiring
            finally:
                doors = (proxy.target for proxy in (postgres, cache) if proxy.by_open_door)
                lab.open_doors.update(doors)

    async def prepare(
        self,
        name: str,
        command: str,
        on_line: OnLine,
        *,
        limits: Limits,
        env: Mapping[str, str] | None = None,
    ) -> tuple[Sandbox, int]:
        """Start `command` in a sandbox whose only ways out are this world's proxies.

        Returns:
            The sandbox, its program running, and the port the program was told to listen on.
        """
        lab = self._lab
        spec = lab.built.spec(name, command, run_dir=lab.run_dir, limits=limits)
        sandbox = await lab.driver.prepare(spec, on_line=on_line)
        try:
            database_port = await self._plug(sandbox, self.postgres, DATABASE_PORT)
            cache_port = await self._plug(sandbox, self.cache, CACHE_PORT)
            if lab.driver.isolated:
                await self._plug(sandbox, self.postgres, _DEFAULT_DATABASE_PORT, open_door=True)
                await self._plug(sandbox, self.cache, _DEFAULT_CACHE_PORT, open_door=True)
            port = await sandbox.reserve_port(lab.recipe.port or SERVICE_PORT)
            offered = self._offered(port, database_port, cache_port)
            await sandbox.release(env={**lab.environment(offered), **(env or {})})
        except BaseException:
            await sandbox.close()
            raise
        return sandbox, port

    async def _plug(
        self,
        sandbox: Sandbox,
        proxy: PostgresProxy | RedisProxy,
        port: int,
        *,
        open_door: bool = False,
    ) -> int:
        listener = await sandbox.listener(port)
        plugged: int = listener.getsockname()[1]
        await proxy.serve(listener, replica=sandbox.name, open_door=open_door)
        return plugged

    def _offered(self, port: int, database_port: int, cache_port: int) -> dict[str, str]:
        login = self._lab.cluster.candidate
        return {
            "PORT": str(port),
            "DATABASE_URL": f"postgresql://{login.user}:{login.password}"
            f"@127.0.0.1:{database_port}/{self._database}",
            "DATABASE_HOST": "127.0.0.1",
            "DATABASE_PORT": str(database_port),
            "DATABASE_USER": login.user,
            "DATABASE_PASSWORD": login.password,
            "DATABASE_NAME": self._database,
            "REDIS_URL": f"redis://127.0.0.1:{cache_port}/0",
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(cache_port),
            "SECRET": self._lab.secret,
            **self._lab.env,
        }
