"""The tree of errors that are not verdicts.

AcidTestError
├── UsageError            the person running AcidTest asked for something that cannot be done
├── SubmissionError       the submission cannot be read, built or started: the candidate's to mend
├── PackageError          a problem package is not valid: its author's to mend
└── HarnessError          AcidTest or the machine broke: never the candidate's fault
    └── InfrastructureError   the machine lacks something or refused it
"""


class AcidTestError(Exception):
    """Something went wrong; the message says what, where, and what to do."""


class UsageError(AcidTestError):
    """The person running AcidTest asked for something that cannot be done."""


class SubmissionError(AcidTestError):
    """The submission cannot be read, built or started; the candidate can mend it.

    Attributes:
        log: the tail of the output that explains it, hostile text, possibly empty.
    """

    def __init__(self, message: str, *, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class PackageError(AcidTestError):
    """A problem package is not valid; the message names file and place."""


class HarnessError(AcidTestError):
    """AcidTest itself broke; the run is void, not failed."""


class InfrastructureError(HarnessError):
    """The machine lacks something AcidTest needs, or refused it."""


def sole(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of a task group that says why the rest was cancelled: its first leaf.

    Trouble of ours comes before the candidate's: what happened beside it proves nothing.
    """
    leaves = [sole(e) if isinstance(e, BaseExceptionGroup) else e for e in group.exceptions]
    return min(leaves, key=lambda error: isinstance(error, SubmissionError))
