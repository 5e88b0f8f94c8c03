"""All that a check may import: the decorator, the verdicts, and the world it is given.

A check is an async function `(env: Env) -> None` that returns when the service is right and ends in
`fail`, `unknown`, `not_applicable` or `unmet` otherwise.
"""

from acidtest.core.errors import SubmissionError
from acidtest.core.evidence import HttpExchange, LogLine, RedisCommand, SqlStatement, clip
from acidtest.core.verdict import Kind, Visibility
from acidtest.grader.client import Request
from acidtest.grader.contract import Unexaminable
from acidtest.grader.dialect import Item
from acidtest.grader.lab.schema import Column, Constraint, Index
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._check import Check, check, load_checks
from acidtest.grader.sdk._database import Database, Place, quote
from acidtest.grader.sdk._env import Env, Knowledge, dump_json
from acidtest.grader.sdk._outcomes import (
    Failed,
    Inapplicable,
    Outcome,
    Unmet,
    Untold,
    fail,
    not_applicable,
    unknown,
    unmet,
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
    "Answer",
    "Check",
    "Column",
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
    "LogLine",
    "Outcome",
    "Place",
    "RedisCommand",
    "Request",
    "Seen",
    "SqlStatement",
    "SubmissionError",
    "Unexaminable",
    "Unmet",
    "Untold",
    "Visibility",
    "check",
    "clip",
    "dump_json",
    "fail",
    "is_bookkeeping",
    "is_write",
    "load_checks",
    "not_applicable",
    "quote",
    "unknown",
    "unmet",
]
