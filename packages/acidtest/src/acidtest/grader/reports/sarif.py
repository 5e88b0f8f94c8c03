"""The SARIF 2.1.0 report: what was read and what failed, for whoever shows results in an editor.

Failed checks are results as well. They have no line, so they lie at the submission's root and say
how to ask them again.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from acidtest.catalogue.rules import Rule, load_rules
from acidtest.core.finding import Finding, Place, Severity
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Status
from acidtest.grader.reports import wording
from acidtest.grader.reports.inert import visible
from acidtest.grader.reports.losses import Loss, losses, total

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "%SRCROOT%"
"""What places are relative to; by this name readers know the checked-out repository."""
FINGERPRINT = "acidtestFinding/v1"

_TEXT = 2_000
_QUOTE = 1_000
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.MAJOR: "error",
    Severity.MINOR: "warning",
    Severity.NOTE: "note",
}
_SECURITY = {
    Severity.CRITICAL: "9.5",
    Severity.MAJOR: "7.5",
    Severity.MINOR: "4.0",
    Severity.NOTE: "1.0",
}
_LINK = re.compile(r"\](?=\()|\{(?=\d)")
_CHECKS = "behaviour/"
"""What the ids of checks begin with, so that they never meet a rule's name."""


def render(
    judgement: Judgement, *, folder: str = "", rules: Mapping[str, Rule] | None = None
) -> str:
    """Return `judgement` as a SARIF log.

    Args:
        judgement: what is told.
        folder: where the submission lies in its repository, which places are relative to.
        rules: what is known of each rule; those of the catalogue when not given.
    """
    known = load_rules().rules if rules is None else rules
    told = losses(judgement)
    described = _described(told, known)
    numbers = {rule["id"]: number for number, rule in enumerate(described)}
    run = {
        "tool": {
            "driver": {
                "name": "AcidTest",
                "version": judgement.acidtest_version,
                "rules": described,
            }
        },
        "automationDetails": {"id": f"acidtest/{judgement.problem.slug}/{judgement.run}"},
        "invocations": [_invocation(judgement)],
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(judgement, loss, numbers, folder) for loss in told],
        "properties": _about(judgement),
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _described(told: Iterable[Loss], known: Mapping[str, Rule]) -> list[dict[str, Any]]:
    """All rules of the catalogue, then what else there is a result of."""
    described = {name: _rule(name, rule) for name, rule in known.items()}
    for loss in told:
        described.setdefault(_rule_id(loss), _rule_of(loss))
    return list(described.values())


def _rule_id(loss: Loss) -> str:
    return loss.rule if loss.finding else _CHECKS + loss.rule


def _rule(name: str, rule: Rule) -> dict[str, Any]:
    return {
        "id": name,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.why},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": _tags(rule.criterion, rule.severity),
    }


def _rule_of(loss: Loss) -> dict[str, Any]:
    """What is known of a rule from a result of it alone."""
    if loss.row:
        title, why, criterion = loss.row.info.title, loss.row.requirement, "behaviour"
    else:
        why = loss.finding.why if loss.finding else ""
        title, criterion = loss.rule, loss.finding.criterion if loss.finding else ""
    return {
        "id": _rule_id(loss),
        "shortDescription": {"text": _plain(title)},
        "fullDescription": {"text": _plain(why or title)},
        "help": {"text": _plain(why or title)},
        "defaultConfiguration": {"level": _LEVELS[loss.severity]},
        "properties": _tags(criterion, loss.severity),
    }


def _tags(criterion: str, severity: Severity) -> dict[str, Any]:
    stage = criterion.partition(".")[0]
    tags: dict[str, Any] = {"tags": [stage], "criterion": criterion, "severity": severity.value}
    if stage == "security":
        # What code scanning sorts security findings by.
        tags["security-severity"] = _SECURITY[severity]
    return tags


def _invocation(judgement: Judgement) -> dict[str, Any]:
    return {
        "executionSuccessful": judgement.outcome is not Outcome.VOID,
        "startTimeUtc": judgement.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **(
            {
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": _plain(judgement.message or judgement.outcome.value)},
                    }
                ]
            }
            if judgement.outcome is not Outcome.JUDGED
            else {}
        ),
    }


def _about(judgement: Judgement) -> dict[str, Any]:
    return {
        "problem": judgement.problem.slug,
        "problemVersion": judgement.problem.version,
        "outcome": judgement.outcome.value,
        "points": total(judgement),
        "profile": judgement.assessment.profile if judgement.assessment else None,
    }


def _result(
    judgement: Judgement, loss: Loss, numbers: Mapping[str, int], folder: str
) -> dict[str, Any]:
    name = _rule_id(loss)
    result: dict[str, Any] = {
        "ruleId": name,
        "ruleIndex": numbers[name],
        "level": _LEVELS[loss.severity],
        "message": {"text": _message(judgement, loss)},
        "locations": [_location(loss.place, folder)],
        "partialFingerprints": {FINGERPRINT: loss.id},
        "rank": round(min(100.0, loss.cost), 2),
        "properties": {"pointsLost": round(loss.cost, 2), "severity": loss.severity.value},
    }
    if loss.finding:
        result["properties"] |= _of_finding(loss.finding)
        related = [
            _location(one, folder, number) for number, one in enumerate(loss.finding.related)
        ]
        if related:
            result["relatedLocations"] = related
    if loss.silenced:
        result["suppressions"] = [{"kind": "inSource", "status": "accepted"}]
    return result


def _of_finding(finding: Finding) -> dict[str, Any]:
    return {
        "criterion": finding.criterion,
        "confirmed": finding.confirmed,
        "seenBy": [_plain(tool) for tool in finding.tools],
    }


def _message(judgement: Judgement, loss: Loss) -> str:
    if loss.row is None:
        why = loss.finding.why if loss.finding else ""
        return _plain(f"{loss.message}\n{why}".rstrip())
    row = loss.row
    evidence = row.result.evidence
    partly = " It holds partly." if row.result.status is Status.PARTIAL else ""
    parts = [
        f"{row.info.requirement}: {row.requirement}" if row.requirement else row.info.title,
        f"{loss.message}{partly}",
        f"Expected: {evidence.expected}" if evidence and evidence.expected else "",
        f"Observed: {evidence.observed}" if evidence and evidence.observed else "",
        f"See it again: {wording.replay_command(judgement, row.info.id)}",
    ]
    return "\n".join(_plain(part) for part in parts if part)


def _location(place: Place | None, folder: str, number: int | None = None) -> dict[str, Any]:
    path = "/".join(part for part in (folder.strip("/"), place.file if place else "") if part)
    physical: dict[str, Any] = {
        "artifactLocation": {"uri": quote(path, errors="replace") or ".", "uriBaseId": ROOT}
    }
    if place and place.line:
        physical["region"] = {"startLine": place.line}
        if place.end_line and place.end_line >= place.line:
            physical["region"]["endLine"] = place.end_line
        if place.quote:
            physical["region"]["snippet"] = {"text": visible(place.quote, limit=_QUOTE)}
    location: dict[str, Any] = {"physicalLocation": physical}
    if number is not None:
        location["id"] = number
    if place is None:
        location["message"] = {"text": "The submission as a whole."}
    if place and place.commit:
        location["message"] = {"text": f"In commit {_plain(place.commit)}."}
    return location


def _plain(text: str) -> str:
    """`text` inert, and read by nobody as a link or a placeholder of SARIF's messages."""
    return _LINK.sub(lambda found: found[0] + " ", visible(text, limit=_TEXT))
