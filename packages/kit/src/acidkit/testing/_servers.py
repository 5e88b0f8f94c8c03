"""Starts a server as a child that belongs to this process, and ends it by its id."""

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE = 15.0
POLL = 0.01


def find_program(name: str, *places: str) -> str | None:
    """Return the newest `name` in `places` (globs below `/`), else on PATH, else None."""
    found = [str(path) for place in places for path in sorted(Path("/").glob(place))[::-1]]
    return next((f"{place}/{name}" for place in found if Path(place, name).exists()), None) or (
        shutil.which(name)
    )


def retry(attempt: Callable[[], object]) -> None:
    """Repeat `attempt` until it does not raise RuntimeError, or the patience ends."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            attempt()
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL)
        else:
            return


def start(command: Sequence[str], *, log: Path, up: Callable[[], bool]) -> subprocess.Popen[bytes]:
    """Start `command` and wait until `up` says so.

    Raises:
        RuntimeError: it ended or stayed silent; the message holds the end of its log.
    """
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and child.poll() is None:
        if up():
            return child
        time.sleep(POLL)
    child.kill()
    child.wait()
    raise RuntimeError(f"{command[-1]} did not start: {log.read_text('utf-8', 'replace')[-2000:]}")


def reap(child: subprocess.Popen[bytes]) -> None:
    """Wait for a child that was told to end; kill it when it does not."""
    try:
        child.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
