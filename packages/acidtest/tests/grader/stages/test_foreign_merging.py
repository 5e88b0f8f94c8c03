"""Other tools' reports lower a mark as ours do, once, and never beyond what a rule may cost."""

from pathlib import Path

import pytest

from acidtest.catalogue.rules import Rule, Rules
from acidtest.core.finding import Severity
from acidtest.core.mark import Mark
from acidtest.grader.stages.foreign import ForeignReport, merged
from acidtest.grader.stages.hits import Hit, marks_of, weigh
from acidtest.grader.stages.outcome import StageOutcome
from acidtest.grader.stages.tree import SourceTree, read_tree

RULES = Rules(
    rules={
        "errors.swallowed": Rule(
            criterion="code.errors",
            severity=Severity.MAJOR,
            title="T",
            why="W",
            cost=0.1,
            most=0.25,
            per_size=False,
            seen_by={"ruff": ("S110",), "pylint": ("W0702",)},
        ),
        "types.wrong": Rule(
            criterion="code.types",
            severity=Severity.MINOR,
            title="T",
            why="W",
            cost=0.1,
            most=0.5,
            seen_by={"mypy": ("attr-defined",)},
        ),
    }
)


@pytest.fixture
def tree(tmp_path: Path) -> SourceTree:
    """A module in which every line is the same."""
    (tmp_path / "a.py").write_text("except Exception: pass\n" * 40)
    return read_tree(tmp_path)


def hit(line: int, *, tool: str = "pylint", code: str = "W0702") -> Hit:
    """Something a tool saw at a line of it."""
    return Hit(tool, code, "a.py", line, None, f"seen by {tool}")


@pytest.fixture
def outcome(tree: SourceTree) -> StageOutcome:
    """What our own tool saw at its first line, and a criterion that nobody could assess."""
    weighed = weigh([hit(1, tool="ruff", code="S110")], RULES, tree)
    figures = {"code.errors": {"handlers": 1.0}}
    marks = marks_of(weighed, {"code.errors": "ruff"}, figures=figures)
    unknown = Mark(criterion="code.types", reason="types are not counted")
    return StageOutcome(findings=weighed.findings, marks=(*marks, unknown), notes=("n",))


def test_the_same_thing_is_one_finding_with_both_tools(
    outcome: StageOutcome, tree: SourceTree
) -> None:
    """Seen twice costs once, and both are named."""
    told = merged(outcome, [ForeignReport((hit(1),))], RULES, tree)

    (finding,) = told.findings
    assert finding.tools == ("pylint W0702", "ruff S110")
    assert finding.id == outcome.findings[0].id
    assert told.marks == outcome.marks


def test_what_only_the_other_saw_is_weighed(outcome: StageOutcome, tree: SourceTree) -> None:
    """It is a finding of our rule with an id of its own, and its cost stands in the mark."""
    told = merged(outcome, [ForeignReport((hit(9),), ("two left out",))], RULES, tree)

    first, second = told.findings
    (mark,) = [mark for mark in told.marks if mark.criterion == "code.errors"]
    assert (second.rule, second.severity) == ("errors.swallowed", Severity.MAJOR)
    assert mark.costs == pytest.approx({first.id: 0.1, second.id: 0.1})
    assert mark.share == pytest.approx(0.8)
    assert mark.reason == "ruff, and a report that was handed in"
    assert mark.figures == {"handlers": 1.0}
    assert told.notes == ("n", "two left out")


def test_a_rule_costs_no_more_than_its_most(outcome: StageOutcome, tree: SourceTree) -> None:
    """Many more of a habit cost what is left of it, in as many parts."""
    many = tuple(hit(line) for line in range(2, 12))

    told = merged(outcome, [ForeignReport(many)], RULES, tree)

    (mark,) = [mark for mark in told.marks if mark.criterion == "code.errors"]
    assert mark.share == pytest.approx(0.75)
    assert len(mark.costs) == 11
    assert len({finding.id for finding in told.findings}) == 11


def test_what_nothing_weighs_is_a_note(outcome: StageOutcome, tree: SourceTree) -> None:
    """An unknown code, and a rule whose criterion nobody assessed, cost nothing."""
    report = ForeignReport((hit(3, code="C9999"), hit(4, tool="mypy", code="attr-defined")))

    told = merged(outcome, [report], RULES, tree)

    assert [finding.severity for finding in told.findings[1:]] == [Severity.NOTE] * 2
    assert told.marks == outcome.marks


def test_no_report_changes_nothing(outcome: StageOutcome, tree: SourceTree) -> None:
    """Without reports, and with an empty one, all stays as it was."""
    assert merged(outcome, [], RULES, tree) == outcome
    assert merged(outcome, [ForeignReport(())], RULES, tree) == outcome
