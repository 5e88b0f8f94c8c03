"""SARIF 2.1.0 of other tools as hits, so that what they saw counts under our own rules.

A code that one of our rules knows counts as if our own tool had seen it, and the same thing seen
twice stays one finding. Every other code becomes a note that costs nothing.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from acidtest.catalogue.rules import Rules
from acidtest.core.errors import UsageError
from acidtest.core.evidence import clip, encodable
from acidtest.core.finding import Finding, Place, Severity, numbered
from acidtest.grader.stages.hits import Hit
from acidtest.grader.stages.tree import SourceTree

MOST_BYTES = 32 * 1024 * 1024
MOST_RESULTS = 20_000
MOST_NOTES = 100
"""Notes of codes that no rule knows; a page of them is read by nobody."""

_MOST_RUNS = 50
_MOST_RELATED = 10
_MOST_LINE = 10_000_000
_MOST_URI = 4_096
_MOST_FOLDERS = 20
"""Folders before the submission's own that a report made elsewhere may have."""
_NAME = 80
_TEXT = 1_000
_QUOTE = 300
_CRITERION = "foreign.notes"
_PLACEHOLDER = re.compile(r"\{(\d)\}")
_DRIVE = re.compile(r"^/?[A-Za-z]:/")
_KINDS = {"fail", "open", "review"}
_SAME_CODES = {"eslint": "oxlint", "flake8": "ruff"}
"""Tools whose codes another one took over."""

Json = Mapping[str, Any]


class ForeignReport(NamedTuple):
    """What a report of another tool says about the submission."""

    hits: tuple[Hit, ...]
    """Each in a file of the submission."""
    notes: tuple[str, ...] = ()
    """What was left out, for whoever handed the report in."""


def read_sarif(path: Path, tree: SourceTree, rules: Rules) -> ForeignReport:
    """Read the report `path`; results in files that the submission does not have are left out.

    Raises:
        UsageError: it is no SARIF 2.1, or too large.
    """
    log = _load(path)
    hits: list[Hit] = []
    lost: Counter[str] = Counter()
    results = 0
    for run in _list(log, "runs")[:_MOST_RUNS]:
        reader = _Run(_dict(run), tree, rules)
        for result in _list(_dict(run), "results"):
            results += 1
            if results > MOST_RESULTS:
                lost[f"beyond the first {MOST_RESULTS}"] += 1
                continue
            found = reader.hit(_dict(result))
            if isinstance(found, str):
                lost[found] += 1
            else:
                hits.append(found)
    said = tuple(
        f"{path.name}: {count} of {results} results left out: {why}"
        for why, count in lost.most_common()
    )
    return ForeignReport(tuple(dict.fromkeys(hits)), said)


def check_sarif(path: Path) -> None:
    """Say now, and not after a whole run, that a report cannot be read.

    Raises:
        UsageError: it is no SARIF 2.1, or too large.
    """
    _load(path)


def notes_of(hits: Iterable[Hit], tree: SourceTree) -> tuple[Finding, ...]:
    """Return hits that nothing weighs, as notes without a cost."""
    return numbered(
        Finding(
            rule=f"foreign.{hit.tool}",
            criterion=_CRITERION,
            severity=Severity.NOTE,
            message=hit.message,
            why=f"Seen by {hit.tool}, whose report was handed in; nothing weighs it.",
            place=_place(tree, hit),
            tools=(f"{hit.tool} {hit.code}",),
        )
        for hit in islice(hits, MOST_NOTES)
    )


def _place(tree: SourceTree, hit: Hit) -> Place:
    source = tree.by_path.get(hit.file)
    quote = source.quote(hit.line, hit.end_line) if source and hit.line else ""
    return Place(file=hit.file, line=hit.line, end_line=hit.end_line, quote=clip(quote, _QUOTE))


def _load(path: Path) -> Json:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB.")
        # Some tools write a byte order mark.
        log = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON that can be read.") from error
    if not isinstance(log, dict) or not str(log.get("version", "")).startswith("2.1"):
        raise UsageError(f"{path} is no SARIF 2.1 log.")
    return log


class _Run:
    """One tool's part of a log."""

    def __init__(self, run: Json, tree: SourceTree, rules: Rules) -> None:
        self._tree = tree
        self._root = tree.root.resolve()
        self._rules = rules
        driver = _dict(_dict(run.get("tool")).get("driver"))
        words = re.sub(r"[^a-z0-9]+", "-", _string(driver.get("name")).lower()).strip("-")
        self._tool = words[:_NAME] or "unnamed"
        self._described = [_dict(rule) for rule in _list(driver, "rules")[:MOST_RESULTS]]
        self._by_id = {_string(rule.get("id")): rule for rule in self._described}
        bases = _dict(run.get("originalUriBaseIds"))
        self._files: dict[str, str | None] = {}
        self._bases = [_string(_dict(base).get("uri")) for base in bases.values()][:_MOST_RUNS]

    def hit(self, result: Json) -> Hit | str:
        """The hit that a result is, or why it is none."""
        if _string(result.get("kind") or "fail") not in _KINDS or result.get("level") == "none":
            return "they are no complaints"
        if any(_dict(one).get("status") != "rejected" for one in _list(result, "suppressions")):
            return "they are suppressed"
        if result.get("baselineState") == "absent":
            return "they are gone"
        code, described = self._rule(result)
        if not code:
            return "they name no rule"
        where = next(iter(self._places(_list(result, "locations")[:1])), None)
        if where is None:
            return "their file is not in the submission"
        related = self._places(_list(result, "relatedLocations")[:_MOST_RELATED])
        return Hit(
            *self._known(code),
            file=where[0],
            line=where[1],
            end_line=where[2],
            message=self._message(result, described, code),
            related=tuple((file, line, end or line) for file, line, end in related if line),
        )

    def _known(self, code: str) -> tuple[str, str]:
        """Tool and code, by the name under which a rule of ours knows them."""
        other = _SAME_CODES.get(self._tool, self._tool)
        known = (other, code) in self._rules.by_code
        return (other if known else self._tool), code

    def _rule(self, result: Json) -> tuple[str, Json]:
        named = _dict(result.get("rule"))
        code = _string(result.get("ruleId") or named.get("id"))
        index = result.get("ruleIndex", named.get("index"))
        if _whole(index) and index < len(self._described):
            described = self._described[index]
        else:
            described = self._by_id.get(code, {})
        return (code or _string(described.get("id")))[:_NAME], described

    def _message(self, result: Json, described: Json, code: str) -> str:
        message = _dict(result.get("message"))
        text = _string(message.get("text"))
        if not text:
            strings = _dict(described.get("messageStrings"))
            text = _string(_dict(strings.get(_string(message.get("id")))).get("text"))
        if not text:
            text = _string(_dict(described.get("shortDescription")).get("text")) or code
        given = [_string(one) for one in _list(message, "arguments")]
        filled = _PLACEHOLDER.sub(
            lambda found: given[int(found[1])] if int(found[1]) < len(given) else found[0],
            text[:_TEXT],
        )
        return clip(" ".join(filled.split()), _TEXT)

    def _places(self, locations: Iterable[Any]) -> Iterator[tuple[str, int | None, int | None]]:
        """File, first and last line of each location that is in the submission."""
        for location in locations:
            physical = _dict(_dict(location).get("physicalLocation"))
            uri = _string(_dict(physical.get("artifactLocation")).get("uri"))[:_MOST_URI]
            if uri not in self._files:
                self._files[uri] = self._file(uri)
            file = self._files[uri]
            if file is None:
                continue
            region = _dict(physical.get("region"))
            line, last = _line(region.get("startLine")), _line(region.get("endLine"))
            yield file, line, last if line and last and last > line else None

    def _file(self, uri: str) -> str | None:
        """The path of a file in the submission, whatever machine the report was made on."""
        for base in self._bases:
            if base and uri.startswith(base):
                uri = uri.removeprefix(base)
        try:
            path = _DRIVE.sub("/", unquote(urlsplit(uri.replace("\\", "/")).path))
        except ValueError:
            return None
        parts = [part for part in PurePosixPath(path).parts if part not in {"/", "."}]
        if not parts or ".." in parts or "\0" in path:
            return None
        # A report made elsewhere has folders before the submission's own.
        for first in range(min(len(parts), _MOST_FOLDERS)):
            name = "/".join(parts[first:])
            if self._has(name):
                return name
            if not path.startswith("/"):
                return None
        return None

    def _has(self, name: str) -> bool:
        if name in self._tree.by_path:
            return True
        try:
            place = (self._root / name).resolve()
            return place.is_relative_to(self._root) and place.is_file()
        except OSError:
            return False


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _line(value: object) -> int | None:
    return value if isinstance(value, int) and _whole(value) and 0 < value < _MOST_LINE else None


def _string(value: object) -> str:
    return encodable(value) if isinstance(value, str) else ""


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Json, key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []
