"""Every problem package is whole: what its files promise each other holds without a run."""

import re
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

from acidtest.catalogue.expectations import load_expectations
from acidtest.catalogue.loader import load_problem, problem_slugs
from acidtest.grader.plan import ordered_checks
from acidtest.grader.verify import cases_of, stage

MINIMUM_CHECKS = 30
MINIMUM_SUSPECTS = 18


@pytest.mark.parametrize("slug", problem_slugs())
def test_requirements_of_statement_and_problem_are_the_same(slug: str) -> None:
    """The numbered requirements a candidate reads are those the checks may cite."""
    problem = load_problem(slug)
    statement = (problem.folder / "statement.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\*\*(R\d+) ", statement, re.MULTILINE)) == set(problem.requirements)


@pytest.mark.parametrize("slug", problem_slugs())
def test_the_contract_is_valid_openapi(slug: str) -> None:
    """The contract is a valid OpenAPI document that holds every operation."""
    problem = load_problem(slug)
    contract = yaml.safe_load((problem.folder / "contract.yaml").read_text(encoding="utf-8"))

    validate(contract)
    operations = {
        operation["operationId"]
        for path in contract["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    }
    assert operations == set(problem.operations)


@pytest.mark.parametrize("slug", problem_slugs())
def test_there_are_enough_checks_and_each_requirement_is_asked(slug: str) -> None:
    """A problem has enough checks, and every requirement of its statement is looked at."""
    problem = load_problem(slug)
    checks = ordered_checks(problem)

    assert len(checks) >= MINIMUM_CHECKS
    assert {check.info.requirement for check in checks} == set(problem.requirements)


@pytest.mark.parametrize("slug", problem_slugs())
def test_every_suspect_applies_and_names_real_checks(slug: str, tmp_path: Path) -> None:
    """Each patch applies to the reference as it is today, and names checks that exist."""
    problem = load_problem(slug)
    known = {check.info.id for check in ordered_checks(problem)}
    expectations = load_expectations(problem)
    suspects = [c for c in cases_of(problem, expectations) if c.kind == "suspect"]

    assert len(suspects) >= MINIMUM_SUSPECTS
    for case in suspects:
        stage(problem, case, tmp_path / case.name)
        assert case.fails is not None
        assert case.fails <= known, case.name


def folders(place: Path) -> list[Path]:
    """The folders in a part of a package, which need not be there."""
    return [path for path in place.glob("*") if path.is_dir()]


@pytest.mark.parametrize("slug", problem_slugs())
def test_everything_kept_is_listed(slug: str) -> None:
    """Each folder of submissions and junk has its expectation; nothing lies about unjudged."""
    problem = load_problem(slug)
    expectations = load_expectations(problem)

    junk = {path.name for path in folders(problem.folder / "junk")}
    assert junk == set(expectations.junk)
    kept = {kept.path for kept in expectations.submissions.values()}
    on_disk = {
        str(path.relative_to(problem.folder))
        for part in ("submissions", "starter")
        for path in folders(problem.folder / part)
    }
    assert on_disk == kept
