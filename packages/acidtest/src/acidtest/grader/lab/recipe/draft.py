"""A draft: what one file of a submission tells about its recipe; several make a recipe."""

from dataclasses import dataclass, field
from typing import Any

from acidtest.grader.lab.recipe.plan import GoBuild, NodeBuild, PythonBuild


@dataclass(frozen=True, slots=True)
class Draft:
    """Part of a recipe; None and empty mean "says nothing about it"."""

    source: str
    stack: str | None = None
    build: tuple[str, ...] = ()
    migrate: str | None = None
    start: str | None = None
    worker: str | None = None
    ci: str | None = None
    health: str | None = None
    port: int | None = None
    env: dict[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    """Names of environment variables it mentions."""
    dialect: dict[str, Any] = field(default_factory=dict)
    image: str | None = None
    dependencies: PythonBuild | NodeBuild | GoBuild | None = None
    notes: tuple[str, ...] = ()
