"""Isolation: how a submission's program runs without reaching the machine that judges it.

The menu of this package; every other module in it is private.
"""

from ._choice import choose_driver, drivers
from ._model import (
    DEFAULT_NAMES,
    MIB,
    Limits,
    Mount,
    Network,
    Probe,
    SandboxSpec,
    Usage,
)
from ._protocol import Driver, OnLine, Sandbox
from ._tree import open_tree

__all__ = [
    "DEFAULT_NAMES",
    "MIB",
    "Driver",
    "Limits",
    "Mount",
    "Network",
    "OnLine",
    "Probe",
    "Sandbox",
    "SandboxSpec",
    "Usage",
    "choose_driver",
    "drivers",
    "open_tree",
]
