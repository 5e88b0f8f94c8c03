"""Finding and reading profiles: how employers weigh what was found."""

from typing import Any

from pydantic import ValidationError

from acidtest.catalogue.loader import explain, read_yaml, shared_folder
from acidtest.core.errors import PackageError, UsageError
from acidtest.core.weights import Profile

DEFAULT_PROFILE = "seed-001"
SCHEMA_ID = "urn:acidtest:schema:profile:1"


def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    return tuple(sorted(path.stem for path in shared_folder("profiles").glob("*.yaml")))


def load_profile(name: str) -> Profile:
    """Read one profile.

    Raises:
        UsageError: there is none of that name; the message names those that exist.
        PackageError: it is not valid; the message names the place.
    """
    if name not in profile_names():
        raise UsageError(f"no profile {name!r}; there are: {', '.join(profile_names())}")
    path = shared_folder("profiles") / f"{name}.yaml"
    try:
        profile = Profile.model_validate(read_yaml(path))
    except ValidationError as error:
        raise PackageError(f"{path}: {explain(error)}") from error
    if profile.name != name:
        raise PackageError(f"{path}: the name {profile.name!r} is not its file's")
    return profile


def schema() -> dict[str, Any]:
    """The JSON Schema of a profile; published as `schemas/profile.schema.json`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    return {**head, **Profile.model_json_schema()}
