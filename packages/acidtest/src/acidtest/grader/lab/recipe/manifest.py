"""`acidtest.toml`: what a submission says about itself, with every mistake named by its place."""

import difflib
import re
import tomllib
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from acidtest.core.errors import SubmissionError
from acidtest.core.evidence import clip
from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.plan import OFFERED_NAMES, PLACEHOLDER
from acidtest.grader.lab.recipe.sources import Sources

FILE = "acidtest.toml"
EXAMPLE = """\
# acidtest.toml, in the service's folder
start = "uvicorn app.main:app --host 0.0.0.0 --port $PORT"
migrate = "alembic upgrade head"
health = "/health"

[env]
DB_HOST = "${DATABASE_HOST}"
"""
_ENVIRONMENT_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_MOST_COMMAND = 4_000


class Manifest(BaseModel):
    """The keys of `acidtest.toml`; all of them are optional and override what is recognised."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    build: str | list[str] = []
    """Shell commands run after the dependencies are installed."""
    migrate: str | None = None
    """Shell command that brings an empty database to the current schema."""
    start: str | None = None
    """Shell command that serves HTTP on `$PORT`."""
    worker: str | None = None
    """Shell command of a background worker, started beside the service."""
    ci: str | None = None
    """Shell command that CI runs for a change, from `$CI_BASE` to `$CI_HEAD`; 0 lets it pass."""
    health: str | None = None
    """Path that answers 200 once the service is ready."""
    stack: str | None = None
    """A word for people, such as `python-fastapi`; its first part picks the language."""
    env: dict[str, str | int | float | bool] = {}
    """Extra environment; `${DATABASE_HOST}` and friends stand for the values of the run."""
    dialect: dict[str, Any] = {}
    """How the contract's operations, fields and envelopes are spelled here."""

    @field_validator("start", "migrate", "worker", "ci", "stack")
    @classmethod
    def _not_blank(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is empty; leave the key out instead")
        if value is not None and len(value) > _MOST_COMMAND:
            raise ValueError(f"is longer than {_MOST_COMMAND} characters")
        return value

    @field_validator("health")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError("is a path and starts with `/`")
        return value

    @field_validator("env")
    @classmethod
    def _known_placeholders(
        cls, value: dict[str, str | int | float | bool]
    ) -> dict[str, str | int | float | bool]:
        for name, text in value.items():
            if not _ENVIRONMENT_NAME.match(name):
                raise ValueError(f"`{name}` cannot be the name of an environment variable")
            for wanted in PLACEHOLDER.findall(str(text)):
                if wanted not in OFFERED_NAMES:
                    raise ValueError(
                        f"`${{{wanted}}}` is not offered{_near(wanted, OFFERED_NAMES)}"
                    )
        return value


def draft_of(sources: Sources) -> Draft | None:
    """Return what `acidtest.toml` says, or None when there is none.

    Raises:
        SubmissionError: it is not valid; the message names every place.
    """
    text = sources.text(FILE)
    if text is None:
        return None
    try:
        manifest = Manifest.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SubmissionError(f"{FILE} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise SubmissionError(f"{FILE} nests too deeply") from error
    except ValidationError as error:
        raise SubmissionError(f"{FILE} is not valid:\n" + "\n".join(_places(error))) from error
    build = [manifest.build] if isinstance(manifest.build, str) else manifest.build
    return Draft(
        source=FILE,
        stack=manifest.stack,
        build=tuple(build),
        migrate=manifest.migrate,
        start=manifest.start,
        worker=manifest.worker,
        ci=manifest.ci,
        health=manifest.health,
        env={name: _plain(value) for name, value in manifest.env.items()},
        dialect=manifest.dialect,
    )


def _plain(value: str | float | bool) -> str:  # noqa: FBT001 - TOML's own value, not a switch
    return str(value).lower() if isinstance(value, bool) else str(value)


def _places(error: ValidationError) -> list[str]:
    lines = []
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            hint = _near(str(problem["loc"][-1]), tuple(Manifest.model_fields))
            lines.append(f"  {clip(place, 80)}: there is no such key{hint}")
        else:
            reason = problem["msg"].removeprefix("Value error, ")
            lines.append(f"  {clip(place, 80)}: {clip(reason, 200)}")
    return lines


def _near(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known are {', '.join(known)}"
