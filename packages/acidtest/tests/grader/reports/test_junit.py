"""The JUnit report is what CI systems read: checked against the shape their schemas share."""

from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from acidtest.core.judgement import Outcome
from acidtest.grader.reports import render_junit

_ATTRIBUTES = {
    "testsuites": ({"name"}, {"tests", "failures", "errors", "skipped", "time"}),
    "testsuite": (
        {"name", "tests"},
        {"failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package"},
    ),
    "testcase": ({"name", "classname"}, {"time"}),
    "failure": (set[str](), {"message", "type"}),
    "error": (set[str](), {"message", "type"}),
    "skipped": (set[str](), {"message", "type"}),
    "system-out": (set[str](), set[str]()),
}
_CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped", "system-out"},
}


def _check_shape(element: ET.Element) -> None:
    required, optional = _ATTRIBUTES[element.tag]
    assert required <= set(element.keys()) <= required | optional
    for child in element:
        assert child.tag in _CHILDREN[element.tag]
        _check_shape(child)
    if element.tag in {"testsuite", "testsuites"}:
        cases = list(element.iter("testcase"))
        assert int(element.attrib["tests"]) == len(cases)
        for attribute, tag in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            assert int(element.attrib[attribute]) == len(list(element.iter(tag)))


def _read(text: str) -> ET.Element:
    root = ET.fromstring(text)  # noqa: S314 - our own report
    _check_shape(root)
    return root


def test_the_report_has_the_shape_ci_systems_read(sample: ModuleType) -> None:
    """There is a suite per group, a case per check, and the counts are true."""
    root = _read(render_junit(sample.judgement()))

    assert [s.get("name") for s in root] == [g.title for g in sample.GROUPS]
    assert root.get("tests") == "38"
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("6", "1", "4")


def test_a_failure_tells_how_to_see_it(sample: ModuleType) -> None:
    """The text of a failure has the claim, expected and observed, a replay and curl lines."""
    root = _read(render_junit(sample.judgement()))

    failure = root.find(".//testcase[@name='isbn_race_has_one_winner (R6)']/failure")

    assert failure is not None
    assert failure.text
    for part in (
        "What must hold: Of two equal ISBNs",
        "Expected: one answer 201",
        "Observed: 201 from replica-1, 500",
        "acidtest replay 20261121-101512-7f3a/isbn_race_has_one_winner",
        "curl -sS -i -X POST",
    ):
        assert part in failure.text


def test_void_is_an_error_and_unknown_is_skipped_with_its_reason(sample: ModuleType) -> None:
    """The judge's own fault is an error; what could not be told or asked is skipped."""
    root = _read(render_junit(sample.judgement()))

    assert root.find(".//testcase[@name='text_survives (R18)']/error") is not None
    skipped = root.find(".//testcase[@name='stampede_is_bounded (R15)']/skipped")
    assert skipped is not None
    assert "too busy" in skipped.attrib["message"]


def test_advice_does_not_fail_a_build(sample: ModuleType) -> None:
    """An advisory finding is a passing case with the advice as its output."""
    root = _read(render_junit(sample.judgement()))

    case = root.find(".//testcase[@name='readme_says_how (R22)']")

    assert case is not None
    assert [child.tag for child in case] == ["system-out"]


@pytest.mark.parametrize(
    ("outcome", "tag"),
    [
        (Outcome.NOT_BUILT, "failure"),
        (Outcome.NOT_STARTED, "failure"),
        (Outcome.VOID, "error"),
    ],
)
def test_a_run_without_checks_is_one_case(sample: ModuleType, outcome: Outcome, tag: str) -> None:
    """A run that was not judged is one failed case, or one error where the judge broke."""
    root = _read(render_junit(sample.unjudged(outcome)))

    assert [child.tag for child in root.iter() if child.tag in {"failure", "error"}] == [tag]
    assert root.get("tests") == "1"
