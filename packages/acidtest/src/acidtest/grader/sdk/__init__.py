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
from acidtest.grader.sdk._accounts import Accounts, By, Session, User, bearer
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._check import Check, check, load_checks
from acidtest.grader.sdk._database import Database, Place, Row, quote
from acidtest.grader.sdk._document import expect_described, expect_valid_document
from acidtest.grader.sdk._env import Env, Knowledge
from acidtest.grader.sdk._errors import ErrorShape, error_problem, error_shape
from acidtest.grader.sdk._files import own_files
from acidtest.grader.sdk._gating import LastingWrite, replica_name
from acidtest.grader.sdk._hostile import (
    INJECTIONS,
    hostile_numbers,
    hostile_objects,
    injection,
    unstorable_texts,
)
from acidtest.grader.sdk._leaks import (
    Leak,
    expect_no_secret,
    expect_nothing_internal,
    expect_quiet_log,
    leak_in,
    secret_in,
)
from acidtest.grader.sdk._load import Tell, expect_objective, place_of
from acidtest.grader.sdk._migrations import NOT_THERE, expect_migrated, expect_repeatable
from acidtest.grader.sdk._moments import instant
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
from acidtest.grader.sdk._slopes import Count, count_statements, expect_flat
from acidtest.grader.sdk._speaking import dump_json
from acidtest.grader.sdk._sql_outline import outline
from acidtest.grader.sdk._stops import (
    answered_across_sigterm,
    expect_end_after_sigterm,
    expect_to_start_again,
)

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
    "INJECTIONS",
    "NOT_THERE",
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
    "Count",
    "Database",
    "Env",
    "ErrorShape",
    "Failed",
    "HttpExchange",
    "Inapplicable",
    "Index",
    "Item",
    "Kind",
    "Knowledge",
    "LastingWrite",
    "Leak",
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
    "Row",
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
    "answered_across_sigterm",
    "bearer",
    "check",
    "clip",
    "count_statements",
    "dump_json",
    "error_problem",
    "error_shape",
    "expect_described",
    "expect_end_after_sigterm",
    "expect_flat",
    "expect_migrated",
    "expect_no_secret",
    "expect_nothing_internal",
    "expect_objective",
    "expect_quiet_log",
    "expect_repeatable",
    "expect_to_start_again",
    "expect_valid_document",
    "fail",
    "hostile_numbers",
    "hostile_objects",
    "injection",
    "instant",
    "is_bookkeeping",
    "is_write",
    "leak_in",
    "load_checks",
    "not_applicable",
    "outline",
    "own_files",
    "place_of",
    "quote",
    "replica_name",
    "secret_in",
    "unknown",
    "unmet",
    "unstorable_texts",
    "void",
]
