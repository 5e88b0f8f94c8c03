"""The load stage: an open-loop generator, what it sends, what it found, and when not to trust it.

A room of its own because it measures time, which nothing else in the judge does: the generator is
a process beside the judge, and every figure comes with how late the judge and how busy the machine
was.
"""

from acidtest.grader.load.calibration import calibrated, gauge
from acidtest.grader.load.capacity import Capacity, Step, find_capacity
from acidtest.grader.load.doubt import Calibration
from acidtest.grader.load.plan import LoadPlan, LoadRequest
from acidtest.grader.load.result import Captured, Conclusion, Example, LoadResult
from acidtest.grader.load.stage import Load, Surroundings, send_load

__all__ = [
    "Calibration",
    "Capacity",
    "Captured",
    "Conclusion",
    "Example",
    "Load",
    "LoadPlan",
    "LoadRequest",
    "LoadResult",
    "Step",
    "Surroundings",
    "calibrated",
    "find_capacity",
    "gauge",
    "send_load",
]
