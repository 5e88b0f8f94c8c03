"""Linters of Python and JavaScript, with settings of ours alone: no submission's settings are read.

Settings of a submission can run code (those of eslint are programs) and can turn everything off.
"""

import re
from typing import Any

from acidtest.catalogue.rules import Rules
from acidtest.core.errors import HarnessError
from acidtest.grader.stages.hits import Hit
from acidtest.grader.stages.toolbox import ASKED, Said, Toolbox
from acidtest.grader.stages.tree import Language, SourceTree

_LINE_LENGTH = 120
"""Formatters of the field go from 79 to 120; only what is beyond all of them is found."""
_SCRIPTS = (Language.JAVASCRIPT, Language.TYPESCRIPT)
_CATEGORIES = (
    "correctness",
    "suspicious",
    "pedantic",
    "perf",
    "style",
    "restriction",
    "nursery",
)
_TAKES_LONG = re.compile(r"'(hash|compare|pbkdf2|scrypt|exec|execFile|spawn)Sync'")
"""What holds up the event loop wherever it stands; a file read at the start holds up nobody."""
_FINDINGS_EXIT = {0, 1}


async def python_hits(toolbox: Toolbox, tree: SourceTree, rules: Rules) -> list[Hit]:
    """What ruff says about the program's own Python files.

    Raises:
        HarnessError: ruff did not work.
    """
    own = {file.path for file in tree.own(Language.PYTHON)}
    if not own:
        return []
    said = await toolbox.program(
        "ruff",
        [
            *("check", "--isolated", "--no-cache", "--ignore-noqa"),
            *("--output-format", "json", "--line-length", str(_LINE_LENGTH)),
            *("--target-version", "py313", "--select", ",".join(rules.codes("ruff")), "."),
        ],
    )
    hits = (_of_ruff(row, toolbox.place) for row in _rows(said, "ruff"))
    return [hit for hit in hits if hit.file in own]


def _of_ruff(row: dict[str, Any], place: str) -> Hit:
    where, end = row["location"], row["end_location"]
    file = str(row["filename"]).removeprefix(f"{place}/")
    return Hit("ruff", str(row["code"]), file, where["row"], end["row"], str(row["message"]))


async def script_hits(toolbox: Toolbox, tree: SourceTree, rules: Rules) -> list[Hit]:
    """What oxlint says about the program's own JavaScript and TypeScript files.

    Raises:
        HarnessError: oxlint did not work.
    """
    own = {file.path for file in tree.own(*_SCRIPTS)}
    if not own:
        return []
    settings = {
        "plugins": ["oxc", "node", "promise"],
        "categories": dict.fromkeys(_CATEGORIES, "off"),
        "env": {"node": True, "builtin": True, "es2026": True, "commonjs": True},
        "rules": dict.fromkeys(rules.codes("oxlint"), "error"),
        # The compiler says so, and knows the types.
        "overrides": [{"files": ["**/*.{ts,tsx,mts,cts}"], "rules": {"no-undef": "off"}}],
    }
    said = await toolbox.program(
        "oxlint",
        [
            *("--config", ASKED, "--disable-nested-config", "--no-ignore"),
            *("--format", "json", "--threads", "2", "."),
        ],
        asked=settings,
    )
    answer = said.answer if isinstance(said.answer, dict) else {}
    rows = answer.get("diagnostics")
    if not isinstance(rows, list):
        raise HarnessError(f"oxlint gave no report: {said.log[-400:]}")
    hits = (hit for row in rows if (hit := _of_oxlint(row)) is not None and hit.file in own)
    return [hit for hit in hits if hit.code != "node/no-sync" or _TAKES_LONG.search(hit.message)]


def _of_oxlint(row: dict[str, Any]) -> Hit | None:
    labels = row.get("labels") or []
    code = str(row.get("code") or "")
    if not labels or "(" not in code:
        return None
    plugin, _, name = code.rstrip(")").partition("(")
    rule = name if plugin in {"eslint", "oxc"} else f"{plugin}/{name}"
    line = labels[0]["span"]["line"]
    file = str(row.get("filename", "")).removeprefix("./")
    return Hit("oxlint", rule, file, line, line, str(row.get("message", "")))


def _rows(said: Said, name: str) -> list[dict[str, Any]]:
    if said.code not in _FINDINGS_EXIT or not isinstance(said.answer, list):
        raise HarnessError(f"{name} gave no report: {said.log[-400:]}")
    # Files that are no Python at all have rows without a code.
    return [row for row in said.answer if row.get("code")]
