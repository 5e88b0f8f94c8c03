"""The schemas of profiles and rules are those of the models, and the catalogue keeps them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import acidtest.schemas
from acidtest.catalogue import profiles, rules
from acidtest.catalogue.loader import catalogue_folder
from acidtest.grader.reports import json_file

PUBLISHED = Path(acidtest.schemas.__path__[0])
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "profile": profiles.schema,
    "rules": rules.schema,
}
FOLDERS = {"profile": "profiles", "rules": "rules"}
FILES = [
    pytest.param(name, path, id=f"{name}-{path.stem}")
    for name, folder in FOLDERS.items()
    for path in sorted((catalogue_folder() / folder).glob("*.yaml"))
]


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_current(name: str) -> None:
    """The schema in the package is the one the models give; else store `schema()` there."""
    published = json.loads((PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8"))

    assert published == SCHEMAS[name]()
    jsonschema.Draft202012Validator.check_schema(published)


@pytest.mark.parametrize(("name", "path"), FILES)
def test_what_the_catalogue_holds_is_valid(name: str, path: Path) -> None:
    """Every file keeps the schema that an editor would hold it to."""
    jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), SCHEMAS[name]())


@pytest.mark.parametrize(("name", "path"), FILES)
def test_a_misspelt_key_is_refused(name: str, path: Path) -> None:
    """An unknown key is a mistake also by the schema."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))

    with pytest.raises(jsonschema.ValidationError, match="Additional properties"):
        jsonschema.validate({**data, "wieght": 1}, SCHEMAS[name]())


def test_schemas_have_a_version() -> None:
    """What is published says which version of its format it describes."""
    ids = {SCHEMAS[name]()["$id"] for name in SCHEMAS} | {json_file.SCHEMA_ID}

    assert len(ids) == 3
    assert all(one.rpartition(":")[2].isdigit() for one in ids)
