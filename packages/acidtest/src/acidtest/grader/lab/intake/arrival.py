"""The door of intake: decides what kind of source this is and returns one `Submission`."""

from pathlib import Path

from acidtest.grader.lab.intake.submission import IntakeLimits, Submission


async def take_in(
    source: str,
    into: Path,
    *,
    subdirectory: str | None = None,
    limits: IntakeLimits | None = None,
) -> Submission:
    """Copy `source` (folder, archive, git URL or `repository@commit`) into the new folder `into`.

    Raises:
        SubmissionError: the source cannot be read safely; the message names the entry.
        InfrastructureError: the machine lacks git, or its network or disk failed us.
    """
    raise NotImplementedError
