import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import acidtest.schemas
from acidtest.catalogue.loader import (
    CATALOGUE_VARIABLE,
    catalogue_folder,
    load_problem,
    problem_slugs,
)
from acidtest.catalogue.problem import schema
from acidtest.core.errors import PackageError, UsageError

PROBLEM = """
slug: tiny
uuid: 00000000-0000-0000-0000-000000000000
version: "1"
title: Tiny
level: L1
minutes: 10
seeds: []
needs: [postgres]
requirements: {R1: It answers.}
operations: {list_things: {method: GET, path: /things, returns: thing, many: true}}
resources: {thing: {fields: {id: {names: [id]}}}}
groups: [{name: g, title: G, weight: 1}]
reference: {root: ., path: ., include: []}
"""


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one problem, named by the environment."""
    (tmp_path / "problems" / "tiny").mkdir(parents=True)
    (tmp_path / "problems" / "tiny" / "problem.yaml").write_text(PROBLEM)
    monkeypatch.setenv(CATALOGUE_VARIABLE, str(tmp_path))
    return tmp_path


def test_a_package_is_found_by_its_slug(catalogue: Path) -> None:
    """A problem is read from the folder that bears its name, and knows where it lies."""
    assert problem_slugs() == ("tiny",)
    assert load_problem("tiny").folder == catalogue / "problems" / "tiny"


@pytest.mark.usefixtures("catalogue")
def test_an_unknown_problem_names_those_that_exist() -> None:
    """Asking for a problem that is not there tells which are."""
    with pytest.raises(UsageError, match="there are: tiny"):
        load_problem("huge")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("level: L1", "level: L9", "level"),
        ("minutes: 10", "minutes: 10\nhours: 3", "hours"),
        ("weight: 1", "weight: 0", "groups.0.weight"),
        ("slug: tiny", "slug: other", "slug"),
        ("slug: tiny", "slug: [", "problem.yaml"),
    ],
)
def test_a_mistake_in_a_package_is_named_with_its_place(
    catalogue: Path, old: str, new: str, place: str
) -> None:
    """Unknown keys and bad values are errors that say where."""
    (catalogue / "problems" / "tiny" / "problem.yaml").write_text(PROBLEM.replace(old, new))

    with pytest.raises(PackageError, match=place):
        load_problem("tiny")


def test_without_a_catalogue_the_way_out_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no catalogue is found, the message names the variable that sets it."""
    monkeypatch.setenv(CATALOGUE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("acidtest.catalogue.loader.__file__", str(tmp_path / "loader.py"))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match=CATALOGUE_VARIABLE):
        load_problem("tiny")


def test_a_catalogue_in_the_current_folder_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graded from inside a submission, its own `catalogue/` with its own checks is never taken."""
    (tmp_path / "catalogue" / "problems" / "mine").mkdir(parents=True)
    monkeypatch.delenv(CATALOGUE_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)

    assert not catalogue_folder().is_relative_to(tmp_path)


def test_the_published_schema_is_that_of_the_model() -> None:
    """Who validates a package with the published schema judges as the loader does."""
    published = Path(acidtest.schemas.__path__[0]) / "problem.schema.json"

    assert json.loads(published.read_text(encoding="utf-8")) == schema()
    jsonschema.validate(yaml.safe_load(PROBLEM), schema())
    with pytest.raises(jsonschema.ValidationError, match="hours"):
        jsonschema.validate({**yaml.safe_load(PROBLEM), "hours": 3}, schema())
