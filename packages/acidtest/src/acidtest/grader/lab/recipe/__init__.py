"""Recipes: how a submission is built, migrated and started, as it says or as we recognise it.

A room of its own because every guess made here is shown to the candidate, and nothing of the
submission is ever executed or imported to make it.
"""

from acidtest.grader.lab.recipe.plan import (
    OFFERED_NAMES,
    GoBuild,
    ImageBuild,
    NodeBuild,
    PythonBuild,
    Recipe,
)
from acidtest.grader.lab.recipe.recognition import recognise

__all__ = [
    "OFFERED_NAMES",
    "GoBuild",
    "ImageBuild",
    "NodeBuild",
    "PythonBuild",
    "Recipe",
    "recognise",
]
