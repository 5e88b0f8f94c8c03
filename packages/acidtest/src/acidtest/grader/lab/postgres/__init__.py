"""PostgreSQL for one submission: a private cluster copied from a template, on a Unix socket only.

Every submission gets a server of its own, so nothing a candidate does to it can reach another, and
the judge may kill it at will.
"""

from acidtest.grader.lab.postgres.binaries import PostgresBinaries
from acidtest.grader.lab.postgres.cluster import Cluster, Login
from acidtest.grader.lab.postgres.plan import Plan, PlanUnavailableError
from acidtest.grader.lab.postgres.settings import DATABASE
from acidtest.grader.lab.postgres.statement_stats import StatementStats

__all__ = [
    "DATABASE",
    "Cluster",
    "Login",
    "Plan",
    "PlanUnavailableError",
    "PostgresBinaries",
    "StatementStats",
]
