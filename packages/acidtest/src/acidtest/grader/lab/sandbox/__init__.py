"""Isolation: how a submission's program runs without reaching the machine that judges it.

The menu of this package; every other module in it is private.
"""

from ._choice import choose_driver, drivers
from ._container import ContainerDriver
from ._image import ImageEnd, ImageFacts, ImageOrder, Pull, build_image, image_facts, remove_image
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
    "ContainerDriver",
    "Driver",
    "ImageEnd",
    "ImageFacts",
    "ImageOrder",
    "Limits",
    "Mount",
    "Network",
    "OnLine",
    "Probe",
    "Pull",
    "Sandbox",
    "SandboxSpec",
    "Usage",
    "build_image",
    "choose_driver",
    "drivers",
    "image_facts",
    "open_tree",
    "remove_image",
]
