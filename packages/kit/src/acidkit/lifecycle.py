"""What a process is doing: starting, ready or draining. Readiness and the server both ask it."""

import enum


class Phase(enum.StrEnum):
    """A stage in the life of a process."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Lifecycle:
    """The one place that knows the phase of this process."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING

    def ready(self) -> None:
        """Say that requests may come; a process that is ending stays that way."""
        if self.phase is Phase.STARTING:
            self.phase = Phase.READY

    def drain(self) -> None:
        """Say that no more requests should come."""
        self.phase = Phase.DRAINING

    @property
    def draining(self) -> bool:
        """Whether this process is about to end."""
        return self.phase is Phase.DRAINING
