"""Stages that read a submission instead of asking it: how its code, tests and schema are made.

A room of its own because what is read is judged otherwise than what is asked: findings have places
in files, several tools may see the same one, and nothing here can say that the service works.
"""

from acidtest.grader.stages.outcome import StageOutcome
from acidtest.grader.stages.quality import assess_quality
from acidtest.grader.stages.toolbox import Toolbox
from acidtest.grader.stages.tree import SourceFile, SourceTree, read_tree, write_sources

__all__ = [
    "SourceFile",
    "SourceTree",
    "StageOutcome",
    "Toolbox",
    "assess_quality",
    "read_tree",
    "write_sources",
]
