"""The sorted rows of a judgement, which every report projects."""

from types import ModuleType

from acidtest.core.verdict import Status
from acidtest.grader.reports import render_html
from acidtest.grader.reports.console_summary import summary
from acidtest.grader.reports.digest import digest, group_points


def test_every_check_is_in_exactly_one_list(sample: ModuleType) -> None:
    """No verdict is shown twice, none is left out."""
    rows = digest(sample.judgement())

    lists = (rows.findings, rows.untold, rows.skipped, rows.not_applicable, rows.passed)
    ids = [row.info.id for found in lists for row in found]
    assert sorted(ids) == sorted(info.id for info in sample.checks())
    assert rows.unasked == ()


def test_the_points_add_up(sample: ModuleType) -> None:
    """What was lost and what was earned make 100, over checks and over groups."""
    judgement = sample.judgement()
    rows, groups = digest(judgement), group_points(judgement.score)
    points = judgement.score.points

    assert abs(points + rows.lost + rows.lost_to_skips - 100) < 0.05
    assert abs(sum(group.possible for group in groups) - 100) < 0.05
    assert abs(sum(group.earned for group in groups) - points) < 0.05


def test_a_skipped_check_knows_what_it_rests_on(sample: ModuleType) -> None:
    """A finding names the checks that rest on it, and they name it, but not what passed."""
    rows = digest(sample.judgement())
    skipped = {row.info.id: row for row in rows.skipped}
    findings = {row.info.id: row for row in rows.findings}

    blocked = findings["list_statements_stay_level"]
    assert blocked.blocked == ("review_statements_stay_level",)
    assert blocked.blocked_cost == skipped["review_statements_stay_level"].cost
    assert skipped["review_statements_stay_level"].blockers == ("list_statements_stay_level",)


def test_findings_that_say_the_same_are_one_cause(sample: ModuleType) -> None:
    """What breaks many checks in the same words is shown once, with the price of all."""
    judgement = sample.judgement()
    same = {"status": Status.FAIL, "message": "The operation was not found.", "evidence": None}
    broken = {"books_are_listed", "book_is_stored", "keys_expire"}
    rows = tuple(
        row.model_copy(update=same) if row.check in broken else row for row in judgement.results
    )
    costs = {**judgement.score.costs, **dict.fromkeys(broken, 4.0)}
    judgement = judgement.model_copy(
        update={
            "results": rows,
            "score": judgement.score.model_copy(update={"costs": costs}),
        }
    )

    first = digest(judgement).causes[0]

    assert {row.info.id for row in first.rows} == broken
    assert first.head.info.id == "books_are_listed"
    assert first.cost == 12.0
    assert render_html(judgement).count("<h3 id=") == len(digest(judgement).causes)


def test_findings_without_words_are_never_joined(sample: ModuleType) -> None:
    """Two findings without a message stay two."""
    judgement = sample.judgement()
    silent = {"status": Status.FAIL, "message": "", "evidence": None}
    rows = tuple(row.model_copy(update=silent) for row in judgement.results)

    assert all(
        len(cause.rows) == 1
        for cause in digest(judgement.model_copy(update={"results": rows})).causes
    )


def test_a_few_chosen_checks_have_no_points(sample: ModuleType) -> None:
    """A run of one check, such as a replay, speaks of no points: they would be of nothing."""
    judgement = sample.judgement()
    chosen = "isbn_race_has_one_winner"
    judgement = judgement.model_copy(
        update={
            "options": judgement.options.model_copy(update={"only": (chosen,)}),
            "checks": tuple(info for info in judgement.checks if info.id == chosen),
            "results": tuple(row for row in judgement.results if row.check == chosen),
        }
    )

    page = render_html(judgement)
    lines = "\n".join(text.plain for text in summary(judgement))

    assert "Only 1 check was asked, so there is no score." in page
    assert "Only 1 check was asked, so there is no score." in lines
    assert " points" not in lines
    assert "\N{MINUS SIGN}" not in page
