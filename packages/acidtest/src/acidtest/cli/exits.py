"""Exit codes: what a script or a CI may conclude from how the command ended."""

from enum import IntEnum

from acidtest.core.errors import AcidTestError, HarnessError, PackageError, SubmissionError
from acidtest.core.judgement import Judgement, Outcome


class ExitCode(IntEnum):
    """How a command ended; the same in every command."""

    OK = 0
    BELOW = 1
    USAGE = 2
    NOT_RUN = 3
    VOID = 4
    INTERRUPTED = 130


EPILOG = (
    "Exit codes: 0 all right, or at least the threshold; 1 below the threshold, or something was "
    "found; 2 the command was used wrongly; 3 the submission could not be built or started; "
    "4 AcidTest, the machine or the problem package broke, nothing is said about the submission; "
    "130 interrupted."
)
"""The same in words, shown by every `--help`."""


def of_judgement(judgement: Judgement, *, threshold: float) -> ExitCode:
    """The code a run of grading ends with."""
    if judgement.outcome is Outcome.VOID:
        return ExitCode.VOID
    if judgement.outcome is not Outcome.JUDGED:
        return ExitCode.NOT_RUN
    points = judgement.score.points
    if points is None:
        undecided = judgement.score.void_share > 0 or threshold > 0
        return ExitCode.VOID if undecided else ExitCode.OK
    return ExitCode.OK if points >= threshold else ExitCode.BELOW


def of_error(error: AcidTestError) -> ExitCode:
    """The code of an error that ended a command."""
    if isinstance(error, SubmissionError):
        return ExitCode.NOT_RUN
    if isinstance(error, PackageError | HarnessError):
        return ExitCode.VOID
    return ExitCode.USAGE
