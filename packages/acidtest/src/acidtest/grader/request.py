"""What a run is asked to do."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class GradeRequest(BaseModel):
    """One submission, one problem, and how to run them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Folder, archive or git address of the submission."""
    problem: str
    """Slug of the problem."""
    state: Path
    """Where runs and caches are kept."""
    subdirectory: str | None = None
    """The service's folder when the source is a repository of several things."""
    quick: bool = False
    """Leave out faults, stalls and crashes."""
    only: tuple[str, ...] = ()
    """Check ids to run; empty runs all."""
    profile: str | None = None
    """Name of the profile that weighs it all; None takes the problem's."""
    read_code: bool = True
    """Whether the code is judged beside the behaviour."""
    sarif: tuple[Path, ...] = ()
    """Reports of other tools about the code, which are merged with what ours see."""
    dry_run: bool = False
    """Build, migrate and start it and find out how it speaks, but judge nothing."""
    driver: str | None = None
    """Name of the isolation driver; None takes the first that works."""
    allow_unsafe: bool = False
    """Whether a submission may run without a sandbox."""
    seed: int | None = None
    """Draws all values; None draws one."""
    build_seconds: float = Field(default=600.0, gt=0)
    ready_seconds: float = Field(default=60.0, gt=0)
