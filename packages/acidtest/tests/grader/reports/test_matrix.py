"""The kill matrix: what fails as it must, what must fail and does not, what must not and does."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from acidtest.catalogue.loader import load_problem
from acidtest.grader.reports.matrix import case_line, matrix_lines
from acidtest.grader.verify import Case, CaseResult, Matrix

RACE, INDEX, STALE = (
    "isbn_race_has_one_winner",
    "reviews_have_an_index",
    "old_list_cannot_come_back",
)


def _result(sample: ModuleType, name: str, *, fails: set[str], failed: set[str]) -> CaseResult:
    case = Case(name, "suspect", Path(), fails=frozenset(fails))
    problems = (
        *(f"does not fail {check}" for check in sorted(fails - failed)),
        *(f"fails {check} too" for check in sorted(failed - fails)),
    )
    return CaseResult(case, 1, sample.judgement(), frozenset(failed), problems)


def test_the_matrix_shows_every_deviation(
    sample: ModuleType, snapshot: Callable[[str, str], None]
) -> None:
    """Each suspect is a row, each check a column, and what is off is said below."""
    results = (
        _result(sample, "no-unique", fails={RACE}, failed={RACE}),
        _result(sample, "no-index", fails={INDEX}, failed=set()),
        _result(sample, "stale", fails={STALE}, failed={STALE, RACE}),
    )
    matrix = Matrix(load_problem("book-reviews"), results, ("keys_expire",))

    lines = [*(case_line(result) for result in results), *matrix_lines(matrix)]

    snapshot("matrix.txt", sample.normalised("\n".join(line.plain for line in lines)))


def test_a_package_that_keeps_its_promise_ends_well(sample: ModuleType) -> None:
    """Where nothing is off the last line says so."""
    results = (_result(sample, "no-unique", fails={RACE}, failed={RACE}),)

    lines = list(matrix_lines(Matrix(load_problem("book-reviews"), results, ())))

    assert lines[-1].plain == "1 case, all as the package promises"
