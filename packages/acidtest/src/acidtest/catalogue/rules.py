"""Rules about code: what tools may find, what it is called here, and what it costs."""

from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acidtest.catalogue.loader import explain, read_yaml, shared_folder
from acidtest.core.errors import PackageError
from acidtest.core.finding import Severity

SCHEMA_ID = "urn:acidtest:schema:rules:1"


class Rule(BaseModel):
    """One kind of finding."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    criterion: str = Field(pattern=r"^[a-z][a-z_]*\.[a-z][a-z_]*$")
    severity: Severity
    title: str
    """What is wrong, without its place."""
    why: str
    """Why it matters to somebody who runs the service."""
    cost: float = Field(ge=0, le=1)
    """Share of the criterion that one finding costs a thousand lines of code."""
    most: float = Field(ge=0, le=1)
    """Share of the criterion that all of them cost together, at most."""
    free: int = Field(default=0, ge=0)
    """How many are shown without a cost: what has its rightful places."""
    per_size: bool = True
    """Whether a larger program may hold more of them for the same cost."""
    seen_by: dict[str, tuple[str, ...]] = {}
    """Codes of tools that mean it, by tool."""


class Rules(BaseModel):
    """All rules, by name."""

    model_config = ConfigDict(extra="forbid")

    rules: dict[str, Rule]

    @cached_property
    def by_code(self) -> dict[tuple[str, str], str]:
        """The rule that a tool's code means, by tool and code."""
        return {
            (tool, code): name
            for name, rule in self.rules.items()
            for tool, codes in rule.seen_by.items()
            for code in codes
        }

    def codes(self, tool: str) -> tuple[str, ...]:
        """The codes of one tool that mean anything here, sorted."""
        return tuple(sorted(code for of, code in self.by_code if of == tool))

    def of(self, criterion: str) -> dict[str, Rule]:
        """The rules of one criterion."""
        return {name: rule for name, rule in self.rules.items() if rule.criterion == criterion}


def load_rules() -> Rules:
    """Read the rules of the catalogue, from all files of its folder `rules`.

    Raises:
        PackageError: one of them is not valid; the message names the place.
    """
    rules: dict[str, Rule] = {}
    for path in sorted(shared_folder("rules").glob("*.yaml")):
        try:
            more = Rules.model_validate(read_yaml(path)).rules
        except ValidationError as error:
            raise PackageError(f"{path}: {explain(error)}") from error
        twice = sorted(rules.keys() & more.keys())
        if twice:
            raise PackageError(f"{path}: {', '.join(twice)} is a rule already")
        rules |= more
    return Rules(rules=rules)


def schema() -> dict[str, Any]:
    """The JSON Schema of a file of rules; published as `schemas/rules.schema.json`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**head, **Rules.model_json_schema()}
