"""What came in, and how much of it we accept; every later stage reads it."""

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

MIB = 1024 * 1024


class IntakeLimits(BaseModel):
    """How much a submission may bring; crossing any of these is the candidate's to mend."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    total_bytes: PositiveInt = 512 * MIB
    """All files together, counted while they are written."""
    file_bytes: PositiveInt = 128 * MIB
    """Any single file."""
    entries: PositiveInt = 20_000
    """Files, folders and links together."""
    depth: PositiveInt = 40
    """Folders inside each other."""
    name_bytes: PositiveInt = 255
    """One part of a path, in UTF-8."""
    path_bytes: PositiveInt = 1_024
    """A whole path inside the submission, in UTF-8."""
    ratio: PositiveInt = 200
    """Bytes out per byte in of an archive, looked at once it has yielded more than 16 MiB."""
    archive_bytes: PositiveInt = 256 * MIB
    """The archive file itself."""
    seconds: PositiveFloat = 120.0
    """Deadline of the whole intake, the cloning of a repository included."""


class Submission(BaseModel):
    """A private, safe copy of what somebody handed in; the original is never written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    """The service's folder inside the copy."""
    tree: Path
    """The whole copy; `root` lies inside it or is it."""
    label: str
    """A short name for people: the folder's or archive's name, clipped."""
    digest: str
    """SHA-256 over sorted paths, kinds and contents of the copy."""
    commit: str | None = None
    """The commit that was checked out, when the submission is a git repository."""
    committed_at: datetime | None = None
    """When that commit was made, in UTC; None means dependencies resolve as of today."""
    notes: tuple[str, ...] = ()
    """Sentences for the candidate about what was left out or looks odd."""

    @property
    def subdirectory(self) -> str:
        """The service's folder relative to the copy, POSIX; `.` when it is the whole copy."""
        return self.root.relative_to(self.tree).as_posix()
