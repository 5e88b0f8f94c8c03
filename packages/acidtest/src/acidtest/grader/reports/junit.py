"""The JUnit report: a suite per group and a case per check, for every CI that reads JUnit XML.

A finding is a failure, a void check an error, and what could not be asked or told is skipped with
its reason, because no CI should go red for what the submission did not do.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from acidtest.core.evidence import Evidence
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Status
from acidtest.grader.reports import wording
from acidtest.grader.reports.digest import Row, digest
from acidtest.grader.reports.inert import one_line, visible

_MESSAGE = 500
_TEXT = 8_000
_MAX_COMMANDS = 20
_SKIPPED = {Status.UNKNOWN, Status.SKIPPED, Status.NOT_APPLICABLE}


class _Group(NamedTuple):
    name: str
    title: str


def render(judgement: Judgement) -> str:
    """Return `judgement` as a JUnit XML document."""
    root = Element("testsuites", name=f"acidtest {judgement.problem.slug}")
    if judgement.outcome is Outcome.JUDGED:
        _add_suites(root, judgement)
    else:
        _add_outcome(root, judgement)
    _count(root, list(root.iter("testcase")))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def write(judgement: Judgement, path: Path) -> None:
    """Write the JUnit report of `judgement` to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(judgement), encoding="utf-8")


def _add_suites(root: Element, judgement: Judgement) -> None:
    sorted_rows = digest(judgement)
    lists = (
        sorted_rows.findings,
        sorted_rows.untold,
        sorted_rows.skipped,
        sorted_rows.not_applicable,
        sorted_rows.passed,
    )
    rows = {row.info.id: row for found in lists for row in found}
    ordered = [rows[info.id] for info in judgement.checks if info.id in rows]
    for group in _groups(judgement, ordered):
        inside = [row for row in ordered if row.info.group == group.name]
        if inside:
            suite = _suite(root, judgement, group)
            for row in inside:
                _add_case(suite, judgement, row)
            _count(suite, list(suite))


def _groups(judgement: Judgement, rows: Iterable[Row]) -> list[_Group]:
    named = [_Group(group.name, group.title) for group in judgement.groups]
    known = {group.name for group in named}
    others = dict.fromkeys(row.info.group for row in rows if row.info.group not in known)
    return [*named, *(_Group(name, name) for name in others)]


def _suite(root: Element, judgement: Judgement, group: _Group) -> Element:
    return SubElement(
        root,
        "testsuite",
        name=one_line(group.title),
        timestamp=judgement.started_at.strftime("%Y-%m-%dT%H:%M:%S"),
        hostname="acidtest",
    )


def _add_case(suite: Element, judgement: Judgement, row: Row) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=f"{judgement.problem.slug}.{row.info.group}",
        name=f"{row.info.id} ({row.info.requirement})",
        time=f"{row.result.seconds:.3f}",
    )
    status = row.result.status
    if status is Status.PASS:
        return
    if row.advisory and status in {Status.FAIL, Status.PARTIAL}:
        SubElement(case, "system-out").text = "Advice, no points.\n" + _explanation(judgement, row)
    elif status in _SKIPPED:
        reason = f"{wording.STATUS_WORDS[status]}: {row.result.message}"
        SubElement(case, "skipped", message=one_line(reason, limit=_MESSAGE))
    else:
        kind = "error" if status is Status.VOID else "failure"
        told = SubElement(
            case, kind, type=status.value, message=one_line(row.result.message, limit=_MESSAGE)
        )
        told.text = _explanation(judgement, row)


def _explanation(judgement: Judgement, row: Row) -> str:
    evidence = row.result.evidence or Evidence()
    parts = [
        row.result.message,
        f"What must hold: {row.info.title}",
        f"Requirement {row.info.requirement}: {row.requirement}",
        f"Expected: {evidence.expected}" if evidence.expected else "",
        f"Observed: {evidence.observed}" if evidence.observed else "",
        f"Cost: {wording.cost(row.cost)} points" if row.cost else "",
        f"See it again: {wording.replay_command(judgement, row.info.id)}",
        "By hand, with BASE set to the address of your service:" if evidence.curl else "",
        *evidence.curl[:_MAX_COMMANDS],
    ]
    return visible("\n".join(part for part in parts if part), limit=_TEXT)


def _add_outcome(root: Element, judgement: Judgement) -> None:
    """One case that says why there are no others."""
    suite = _suite(root, judgement, _Group("run", "The run"))
    case = SubElement(
        suite,
        "testcase",
        classname=f"{judgement.problem.slug}.run",
        name=judgement.outcome.value,
        time=f"{judgement.seconds:.3f}",
    )
    kind = "error" if judgement.outcome is Outcome.VOID else "failure"
    message = one_line(judgement.message, limit=_MESSAGE)
    told = SubElement(case, kind, type=judgement.outcome.value, message=message)
    told.text = visible(f"{judgement.message}\n\n{judgement.log[-_TEXT:]}", limit=2 * _TEXT)
    _count(suite, [case])


def _count(element: Element, cases: list[Element]) -> None:
    element.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    element.set("time", f"{sum(float(case.get('time', '0')) for case in cases):.3f}")
