"""The secrets in the history of the repository that a candidate receives, all made up."""

import re
from pathlib import Path

_SETTING = re.compile(r"^\s+([A-Z_]+)=(\S+)$", re.MULTILINE)
_PASSWORD = re.compile(r"://[^:/]+:([^@]+)@")
_HISTORY = Path(__file__).parents[1] / "starter" / "python-fastapi.history.yaml"


def leaked() -> dict[str, str]:
    """The secrets of the old `.env` by name; of an address only the password is one."""
    found = {}
    for name, value in _SETTING.findall(_HISTORY.read_text(encoding="utf-8")):
        inside = _PASSWORD.search(value)
        if inside is not None:
            found[name] = inside[1]
        elif "://" not in value:
            found[name] = value
    return found
