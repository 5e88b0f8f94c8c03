"""Every problem package is whole: what its files promise each other holds without a run."""

import re
from pathlib import Path

import pytest
import yaml
from openapi_spec_validator import validate

from acidtest.catalogue.expectations import load_expectations
from acidtest.catalogue.loader import load_problem, problem_slugs
from acidtest.core.verdict import Kind
from acidtest.grader.plan import ordered_checks
from acidtest.grader.verify import cases_of, stage

MINIMUM_CHECKS = {"orders": 45}
"""Where it is not thirty."""
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

    assert len(checks) >= MINIMUM_CHECKS.get(slug, 30)
    assert {check.info.requirement for check in checks} == set(problem.requirements)


@pytest.mark.parametrize("slug", problem_slugs())
def test_every_group_has_points(slug: str) -> None:
    """Each group has a check that carries points, and no other group is named."""
    problem = load_problem(slug)
    groups = {group.name for group in problem.groups}
    checks = ordered_checks(problem)

    assert {check.info.group for check in checks} == groups
    assert {c.info.group for c in checks if c.info.kind is not Kind.ADVISORY} == groups


@pytest.mark.parametrize("slug", problem_slugs())
def test_every_check_speaks_in_sentences(slug: str) -> None:
    """The first line of each check is one whole sentence."""
    checks = ordered_checks(load_problem(slug))
    # The titles of the other problems may begin with a name in code quotes.
    sentence = re.compile(rf"{'[A-Z]' if slug == 'book-reviews' else '[A-Z`]'}.*\w\.")

    assert [c.info.id for c in checks if not sentence.fullmatch(c.info.title)] == []


@pytest.mark.parametrize("slug", problem_slugs())
def test_what_checks_rest_on_is_there(slug: str) -> None:
    """Each check rests on checks that exist."""
    checks = ordered_checks(load_problem(slug))

    known = {check.info.id for check in checks}
    assert {name for check in checks for name in check.info.requires} <= known


@pytest.mark.parametrize("slug", problem_slugs())
def test_checks_import_only_what_they_may(slug: str) -> None:
    """Checks import the SDK, their own siblings and the standard library, and nothing else."""
    paths = sorted((load_problem(slug).folder / "checks").glob("*.py"))
    assert paths
    for path in paths:
        names = re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
        ours = [name for name in names if name.startswith(("acidtest", "acidkit"))]
        assert set(ours) <= {"acidtest.grader.sdk"}, path.name


@pytest.mark.parametrize("slug", problem_slugs())
def test_the_rubric_weighs_every_dimension(slug: str) -> None:
    """Each item of the rubric is a sentence with evidence, and no dimension is without items."""
    rubric = yaml.safe_load((load_problem(slug).folder / "rubric.yaml").read_text())
    items = rubric["items"]

    assert {item["dimension"] for item in items} == set(rubric["dimensions"])
    assert sum(dimension["weight"] for dimension in rubric["dimensions"].values()) == 100
    assert all(item["statement"].strip().endswith(".") and item["evidence"] for item in items)
    assert len({item["id"] for item in items}) == len(items)


@pytest.mark.parametrize("slug", problem_slugs())
def test_groups_are_worth_a_hundred_points(slug: str) -> None:
    """A group's weight is what its points are when every group is asked."""
    assert sum(group.weight for group in load_problem(slug).groups) == 100


@pytest.mark.parametrize("slug", problem_slugs())
def test_every_scored_check_has_its_suspect(slug: str) -> None:
    """For each check with points a suspect is kept that must fail it."""
    problem = load_problem(slug)
    caught = {c for kept in load_expectations(problem).suspects.values() for c in kept.fails}

    scored = {c.info.id for c in ordered_checks(problem) if c.info.kind is not Kind.ADVISORY}
    assert scored == caught


@pytest.mark.parametrize("slug", problem_slugs())
def test_every_suspect_is_one_patch(slug: str) -> None:
    """Suspects and patches are the same names, and each patch stays inside the service."""
    problem = load_problem(slug)
    patches = {path.stem: path.read_text() for path in problem.folder.glob("suspects/*.patch")}

    assert set(load_expectations(problem).suspects) == set(patches)
    assert not [name for name, text in patches.items() if "../" in text or not text]


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
