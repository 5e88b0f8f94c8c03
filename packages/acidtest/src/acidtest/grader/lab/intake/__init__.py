"""Intake: from somebody's folder, archive or repository to a private copy that is safe to read.

A room of its own because everything that arrives here is hostile, and nothing after it should have
to think about how the files came in.
"""

from acidtest.grader.lab.intake.arrival import take_in
from acidtest.grader.lab.intake.submission import IntakeLimits, Submission

__all__ = ["IntakeLimits", "Submission", "take_in"]
