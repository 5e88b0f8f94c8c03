"""JUnit XML of other people's test runs, read as it comes: no document types, no entities, bounds.

Every runner writes its own dialect; what all of them share is a `testcase` that has a name and
holds `failure`, `error` or `skipped` where it did not pass.
"""

import math
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml.common import DefusedXmlException
from defusedxml.sax import parse

from acidtest.core.errors import UsageError
from acidtest.core.evidence import encodable

MOST_BYTES = 32 * 1024 * 1024
MOST_CASES = 20_000
_MOST_DEPTH = 100
_NAME = 500
_TEXT = 2_000


class CaseState(StrEnum):
    """What became of a test."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """It broke before it could say; a runner's own distinction."""
    SKIPPED = "skipped"


_TAGS = {
    "failure": CaseState.FAILED,
    "error": CaseState.ERROR,
    "skipped": CaseState.SKIPPED,
    "rerunFailure": None,
}
_WORSE = (CaseState.PASSED, CaseState.SKIPPED, CaseState.FAILED, CaseState.ERROR)


class Case(NamedTuple):
    """One test as its runner told it; all text is hostile."""

    suite: str
    """The class, file or suite it belongs to."""
    name: str
    state: CaseState
    seconds: float = 0.0
    message: str = ""
    """Why it did not pass, clipped."""
    file: str = ""
    """Where it stands, where the runner says so."""


class JunitReport(NamedTuple):
    """All tests of one report."""

    cases: tuple[Case, ...]
    left_out: int = 0
    """Tests beyond the bound."""

    def count(self, *states: CaseState) -> int:
        """How many tests ended in one of these ways."""
        return sum(case.state in states for case in self.cases)


def read_junit(path: Path) -> JunitReport:
    """Read a JUnit XML report.

    Raises:
        UsageError: it cannot be read, is none, or does what no report has a reason for.
    """
    handler = _Cases()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} is larger than {MOST_BYTES >> 20} MiB.")
        with path.open("rb") as file:
            parse(file, handler, forbid_dtd=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    # Expat reports an unknown encoding as a LookupError, a broken one as a ValueError.
    except (SAXException, DefusedXmlException, LookupError, ValueError) as error:
        raise UsageError(f"{path} is no JUnit XML that can be read.") from error
    if not handler.is_report:
        raise UsageError(f"{path} is no JUnit XML: it has neither testsuites nor testsuite.")
    return JunitReport(tuple(handler.cases), handler.left_out)


class _Cases(ContentHandler):
    """Collects test cases while the document goes by, so that its size costs no memory."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[Case] = []
        self.left_out = 0
        self.is_report = False
        self._depth = 0
        self._suites: list[str] = []
        self._case: Case | None = None
        self._told: CaseState | None = None
        self._text: list[str] = []

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX's name
        """An element begins."""
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise SAXException("nested too deeply")
        tag = name.rpartition(":")[2]
        if self._depth == 1:
            self.is_report = tag in {"testsuites", "testsuite"}
        if tag in {"testsuites", "testsuite"}:
            self._suites.append(_attribute(attrs, "name"))
        elif tag == "testcase":
            self._case = Case(
                suite=_attribute(attrs, "classname") or self._suite(),
                name=_attribute(attrs, "name"),
                state=CaseState.PASSED,
                seconds=_seconds(_attribute(attrs, "time")),
                file=_attribute(attrs, "file"),
            )
        elif self._case is not None and (state := _TAGS.get(tag)) is not None:
            self._tell(self._case, state, _attribute(attrs, "message", limit=_TEXT))

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX's name
        """An element ends."""
        self._depth -= 1
        tag = name.rpartition(":")[2]
        if tag in {"testsuites", "testsuite"} and self._suites:
            self._suites.pop()
        elif tag == "testcase" and self._case is not None:
            self._keep(self._case)
            self._case = None
        elif tag in _TAGS and self._told is not None:
            if self._case is not None and not self._case.message:
                self._case = self._case._replace(message=_clipped(self._text))
            self._told, self._text = None, []

    def characters(self, content: str) -> None:
        """Text inside an element; only that of a failure is of interest."""
        if self._told is not None and sum(map(len, self._text)) < _TEXT:
            self._text.append(content[:_TEXT])

    def _tell(self, case: Case, state: CaseState, message: str) -> None:
        self._told, self._text = state, []
        # A test that fails and whose teardown breaks as well has both; the worse one holds.
        if _WORSE.index(state) >= _WORSE.index(case.state):
            self._case = case._replace(state=state, message=message)

    def _keep(self, case: Case) -> None:
        if len(self.cases) < MOST_CASES:
            self.cases.append(case)
        else:
            self.left_out += 1

    def _suite(self) -> str:
        return next((name for name in reversed(self._suites) if name), "")


def _attribute(attrs: AttributesImpl, name: str, *, limit: int = _NAME) -> str:
    return encodable(str(attrs.get(name, "")))[:limit]


def _clipped(text: Iterable[str]) -> str:
    return encodable("".join(text).strip())[:_TEXT]


def _seconds(text: str) -> float:
    try:
        # Some runners group thousands.
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds >= 0 else 0.0
