"""All that a check may import: the decorator, the verdicts, and the world it is given.

A check is an async function `(env: Env) -> None` that returns when the service is right and ends in
`fail`, `unknown`, `not_applicable` or `unmet` otherwise.
"""

from acidtest.catalogue.problem import LoadSpec, ObjectiveSpec
from acidtest.core.errors import SubmissionError
from acidtest.core.evidence import HttpExchange, LogLine, RedisCommand, SqlStatement, clip
from acidtest.core.verdict import Kind, Visibility
from acidtest.grader.client import Request
from acidtest.grader.contract import Unexaminable
from acidtest.grader.dialect import Item
from acidtest.grader.lab.schema import Column, Constraint, Index
from acidtest.grader.load import (
    Capacity,
    Captured,
    Conclusion,
    LoadPlan,
    LoadRequest,
    LoadResult,
)
from acidtest.grader.sdk._accounts import Accounts, By, Session, User
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._check import Check, check, load_checks
from acidtest.grader.sdk._database import Database, Place, quote
from acidtest.grader.sdk._env import Env, Knowledge, dump_json
from acidtest.grader.sdk._load import Tell, expect_objective, place_of
from acidtest.grader.sdk._outcomes import (
    Failed,
    Inapplicable,
    Outcome,
    Unmet,
    Untold,
    Voided,
    fail,
    not_applicable,
    unknown,
    unmet,
    void,
)
from acidtest.grader.sdk._seen import Seen, is_bookkeeping, is_write

SAFETY = Kind.SAFETY
DETERMINISTIC = Kind.DETERMINISTIC
TIMING = Kind.TIMING
ADVISORY = Kind.ADVISORY
PUBLIC = Visibility.PUBLIC
HIDDEN = Visibility.HIDDEN

__all__ = [
    "ADVISORY",
    "DETERMINISTIC",
    "HIDDEN",
    "PUBLIC",
    "SAFETY",
    "TIMING",
    "Accounts",
    "Answer",
    "By",
    "Capacity",
    "Captured",
    "Check",
    "Column",
    "Conclusion",
    "Constraint",
    "Database",
    "Env",
    "Failed",
    "HttpExchange",
    "Inapplicable",
    "Index",
    "Item",
    "Kind",
    "Knowledge",
    "LoadPlan",
    "LoadRequest",
    "LoadResult",
    "LoadSpec",
    "LogLine",
    "ObjectiveSpec",
    "Outcome",
    "Place",
    "RedisCommand",
    "Request",
    "Seen",
    "Session",
    "SqlStatement",
    "SubmissionError",
    "Tell",
    "Unexaminable",
    "Unmet",
    "Untold",
    "User",
    "Visibility",
    "Voided",
    "check",
    "clip",
    "dump_json",
    "expect_objective",
    "fail",
    "is_bookkeeping",
    "is_write",
    "load_checks",
    "not_applicable",
    "place_of",
    "quote",
    "unknown",
    "unmet",
    "void",
]
