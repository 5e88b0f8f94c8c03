"""A Go service: its module and its main package."""

import re

from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.plan import GoBuild
from acidtest.grader.lab.recipe.sources import Sources

PROGRAM = "./.acidtest/service"
"""Where the compiled program is put, relative to the service's folder."""
_MAIN = re.compile(r"^package main$", re.MULTILINE)
_PREFERRED = ("server", "api", "app", "web", "service", "main")


def draft_of(sources: Sources) -> Draft | None:
    """Return what go.mod and the main packages tell, or None when this is no Go module."""
    if not sources.has("go.mod"):
        return None
    folders = sorted(
        {
            file.rpartition("/")[0] or "."
            for file, text in sources.code.items()
            if file.endswith(".go") and _MAIN.search(text) and "func main()" in text
        },
        key=_rank,
    )
    if not folders:
        return None
    package = "." if folders[0] == "." else f"./{folders[0]}"
    return Draft(
        source="go.mod",
        stack="go",
        start=PROGRAM,
        dependencies=GoBuild(package=package),
        notes=(f"the Go program in `{package}` is built and started",),
    )


def _rank(folder: str) -> tuple[bool, int, str]:
    last = folder.rpartition("/")[2]
    place = _PREFERRED.index(last) if last in _PREFERRED else len(_PREFERRED)
    return folder != ".", place, folder
