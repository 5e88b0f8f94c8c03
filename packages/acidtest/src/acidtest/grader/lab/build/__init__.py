"""Building: from a recipe to a tree and an environment that can run without a network.

A room of its own because a build is the only time a submission's code may reach the network, and
so the only time the grader must guard what it can learn there.
"""

from acidtest.grader.lab.build.construction import build
from acidtest.grader.lab.build.product import Built

__all__ = ["Built", "build"]
