"""What a gate should hold: the moment at which a write of one instance becomes lasting."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from acidtest.grader.sdk._env import Env


class LastingWrite:
    """Matches what makes a write of one instance last: its COMMIT, or the write itself without one.

    Commits of transactions that only read do not match.
    """

    def __init__(self, replica: str) -> None:
        self._replica = replica
        self._written: set[int] = set()

    def __call__(self, statement: Any) -> bool:
        """Whether to hold this statement."""
        if statement.replica != self._replica:
            return False
        if statement.is_write and statement.in_transaction:
            self._written.add(statement.connection)
            return bool(statement.is_commit)
        if statement.is_write:
            return True
        if statement.is_commit and statement.connection in self._written:
            self._written.discard(statement.connection)
            return True
        return False


def replica_name(env: "Env", number: int) -> str:
    """Return the name under which proxies know an instance."""
    return env.service.replicas[number].name
