"""The run's clock: one monotonic line on which all evidence lies."""

import time
from datetime import UTC, datetime


class RunClock:
    """Seconds since the run began, and the wall-clock time at which it did."""

    def __init__(self) -> None:
        self.started_at: datetime = datetime.now(UTC)
        self._origin: float = time.monotonic()

    def now(self) -> float:
        """Seconds since the run began; never goes backwards."""
        return time.monotonic() - self._origin
