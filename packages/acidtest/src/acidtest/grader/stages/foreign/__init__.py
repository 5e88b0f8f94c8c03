"""Reports of other tools, made elsewhere and handed in with a run: SARIF and JUnit XML.

A room of its own because such a file may come from anywhere: it is read with bounds, and nothing in
it is believed beyond what it can show in the submission's own files.
"""

from acidtest.grader.stages.foreign.junit import Case, CaseState, JunitReport, read_junit
from acidtest.grader.stages.foreign.merging import merged
from acidtest.grader.stages.foreign.sarif import (
    ForeignReport,
    check_sarif,
    notes_of,
    read_sarif,
)

__all__ = [
    "Case",
    "CaseState",
    "ForeignReport",
    "JunitReport",
    "check_sarif",
    "merged",
    "notes_of",
    "read_junit",
    "read_sarif",
]
