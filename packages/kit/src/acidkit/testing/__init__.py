"""Real servers run small, and the faults to try on them: a pytest plugin that services share.

Use it with `pytest_plugins = ["acidkit.testing.plugin"]`.
"""

from acidkit.testing._faults import Fault, FaultProxy
from acidkit.testing._postgres import PostgresServer
from acidkit.testing._races import at_once
from acidkit.testing._redis import RedisServer

__all__ = ["Fault", "FaultProxy", "PostgresServer", "RedisServer", "at_once"]
