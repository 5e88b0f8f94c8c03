"""What is handed over: report, plans, profile and runbook, as far as a machine can tell."""

import re
from pathlib import Path

from acidtest.grader.sdk import Env, check, clip, fail

_MOST_WORDS = 500
_LEAST_WORDS = 100
_LEAST_ISSUES = 5
_FIGURE = re.compile(r"\d[\d.,]*\s*(?:ms|s|%|MB|MiB|GB|kB|KiB|rows|statements|queries|x)(?!\w)")
_ENTRY = re.compile(r"^\s*(?:[-*+]|\d+[.)]|\|)\s*\S", re.MULTILINE)
_ISSUES = {
    "statements per item (N+1)": r"n\s*\+\s*1|eager|join|per (?:item|order)",
    "missing indexes": r"index",
    "the cache": r"cache|redis",
    "unbounded work": r"bound|back-?pressure|thread|shed|queue|concurren",
    "secrets": r"secret|\.env|credential",
    "the webhook": r"webhook|signature|hmac",
}
_STEP = ("Metric:", "Threshold:", "Rollback:")
_METRICS = {
    "database CPU": r"(?:db|database|postgres\w*)[ -]*(?:cpu|processor)|cpu[^\n]{0,40}(?:db|data)",
    "hit rate": r"hit[ -]?(?:rate|ratio)",
    "p95": r"p95|95th",
}
_LARGEST = 2_000_000


def _measured(plan: str) -> bool:
    return "actual" in plan.lower() and "buffers" in plan.lower()


def _text(path: Path) -> str:
    if not path.is_file() or path.stat().st_size > _LARGEST:
        return ""
    return path.read_text("utf-8", "replace")


@check("R21", group="handover", weight=3)
async def the_report_is_short_and_ordered_by_impact(env: Env) -> None:
    """REPORT.md has at most 500 words, and a list or table in which the issues carry figures."""
    text = _text(env.tree / "REPORT.md")
    words = len(re.findall(r"\w[^\s|]*", text))
    if not _LEAST_WORDS <= words <= _MOST_WORDS:
        fail(
            "REPORT.md is missing, too short or too long",
            expected=f"{_LEAST_WORDS} to {_MOST_WORDS} words",
            observed=f"{words} words",
        )
    entries = [line for line in text.splitlines() if _ENTRY.match(line) and _FIGURE.search(line)]
    if len(entries) < _LEAST_ISSUES:
        fail(
            "REPORT.md does not weigh its issues by what was measured",
            expected=f"a list or table with at least {_LEAST_ISSUES} issues, a figure in each",
            observed=f"{len(entries)} entries with a figure and its unit",
        )


@check("R21", group="handover", weight=2, requires=("the_report_is_short_and_ordered_by_impact",))
async def the_report_names_every_issue(env: Env) -> None:
    """REPORT.md speaks of all six things that were found in the old code."""
    text = _text(env.tree / "REPORT.md").lower()
    missing = [name for name, words in _ISSUES.items() if not re.search(words, text)]
    if missing:
        fail("REPORT.md leaves out what was found", observed=f"nothing about {', '.join(missing)}")


@check("R22", group="handover", weight=2)
async def plans_show_the_difference(env: Env) -> None:
    """`plans/` holds pairs of plans, with scans of whole tables before and index scans after."""
    good = 0
    folder = env.tree / "plans"
    for after in sorted(folder.glob("*.after.*")) if folder.is_dir() else ():
        name, _, ending = after.name.partition(".after.")
        old, new = _text(folder / f"{name}.before.{ending}"), _text(after)
        if all(map(_measured, (old, new))) and "Seq Scan" in old and "Index" in new:
            good += 1
    if good < 2:
        fail(
            "plans/ does not show what the indexes changed",
            expected="two pairs <name>.before.txt and <name>.after.txt of EXPLAIN (ANALYZE,"
            " BUFFERS), a Seq Scan before and an index after",
            observed=f"{good} such pairs",
        )


@check("R22", group="handover")
async def a_profile_is_there(env: Env) -> None:
    """`profile/` holds a profile or flame graph of the service."""
    folder = env.tree / "profile"
    files = [p for p in folder.rglob("*") if p.is_file()] if folder.is_dir() else []
    if not any(path.stat().st_size > 1_000 for path in files):
        fail(
            "There is no profile of the service",
            expected="a file of some size in profile/",
            observed=", ".join(path.name for path in files) or "none",
        )


@check("R23", group="handover", weight=3)
async def every_step_of_the_runbook_can_be_judged_and_undone(env: Env) -> None:
    """Each section of RUNBOOK.md names its metric, its threshold and its way back."""
    text = _text(env.tree / "RUNBOOK.md")
    steps = re.split(r"^##\s+", text, flags=re.MULTILINE)[1:]
    if len(steps) < 3:
        fail(
            "RUNBOOK.md is missing or has too few steps",
            expected="a `##` section for each step, three at the least",
            observed=f"{len(steps)} sections",
        )
    for step in steps:
        lines = [line.strip(" \t*_-|") for line in step.splitlines()]
        missing = [word for word in _STEP if not any(line.startswith(word) for line in lines)]
        if missing:
            fail(
                f"A step of the runbook does not say {', '.join(missing)}",
                expected=f"lines that begin with {', '.join(_STEP)}",
                observed=clip(step, 300),
            )
        threshold = next(line for line in lines if line.startswith("Threshold:"))
        if not re.search(r"\d", threshold):
            fail("A threshold of the runbook has no number", observed=clip(threshold, 200))


@check("R23", group="handover", requires=("every_step_of_the_runbook_can_be_judged_and_undone",))
async def the_runbook_watches_what_was_broken(env: Env) -> None:
    """Database CPU, hit rate and p95 are among the metrics of the runbook."""
    lines = [
        line for line in _text(env.tree / "RUNBOOK.md").lower().splitlines() if "metric:" in line
    ]
    missing = [n for n, words in _METRICS.items() if not re.search(words, "\n".join(lines))]
    if missing:
        fail("The runbook does not watch what was broken", observed=f"no {', '.join(missing)}")
