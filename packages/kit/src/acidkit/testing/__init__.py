"""Real servers run small, and the faults to try on them: a pytest plugin that services share.

Use it with `pytest_plugins = ["acidkit.testing.plugin"]`.
"""

from acidkit.testing._clock import ManualClock
from acidkit.testing._faults import Fault, FaultProxy
from acidkit.testing._postgres import PostgresServer
from acidkit.testing._races import at_once
from acidkit.testing._redis import RedisServer
from acidkit.testing._running import Instance, Start, run_alembic, running
from acidkit.testing._schema import (
    model_differences,
    refusal,
    relations_left,
    schema_lines,
)

__all__ = [
    "Fault",
    "FaultProxy",
    "Instance",
    "ManualClock",
    "PostgresServer",
    "RedisServer",
    "Start",
    "at_once",
    "model_differences",
    "refusal",
    "relations_left",
    "run_alembic",
    "running",
    "schema_lines",
]
