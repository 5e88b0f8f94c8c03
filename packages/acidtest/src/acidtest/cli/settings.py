"""What the command takes from its environment, and from nowhere else."""

from collections.abc import Mapping
from pathlib import Path

STATE_VARIABLE = "ACIDTEST_STATE"
"""Folder where runs, reports and caches are kept."""


def state_folder(environment: Mapping[str, str]) -> Path:
    """The folder for runs and caches: `ACIDTEST_STATE`, else the user's state folder."""
    if named := environment.get(STATE_VARIABLE):
        return Path(named).expanduser().absolute()
    standard = environment.get("XDG_STATE_HOME", "")
    # The XDG specification says to ignore a relative path.
    base = Path(standard) if standard.startswith("/") else Path.home() / ".local" / "state"
    return base / "acidtest"
