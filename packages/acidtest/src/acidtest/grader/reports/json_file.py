"""judgement.json, the one source of every other report, and the JSON Schema that describes it."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from acidtest.core.errors import UsageError
from acidtest.core.judgement import Judgement
from acidtest.grader.reports.inert import visible

SCHEMA_ID = "urn:acidtest:schema:judgement:1"


def render(judgement: Judgement) -> str:
    """Return `judgement` as indented JSON that `read` gives back unchanged.

    Text that no UTF-8 file can hold (a lone half of a surrogate pair) is replaced by its name.
    """
    try:
        return judgement.model_dump_json(indent=2) + "\n"
    except PydanticSerializationError:
        rows = _storable(judgement.model_dump(mode="python"))
        return Judgement.model_validate(rows).model_dump_json(indent=2) + "\n"


def write(judgement: Judgement, path: Path) -> None:
    """Write `judgement` to `path`, so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(render(judgement), encoding="utf-8")
    draft.replace(path)


def read(path: Path) -> Judgement:
    """Return the judgement in `path`.

    Raises:
        UsageError: there is none, or this version cannot read it.
    """
    try:
        return Judgement.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise UsageError(
            f"{path} is not a judgement this version of AcidTest can read "
            f"({error.error_count()} problems; the first: {_first_problem(error)})."
        ) from error


def schema() -> str:
    """Return the JSON Schema of judgement.json."""
    body = Judgement.model_json_schema(mode="serialization")
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return json.dumps({**head, **body}, indent=2, ensure_ascii=False) + "\n"


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the whole"
    return visible(f"{place}: {problem['msg']}", limit=200)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_storable(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(inner) for inner in value]
    return value
