"""Time that a test moves by hand, so that a quarter of an hour takes none."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Returns the same time until it is moved; give it where a clock is asked for."""

    def __init__(self, start: datetime | None = None) -> None:
        self.time = start or datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move the time on."""
        self.time += timedelta(seconds=seconds)
