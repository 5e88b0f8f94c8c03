"""The recipe itself: what the build and the start of a submission need to know."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

OFFERED_NAMES = (
    "PORT",
    "DATABASE_URL",
    "DATABASE_HOST",
    "DATABASE_PORT",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "DATABASE_NAME",
    "REDIS_URL",
    "REDIS_HOST",
    "REDIS_PORT",
    "BROKER_URL",
    "SECRET",
)
"""The values a run offers; `${NAME}` of these may be used in a recipe's environment."""

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""How a value of the run is written in a recipe's environment."""


class PythonBuild(BaseModel):
    """What a Python environment is made of; every path is relative to the service's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Literal["python"] = "python"
    kind: Literal["requirements", "uv", "poetry", "pdm", "pyproject", "pipfile", "setup", "none"]
    files: tuple[str, ...] = ()
    """Requirement files, or the one project file that names the dependencies."""
    lock: str | None = None
    added: tuple[str, ...] = ()
    """Requirements we add because the submission has none of their kind, such as a server."""
    requires_python: str | None = None
    import_paths: tuple[str, ...] = (".",)
    """Folders that must be importable at run time."""
    install_project: bool = False
    """Whether the project itself is to be installed, because it declares commands."""


class NodeBuild(BaseModel):
    """What a Node application's dependencies are made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Literal["node"] = "node"
    manager: Literal["npm", "yarn", "pnpm"] = "npm"
    lock: str | None = None
    build_script: str | None = None
    """Name of the package script that compiles it, when there is one."""
    engines: str | None = None
    dependencies: bool = True
    """Whether package.json names any dependency at all."""


class GoBuild(BaseModel):
    """What a Go program is built from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Literal["go"] = "go"
    package: str = "."
    """The main package, relative to the module."""


Dependencies = Annotated[PythonBuild | NodeBuild | GoBuild, Field(discriminator="language")]


class ImageBuild(BaseModel):
    """How a submission's image is built; every path is relative to the service's folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dockerfile: str
    """Relative to `context`, as the tools have it."""
    context: str = "."
    target: str | None = None
    """The stage that is wanted; None means the last one."""
    args: dict[str, str] = {}
    contexts: dict[str, str] = {}
    """Further folders by the name under which the Dockerfile copies from them."""
    entrypoint: tuple[str, ...] | None = None
    """Stands in for the image's own, when a compose file says so; so does `command`."""
    command: tuple[str, ...] | None = None
    read_only: bool = False


class Recipe(BaseModel):
    """How one submission is built, migrated, started and asked for its health."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stack: str
    """A word or three for people: `python-fastapi`, `node-express`, `go`, `custom`."""
    source: str
    """Where the start command was found: `acidtest.toml`, `Procfile`, `source code`, …"""
    build: tuple[str, ...] = ()
    """Shell commands of its own, run in the service's folder after the dependencies."""
    migrate: str | None = None
    start: str
    """Shell command, run in the service's folder; `$PORT` and friends are left for the shell."""
    worker: str | None = None
    ci: str | None = None
    """Run for a change to the submission, never beside the service."""
    health: str | None = None
    port: int | None = None
    """A port it seems to listen on whatever PORT says; worth offering as PORT."""
    env: dict[str, str] = {}
    """Extra environment; values may use `${NAME}` of the offered values."""
    dialect: dict[str, Any] = {}
    """How the contract's operations are spelled here, kept as written."""
    dockerfile: Path | None = None
    container: ImageBuild | None = None
    """How its image is built, for the drivers that run images."""
    image: str | None = None
    """A ready image to run instead of building, when a container driver is there."""
    database_scheme: str = "postgresql"
    """Scheme of the DATABASE_URL this code can use as it stands."""
    dependencies: Dependencies | None = None
    notes: tuple[str, ...] = ()
    """Every guess as a sentence."""

    def environment(self, offered: Mapping[str, str]) -> dict[str, str]:
        """Return the submission's environment for the `offered` values of one run.

        DATABASE_URL gets the scheme this code needs. A variable of `env` that refers to a value
        this run does not offer is left out; one that is spelled like an offered name wins over it.
        """
        known = {**offered}
        if url := known.get("DATABASE_URL"):
            _, separator, rest = url.partition("://")
            known["DATABASE_URL"] = f"{self.database_scheme}{separator}{rest}"
        expanded = {
            name: PLACEHOLDER.sub(lambda match: known[match[1]], text)
            for name, text in self.env.items()
            if all(found in known for found in PLACEHOLDER.findall(text))
        }
        return {**known, **expanded}
