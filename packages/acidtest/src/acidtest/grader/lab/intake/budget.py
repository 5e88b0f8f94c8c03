"""How much of the limits is used up; a room of its own so that no door can forget to count."""

import threading
import time

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.intake.pathname import shown
from acidtest.grader.lab.intake.submission import MIB, IntakeLimits

_SKIPPED_FACTOR = 10
"""Entries that are left out (node_modules, .git) may be this many times the entries kept."""
_RATIO_FROM = 16 * MIB
"""Below this, a high ratio is a small text that compresses well, not a bomb."""


class Budget:
    """Counts entries, bytes and time of one intake, and refuses what goes over."""

    def __init__(self, limits: IntakeLimits) -> None:
        self.limits = limits
        self.source_bytes: int | None = None
        """Size of the archive being read, when one is."""
        self._until = time.monotonic() + limits.seconds
        self._stopped = threading.Event()
        self._entries = 0
        self._skipped = 0
        self._bytes = 0
        self._unpacked = 0

    def stop(self) -> None:
        """Make the next check fail: nobody waits for the result any more."""
        self._stopped.set()

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._until - time.monotonic())

    def tick(self) -> None:
        """Refuse when the deadline has passed or nobody waits any more."""
        if self._stopped.is_set() or self.seconds_left <= 0:
            raise SubmissionError(
                f"reading the submission took longer than {self.limits.seconds:g} s; "
                "hand in a smaller one"
            )

    def entry(self, name: str) -> None:
        """Count one entry that is kept."""
        self.tick()
        self._entries += 1
        if self._entries > self.limits.entries:
            raise SubmissionError(
                f"more than {self.limits.entries} files and folders (at `{shown(name)}`); "
                "hand in the source only"
            )

    def skipped(self, name: str) -> None:
        """Count one entry that is left out; reading its name costs us too."""
        self.tick()
        self._skipped += 1
        if self._skipped > self.limits.entries * _SKIPPED_FACTOR:
            raise SubmissionError(
                f"far too many files in folders that are left out (at `{shown(name)}`); "
                "hand in the source only"
            )

    def unpacked(self, count: int) -> None:
        """Count bytes that came out of a compressed stream, whether or not they are kept."""
        self.tick()
        self._unpacked += count
        self._check_ratio("the archive", self._unpacked)
        if self._unpacked > 4 * self.limits.total_bytes:
            raise SubmissionError(
                f"the archive unpacks to more than {4 * self.limits.total_bytes // MIB} MiB, "
                "what would be left out included; hand in the source only"
            )

    def wrote(self, name: str, count: int, of_file: int) -> None:
        """Count `count` more bytes of the file `name`, which has `of_file` bytes by now."""
        self.tick()
        self._bytes += count
        if of_file > self.limits.file_bytes:
            raise SubmissionError(
                f"the file `{shown(name)}` is larger than {self.limits.file_bytes // MIB} MiB"
            )
        if self._bytes > self.limits.total_bytes:
            raise SubmissionError(
                f"more than {self.limits.total_bytes // MIB} MiB in all (at `{shown(name)}`)"
            )
        self._check_ratio(f"`{shown(name)}`", self._bytes)

    def _check_ratio(self, what: str, out: int) -> None:
        if self.source_bytes is None or out <= _RATIO_FROM:
            return
        if out > self.limits.ratio * max(1, self.source_bytes):
            raise SubmissionError(
                f"the archive unpacks to more than {self.limits.ratio} times its size "
                f"(at {what}); this looks like a zip bomb"
            )
