"""What every private cluster is set to, and why; a change here makes a new template."""

import hashlib
from typing import Final

SUPERUSER: Final = "postgres"
CANDIDATE: Final = "candidate"
JUDGE: Final = "judge"
"""As whom the judge works in a candidate's database. No superuser: what the candidate left there
(functions in casts, triggers, defaults) runs with the rights of whoever touches it."""
JUDGE_SINCE: Final = 15
"""The release from which a role that is no superuser can do all the judge needs."""
MOST_SESSIONS: Final = 100
"""Sessions of a candidate; the rest of `max_connections` is the judge's."""
OWN_DATABASE: Final = "acidtest"
"""The judge's own database; holds the statistics extension, closed to the candidate."""
DATABASE: Final = "app"
"""The candidate's first database; its migrations run here, and every world's is copied from it."""

SETTINGS: Final = {
    # Reached through the proxies alone.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # A lost machine is not part of any check; a killed server is, and survives without fsync
    # because what was written stays with the operating system.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "min_wal_size": "8MB",
    # The judge always gets in, however many connections the candidate hogs: see MOST_SESSIONS.
    "max_connections": "120",
    "superuser_reserved_connections": "10",
    "temp_file_limit": "1GB",
    "shared_buffers": "64MB",
    "huge_pages": "off",
    # Plans and timings that do not depend on the machine's idle moments; checks run ANALYZE.
    "autovacuum": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_worker_processes": "2",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "lc_messages": "C",
    # The proxies see every error; the log stays small however many errors a candidate provokes.
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "log_startup_progress_interval": "0",
    "logging_collector": "off",
}

LIBRARY_SETTINGS: Final = {
    "pg_stat_statements": {
        "pg_stat_statements.max": "5000",
        "pg_stat_statements.track": "all",
        "pg_stat_statements.save": "off",
    },
    "auto_explain": {"auto_explain.log_min_duration": "-1"},
}

ACCESS: Final = f"""\
local all {SUPERUSER} trust
local all {JUDGE} trust
local all {CANDIDATE} scram-sha-256
local all all reject
"""
"""The socket's folder lets nobody in but us, and the proxy nobody but the candidate, so the judge
needs no password there."""

TAKE_OVER: Final = f"ALTER DATABASE {SUPERUSER} RENAME TO {OWN_DATABASE}"
"""Run first, in `template1`: nobody can rename the database that he is connected to."""

SCRIPT: Final = f"""\
CREATE ROLE {CANDIDATE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION
 CONNECTION LIMIT {MOST_SESSIONS};
ALTER DATABASE template1 IS_TEMPLATE false;
ALTER DATABASE template1 RENAME TO {DATABASE};
ALTER DATABASE {DATABASE} OWNER TO {CANDIDATE};
COMMENT ON DATABASE {DATABASE} IS NULL;
COMMENT ON DATABASE {OWN_DATABASE} IS NULL;
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;
REVOKE ALL ON DATABASE {OWN_DATABASE} FROM PUBLIC;
"""
"""Run once, statement by statement, in the judge's own database of the template. The databases that
`initdb` makes are taken over and none is added: they are most of what is copied for every run."""

JUDGE_SCRIPT: Final = f"""\
CREATE ROLE {JUDGE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION BYPASSRLS
 IN ROLE {CANDIDATE}, pg_monitor, pg_read_all_data, pg_write_all_data;
GRANT SET ON PARAMETER session_replication_role TO {JUDGE};
"""
"""The same for releases that have all of it."""

JUDGE_SESSION: Final = {
    # The owner of a database may set these for everybody who connects to it.
    "role": "none",
    "search_path": "pg_catalog",
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "row_security": "on",
}
"""What the judge's sessions in a candidate's database are set to, whatever the candidate wished."""


def configuration(libraries: tuple[str, ...], *, major: int) -> str:
    """The lines for `postgresql.conf`."""
    chosen = dict(SETTINGS)
    if major < 15:  # noqa: PLR2004 - the release that brought the setting
        del chosen["log_startup_progress_interval"]
    if libraries:
        chosen["shared_preload_libraries"] = ",".join(libraries)
    for library in libraries:
        chosen.update(LIBRARY_SETTINGS[library])
    return "".join(f"{name} = '{value}'\n" for name, value in chosen.items())


def fingerprint(*parts: str) -> str:
    """A short name for a template made from these settings and `parts`."""
    text = "\0".join(
        (repr(SETTINGS), repr(LIBRARY_SETTINGS), ACCESS, TAKE_OVER, SCRIPT, JUDGE_SCRIPT, *parts)
    )
    return hashlib.sha256(text.encode()).hexdigest()[:12]
