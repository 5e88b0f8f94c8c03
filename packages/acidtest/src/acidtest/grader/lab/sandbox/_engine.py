"""A container engine as its command line: what is said before every word, and what it may know."""

import os
from collections.abc import Mapping

from acidtest.grader.lab.process import Completed, run_bounded

COMMAND_SECONDS = 60.0
_PASSED_ON = (
    *("PATH", "HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT"),
    *("CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "REGISTRY_AUTH_FILE"),
)


class Engine:
    """Docker or Podman, called by name."""

    def __init__(self, name: str, *, options: tuple[str, ...] = ()) -> None:
        """Call the engine `name`, giving it `options` before every command."""
        self.name = name
        self.options = options

    def argv(self, *arguments: str) -> list[str]:
        """Return the whole command line."""
        return [self.name, *self.options, *arguments]

    def env(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment the engine itself gets; no container sees it."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        return {**(extra or {}), **passed}

    async def command(self, *arguments: str, deadline: float = COMMAND_SECONDS) -> Completed:
        """Run one command of the engine to its end."""
        return await run_bounded(self.argv(*arguments), env=self.env(), deadline=deadline)
