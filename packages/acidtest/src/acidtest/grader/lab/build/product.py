"""The outcome of a build: what the run must mount and set, and what the candidate should know."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from acidtest.grader.lab.recipe import Recipe
from acidtest.grader.lab.sandbox import Limits, Mount, SandboxSpec


class Built(BaseModel):
    """A built submission; give `app_tree` as the layered tree, with `mounts`, `cwd` and `env`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    app_tree: Path
    """The tree after the build, on the host; shown to the service at `/app`."""
    cwd: str = "/app"
    """The service's folder as it sees it: `/app` or a folder below it."""
    mounts: tuple[Mount, ...] = ()
    """What else it needs to see, read-only: its environment, interpreter, node."""
    env: dict[str, str] = {}
    """PATH and the language's own variables; the run adds the recipe's environment to it."""
    notes: tuple[str, ...] = ()
    log_tail: str = ""
    """The last lines of the build's output; hostile text."""
    seconds: float = 0.0
    cached: bool = False
    """Whether the dependency environment was found ready."""
    image: str | None = None
    """The image that was built instead; then tree, folder and mounts above are not shown."""
    read_only: bool = False
    """Whether the submission says that its image is run with a read-only root."""
    recipe: Recipe | None = None
    """The recipe as the image completes it, when there is one."""

    @property
    def path_entries(self) -> tuple[str, ...]:
        """The folders of PATH, first one first."""
        return tuple(self.env.get("PATH", "").split(":"))

    def spec(self, name: str, command: str, *, run_dir: Path, limits: Limits) -> SandboxSpec:
        """Return the sandbox in which `command` of this submission runs."""
        if self.image is not None:
            return SandboxSpec(
                name=name,
                command=command,
                run_dir=run_dir,
                limits=limits,
                image=self.image,
                read_only=self.read_only,
            )
        return SandboxSpec(
            name=name,
            command=command,
            run_dir=run_dir,
            cwd=self.cwd,
            mounts=self.mounts,
            layered=self.app_tree,
            limits=limits,
        )
