"""What a problem package promises of its own submissions: right ones pass, wrong ones fail."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acidtest.catalogue.loader import read_yaml
from acidtest.catalogue.problem import Problem
from acidtest.core.errors import PackageError

FILE = "suspects.yaml"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Suspect(_Model):
    """One planted mistake: a patch `suspects/<name>.patch` on the reference service."""

    title: str
    """The mistake in a sentence."""
    fails: tuple[str, ...] = Field(min_length=1)
    """The checks that must fail, and no other may."""
    may: tuple[str, ...] = ()
    """Checks that find the mistake only sometimes, such as one that draws interleavings."""


class Kept(_Model):
    """A whole submission kept with the package and the score it must get."""

    path: str
    """Folder relative to the package."""
    minimum: float = 0.0
    maximum: float = 100.0
    allows: tuple[str, ...] = ()
    """Checks that may fail on it."""


class Expectations(_Model):
    """The content of `suspects.yaml`."""

    suspects: dict[str, Suspect]
    submissions: dict[str, Kept] = {}
    junk: dict[str, str] = {}
    """Folders under `junk/` with what each does; none may earn a point."""


def load_expectations(problem: Problem) -> Expectations:
    """Read what `problem` promises of its own submissions.

    Raises:
        PackageError: the file is not valid, or a patch is missing or unlisted.
    """
    path = problem.folder / FILE
    try:
        expectations = Expectations.model_validate(read_yaml(path))
    except ValidationError as error:
        raise PackageError(f"{path}: {error}") from error
    patches = {patch.stem for patch in (problem.folder / "suspects").glob("*.patch")}
    listed = set(expectations.suspects)
    if patches != listed:
        raise PackageError(
            f"{path}: without a patch: {sorted(listed - patches)};"
            f" patches not listed: {sorted(patches - listed)}"
        )
    return expectations
