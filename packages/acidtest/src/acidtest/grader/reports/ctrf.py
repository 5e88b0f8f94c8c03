"""The CTRF report (Common Test Report Format): a test per check, for dashboards that read JSON.

What nobody could tell, and advice, is `other`: neither passed nor failed, since no build should go
red for it.
"""

import json
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Kind, Status
from acidtest.grader.reports import wording
from acidtest.grader.reports.digest import Digest, Row, digest
from acidtest.grader.reports.inert import one_line, visible
from acidtest.grader.reports.losses import costs, total

SPECIFICATION = "0.0.0"
"""Version of the format that is spoken."""

_MESSAGE = 500
_TEXT = 8_000
_STATUSES = {
    Status.PASS: "passed",
    Status.PARTIAL: "failed",
    Status.FAIL: "failed",
    Status.UNKNOWN: "other",
    Status.VOID: "other",
    Status.SKIPPED: "skipped",
    Status.NOT_APPLICABLE: "skipped",
}


def render(judgement: Judgement) -> str:
    """Return `judgement` as a CTRF document."""
    tests = _tests(judgement)
    begun = round(judgement.started_at.timestamp() * 1000)
    statuses = [test["status"] for test in tests]
    document = {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "reportId": str(uuid5(NAMESPACE_URL, f"urn:acidtest:run:{judgement.run}")),
        "timestamp": judgement.started_at.isoformat(),
        "generatedBy": f"acidtest {judgement.acidtest_version}",
        "results": {
            "tool": {"name": "acidtest", "version": judgement.acidtest_version},
            "summary": {
                "tests": len(tests),
                **{
                    status: statuses.count(status)
                    for status in ("passed", "failed", "skipped", "pending", "other")
                },
                "start": begun,
                "stop": begun + round(judgement.seconds * 1000),
                "extra": _extra(judgement),
            },
            "tests": tests,
            "environment": _environment(judgement),
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _tests(judgement: Judgement) -> list[dict[str, Any]]:
    if judgement.outcome is not Outcome.JUDGED:
        return [_run_as_test(judgement)]
    rows = _in_order(digest(judgement))
    titles = {group.name: group.title for group in judgement.groups}
    lost = costs(judgement)
    return [_test(judgement, row, titles, lost) for row in rows]


def _in_order(sorted_rows: Digest) -> list[Row]:
    lists = (
        sorted_rows.findings,
        sorted_rows.untold,
        sorted_rows.skipped,
        sorted_rows.not_applicable,
        sorted_rows.passed,
    )
    return sorted((row for rows in lists for row in rows), key=lambda row: row.place)


def _test(
    judgement: Judgement, row: Row, titles: dict[str, str], lost: dict[str, float]
) -> dict[str, Any]:
    result = row.result
    failed = result.status in {Status.FAIL, Status.PARTIAL}
    test: dict[str, Any] = {
        "testId": row.info.id,
        "name": row.info.title,
        "status": "other" if failed and row.advisory else _STATUSES[result.status],
        "rawStatus": result.status.value,
        "duration": round(result.seconds * 1000),
        "suite": [judgement.problem.slug, titles.get(row.info.group, row.info.group)],
        "tags": [row.info.requirement, row.info.kind.value],
        "extra": {"check": row.info.id, "pointsLost": round(lost.get(row.info.id, 0.0), 2)},
    }
    if result.tries > 1:
        test["retries"] = result.tries - 1
    if result.status is not Status.PASS:
        test["message"] = one_line(result.message, limit=_MESSAGE)
    if failed:
        test["trace"] = _trace(judgement, row)
    return test


def _trace(judgement: Judgement, row: Row) -> str:
    evidence = row.result.evidence
    parts = [
        "Advice, no points." if row.info.kind is Kind.ADVISORY else "",
        f"Requirement {row.info.requirement}: {row.requirement}" if row.requirement else "",
        f"Expected: {evidence.expected}" if evidence and evidence.expected else "",
        f"Observed: {evidence.observed}" if evidence and evidence.observed else "",
        f"See it again: {wording.replay_command(judgement, row.info.id)}",
    ]
    return visible("\n".join(part for part in parts if part), limit=_TEXT)


def _run_as_test(judgement: Judgement) -> dict[str, Any]:
    """One test that says why there are no others."""
    void = judgement.outcome is Outcome.VOID
    return {
        "testId": "run",
        "name": wording.OUTCOME_HEADLINES[judgement.outcome],
        "status": "other" if void else "failed",
        "rawStatus": judgement.outcome.value,
        "duration": round(judgement.seconds * 1000),
        "suite": [judgement.problem.slug],
        "message": one_line(judgement.message, limit=_MESSAGE),
        "trace": visible(judgement.log[-_TEXT:], limit=2 * _TEXT),
    }


def _extra(judgement: Judgement) -> dict[str, Any]:
    told = judgement.assessment
    return {
        "outcome": judgement.outcome.value,
        "points": total(judgement),
        "findingsInFiles": len(judgement.findings),
        **(
            {
                "profile": told.profile,
                "areas": {
                    area.name: {
                        "title": area.title,
                        "earned": round(area.earned, 2),
                        "possible": round(area.possible, 2),
                    }
                    for area in told.areas
                },
            }
            if told
            else {}
        ),
    }


def _environment(judgement: Judgement) -> dict[str, Any]:
    about: dict[str, Any] = {
        "reportName": judgement.run,
        "appName": one_line(judgement.submission.label, limit=_MESSAGE),
        "extra": {name: one_line(text) for name, text in judgement.environment.items()},
    }
    if judgement.submission.commit:
        about["commit"] = one_line(judgement.submission.commit, limit=80)
    return about
