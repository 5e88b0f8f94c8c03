"""`acidtest grade`: what it asks of the grader, what it writes, how it ends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from acidtest.catalogue.loader import load_problem
from acidtest.cli.renderings import folder_in_repository
from acidtest.core.judgement import Outcome
from acidtest.grader.reports import read_json

Run = Callable[..., Any]
GRADE = ("grade", "here", "--problem", "book-reviews")


@pytest.mark.parametrize(
    ("threshold", "code"), [("0", 0), ("70.7", 0), ("70.76", 0), ("70.8", 1), ("100", 1)]
)
def test_the_threshold_decides(acidtest: Run, player: Any, threshold: str, code: int) -> None:
    """A score of 70.76 passes every threshold up to itself; `player` plays that run."""
    assert player
    assert acidtest(*GRADE, "--threshold", threshold).code == code


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.NOT_BUILT, 3), (Outcome.NOT_STARTED, 3), (Outcome.VOID, 4)]
)
def test_what_was_not_judged_has_its_own_code(
    acidtest: Run, player: Any, outcome: Outcome, code: int
) -> None:
    """A submission that does not run and a judge that breaks are told apart."""
    player.judgement = player.sample.unjudged(outcome)

    assert acidtest(*GRADE).code == code


def test_a_run_too_void_to_score_is_void(acidtest: Run, player: Any) -> None:
    """Without a score because the judge broke, nothing is said about the submission."""
    score = player.judgement.score.model_copy(update={"points": None, "void_share": 0.3})
    player.judgement = player.judgement.model_copy(update={"score": score})

    ended = acidtest(*GRADE)

    assert ended.code == 4
    assert "The judge itself broke on 30 % of the weight" in ended.out


def test_the_options_reach_the_grader(acidtest: Run, player: Any, state: Path) -> None:
    """Everything that was asked for is in the request, the folder with its whole path."""
    acidtest(
        "grade", ".", "-p", "book-reviews", "--subdir", "api", "--quick", "--seed", "7",
        "--only", "books_are_listed", "--only", "keys_expire", "--driver", "podman",
    )  # fmt: skip

    (request,) = player.requests
    assert Path(request.source) == Path.cwd()
    assert request.state == state
    assert request.subdirectory == "api"
    assert (request.quick, request.seed, request.driver) == (True, 7, "podman")
    assert request.only == ("books_are_listed", "keys_expire")
    assert not request.allow_unsafe


def test_reports_of_other_tools_reach_the_grader(
    acidtest: Run, player: Any, tmp_path: Path
) -> None:
    """They are looked at before anything runs, and one that cannot be read stops the command."""
    report, broken = tmp_path / "a.sarif", tmp_path / "b.sarif"
    report.write_text('{"version": "2.1.0", "runs": []}')
    broken.write_text("{}")

    refused = acidtest(*GRADE, "--merge-sarif", str(report), "--merge-sarif", str(broken))
    acidtest(*GRADE, "--merge-sarif", str(report))

    (request,) = player.requests
    assert request.sarif == (report,)
    assert refused.code == 2
    assert "b.sarif is no SARIF 2.1 log" in refused.err


@pytest.mark.parametrize("slug", ["book-reviews", "orders", "struggling-orders"])
def test_a_reference_brings_the_packages_beside_it(acidtest: Run, player: Any, slug: str) -> None:
    """The folder of a reference service alone is enough; any other folder is taken as it is."""
    problem = load_problem(slug)
    root = (problem.folder / problem.reference.root).resolve()

    acidtest("grade", str(root / problem.reference.path), "-p", slug)
    acidtest("grade", str(problem.folder), "-p", slug)

    first, second = player.requests
    assert (first.source, first.subdirectory) == (str(root), problem.reference.path)
    assert (second.source, second.subdirectory) == (str(problem.folder), None)


def test_without_isolation_only_when_said(acidtest: Run, player: Any) -> None:
    """--local-unsafe is the one way to run without a sandbox, and it contradicts other drivers."""
    acidtest(*GRADE, "--local-unsafe")
    ended = acidtest(*GRADE, "--local-unsafe", "--driver", "bwrap")

    (request,) = player.requests
    assert (request.driver, request.allow_unsafe) == ("local-unsafe", True)
    assert ended.code == 2
    assert "contradict" in ended.err


def test_every_report_is_written(acidtest: Run, player: Any, tmp_path: Path) -> None:
    """--out writes those that fit anywhere, the single options each its own."""
    page = tmp_path / "deep" / "page.html"

    acidtest(*GRADE, "--out", str(tmp_path / "all"), "--html", str(page))

    names = sorted(path.name for path in (tmp_path / "all").iterdir())
    assert names == ["ctrf.json", "judgement.json", "junit.xml", "report.html", "report.sarif"]
    assert read_json(tmp_path / "all" / "judgement.json") == player.judgement
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_on_standard_output_is_nothing_else(acidtest: Run, player: Any) -> None:
    """With --json - the progress goes to standard error, so that a program can read the rest."""
    ended = acidtest(*GRADE, "--json", "-")

    assert json.loads(ended.out)["run"] == player.judgement.run
    assert "70.7 of 100" in ended.err


def test_junit_on_standard_output_is_nothing_else(acidtest: Run, player: Any) -> None:
    """The same holds for JUnit."""
    assert player
    ended = acidtest(*GRADE, "--junit", "-")

    assert ET.fromstring(ended.out).tag == "testsuites"  # noqa: S314 - our own report


@pytest.mark.parametrize(
    ("option", "begins"),
    [
        ("sarif", '{\n  "$schema": "https://docs.oasis-open.org'),
        ("ctrf", '{\n  "reportFormat": "CTRF"'),
        ("github-summary", "## Book reviews: 49.0 of 100, level 2 of 5"),
        ("annotations", "::error file=app/settings.py,line=12"),
        ("gradescope", '{\n  "score": 49.0'),
        ("prairielearn", '{\n  "gradable": true'),
    ],
)
def test_each_format_can_be_asked_for(
    acidtest: Run, player: Any, tmp_path: Path, option: str, begins: str
) -> None:
    """Each has its option, which takes a file or standard output."""
    assert player
    file = tmp_path / "there" / "file"

    ended = acidtest(*GRADE, f"--{option}", "-")
    acidtest(*GRADE, f"--{option}", str(file))

    assert ended.out.startswith(begins)
    assert file.read_text(encoding="utf-8") == ended.out


@pytest.mark.parametrize(
    ("source", "folder"),
    [
        ("/checkout/repo/services/a", "services/a"),
        ("/checkout/repo", ""),
        ("/else/a", ""),
        ("a", ""),
    ],
)
def test_places_are_told_as_the_repository_has_them(source: str, folder: str) -> None:
    """A submission below what a CI checked out has its folder before its files."""
    for variable in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        assert folder_in_repository(source, {variable: "/checkout/repo"}) == folder
    assert not folder_in_repository(source, {})


def test_two_reports_cannot_share_standard_output(acidtest: Run, player: Any) -> None:
    """Two reports for standard output are refused before anything runs."""
    ended = acidtest(*GRADE, "--json", "-", "--junit", "-")

    assert ended.code == 2
    assert player.requests == []


def test_a_report_that_cannot_be_written_is_said(
    acidtest: Run, player: Any, tmp_path: Path
) -> None:
    """A file in a place that cannot be is named, and the run is kept all the same."""
    assert player
    (tmp_path / "file").touch()

    ended = acidtest(*GRADE, "--json", str(tmp_path / "file" / "x.json"))

    assert ended.code == 2
    assert "x.json cannot be written" in ended.err
    assert list((tmp_path / "state" / "reports").iterdir())


def test_the_run_is_kept_and_shown(acidtest: Run, player: Any, state: Path) -> None:
    """The last line names the page of the run, which is there."""
    ended = acidtest(*GRADE, "--keep")

    page = Path(ended.out.strip().splitlines()[-1].removeprefix("Report").strip())
    assert page.is_file()
    assert page.parent == state / "reports" / player.judgement.run
    assert (page.parent / "kept").exists()
