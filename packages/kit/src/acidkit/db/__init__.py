"""PostgreSQL: bounded connections, one transaction per request, migrations that wait politely."""

from acidkit.db._commit import CommitGuard
from acidkit.db._direct import DirectUnit
from acidkit.db._engine import DatabaseSettings, connection_url, make_engine
from acidkit.db._outage import constraint_of, sqlstate_of, told_apart
from acidkit.db._repository import Repository
from acidkit.db._retry import Isolation
from acidkit.db._session import Database, UnitOfWork, UnitOfWorkDep

__all__ = [
    "CommitGuard",
    "Database",
    "DatabaseSettings",
    "DirectUnit",
    "Isolation",
    "Repository",
    "UnitOfWork",
    "UnitOfWorkDep",
    "connection_url",
    "constraint_of",
    "make_engine",
    "sqlstate_of",
    "told_apart",
]
