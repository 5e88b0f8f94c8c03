"""Migrations: one command makes the schema, and running it again changes nothing."""

from typing import TYPE_CHECKING

from acidtest.core.evidence import clip
from acidtest.grader.sdk._outcomes import fail

if TYPE_CHECKING:
    from acidtest.grader.sdk._env import Env

NOT_THERE = ("42P01", "42703", "3F000")
"""What PostgreSQL says of a table, a column or a schema that does not exist."""
_LONGEST_LOG = 1_500


def expect_migrated(env: "Env") -> None:
    """Fail unless one command ran on the empty database and ended with exit code 0."""
    migration = env.migration
    if migration.command is None or migration.first is None:
        fail(
            "There is no command that builds the schema",
            expected="`migrate = …` in acidtest.toml, or a tool for migrations that is recognised",
            observed="none was found",
        )
    if migration.first.exit_code != 0:
        fail(
            f"`{migration.command}` fails on an empty database",
            expected="exit code 0",
            observed=f"exit code {migration.first.exit_code};"
            f" {clip(migration.first.log, _LONGEST_LOG)}",
        )


def expect_repeatable(env: "Env") -> None:
    """Fail unless the command ran a second time, succeeded, and left every table as it was."""
    migration = env.migration
    if migration.command is None or migration.first is None or migration.second is None:
        fail(
            "There are no migrations to run again",
            expected="a command that makes tables",
            observed="no command",
        )
    if not migration.tables:
        code = migration.first.exit_code
        fail(
            f"`{migration.command}` makes no table, so a second run has nothing to keep",
            expected="tables in the database of DATABASE_URL after the first run",
            observed=f"no table there; the first run ended with exit code {code}",
        )
    if migration.second.exit_code != 0:
        fail(
            f"`{migration.command}` fails when it runs a second time",
            expected="exit code 0",
            observed=f"exit code {migration.second.exit_code};"
            f" {clip(migration.second.log, _LONGEST_LOG)}",
        )
    changed = sorted({*migration.shape_first} ^ {*migration.shape_second})
    if changed:
        fail(
            f"`{migration.command}` changes the schema when it runs a second time",
            expected="the same schema",
            observed="; ".join(changed[:10]),
        )
