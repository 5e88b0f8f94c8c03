"""A Procfile: one command a line, each with the name of its role."""

import re

from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.sources import Sources

_LINE = re.compile(r"^([A-Za-z0-9_-]+):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)


def draft_of(sources: Sources) -> Draft | None:
    """Return what the Procfile says, or None when there is none with a `web` line."""
    roles = dict(_LINE.findall((sources.text("Procfile") or "").replace("\r", "")))
    if "web" not in roles:
        return None
    worker = roles.get("worker")
    notes = [f"the start command is the Procfile's `web`: {roles['web']}"]
    if "release" in roles:
        notes.append(f"migrations are the Procfile's `release`: {roles['release']}")
    return Draft(
        source="Procfile",
        start=roles["web"],
        migrate=roles.get("release"),
        worker=worker,
        notes=tuple(notes),
    )
