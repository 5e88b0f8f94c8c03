"""Names of environment variables that people use, and which of our values each of them means."""

import ast
import re

from acidtest.grader.lab.recipe.sources import Sources
from acidtest.grader.lab.recipe.syntax import parsed

_READS = re.compile(
    r"""(?:environ(?:\.get|\.setdefault|\.pop)?\s*[\[(]|getenv\(|Getenv\(|LookupEnv\(
        |\benv(?:\.\w+)?\(|\bconfig\(|process\.env\[)\s*["']([A-Za-z_][A-Za-z0-9_]*)["']
        |process\.env\.([A-Za-z_][A-Za-z0-9_]*)""",
    re.VERBOSE,
)
_DESTRUCTURED = re.compile(r"\{([^{}]{1,2000})\}\s*=\s*process\.env\b")
_ASSIGNED = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", re.MULTILINE)
_EXAMPLES = (
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    ".env.local.example",
    "env.example",
    ".env",
)
_PIECES = "${DATABASE_USER}:${DATABASE_PASSWORD}@${DATABASE_HOST}:${DATABASE_PORT}/${DATABASE_NAME}"
_DB = r"(?:^|_)(?:DB|DATABASE|POSTGRES|POSTGRESQL|PG|SQL|RDS|SQLALCHEMY(?:_DATABASE)?)_?"
_REDIS = r"(?:^|_)(?:REDIS|CACHE|VALKEY|CACHE_REDIS)_?"
_MEANINGS = tuple(
    (re.compile(pattern), value)
    for pattern, value in (
        (rf"(?:^|_)ASYNC_.*(?:URL|URI|DSN)$|{_DB}ASYNC_(?:URL|URI)$|{_DB}(?:URL|URI)_ASYNC$",
         f"postgresql+asyncpg://{_PIECES}"),
        (rf"(?:^|_)(?:SYNC|ALEMBIC|MIGRATION)_.*(?:URL|URI|DSN)$|{_DB}(?:SYNC_URL|URL_SYNC)$",
         f"postgresql://{_PIECES}"),
        (rf"{_DB}(?:URL|URI|DSN|CONN|CONNECTION|CONNECTION_(?:STRING|URL|URI))$|^DSN$",
         "${DATABASE_URL}"),
        (rf"{_DB}(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS)$", "${DATABASE_HOST}"),
        (rf"{_DB}PORT$", "${DATABASE_PORT}"),
        (rf"{_DB}(?:USER|USERNAME)$", "${DATABASE_USER}"),
        (rf"{_DB}(?:PASSWORD|PASS|PWD|PASSWD)$", "${DATABASE_PASSWORD}"),
        (rf"{_DB}(?:NAME|DB|DB_NAME|DATABASE)$|^DATABASE$", "${DATABASE_NAME}"),
        (rf"{_REDIS}(?:URL|URI|DSN|CONNECTION|CONNECTION_(?:STRING|URL))$", "${REDIS_URL}"),
        (r"(?:^|_)(?:CELERY_BROKER(?:_URL)?|RESULT_BACKEND)$", "${REDIS_URL}"),
        (rf"{_REDIS}(?:HOST|HOSTNAME|SERVER)$", "${REDIS_HOST}"),
        (rf"{_REDIS}PORT$", "${REDIS_PORT}"),
        (r"(?:^|_)(?:AMQP|RABBITMQ|RABBIT|BROKER|NATS)_(?:URL|URI)$", "${BROKER_URL}"),
        (r"^(?:APP|SERVER|HTTP|API|LISTEN|SERVICE|WEB|UVICORN|BACKEND|FLASK_RUN)_PORT$", "${PORT}"),
        (r"(?:^|_)(?:SECRET|SECRET_KEY|JWT_KEY|SIGNING_KEY|TOKEN_SECRET)$|(?:^|_)JWT_SECRET",
         "${SECRET}"),
    )
)  # fmt: skip


def meaning_of(name: str) -> str | None:
    """Return the value of ours that a variable called `name` should have, or None."""
    upper = name.upper()
    if "TEST" in upper.split("_"):
        return None
    return next((value for pattern, value in _MEANINGS if pattern.search(upper)), None)


def names_in(sources: Sources) -> set[str]:
    """Return the environment variables that a submission's source and examples mention."""
    names = {
        name for text in sources.code.values() for pair in _READS.findall(text) for name in pair
    }
    for inside in _DESTRUCTURED.findall(sources.everything):
        names |= set(re.findall(r"\b[A-Z][A-Z0-9_]*\b", inside))
    for example in _EXAMPLES:
        names |= set(_ASSIGNED.findall(sources.text(example) or ""))
    for text in sources.python.values():
        if "BaseSettings" in text:
            names |= _settings_fields(text)
    return names - {""}


def _settings_fields(text: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.ClassDef) and any("Settings" in ast.unparse(b) for b in node.bases):
            names |= _fields_of(node)
    return names


def _fields_of(node: ast.ClassDef) -> set[str]:
    prefix = _env_prefix(node)
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    names = {
        f"{prefix}{item.target.id}".upper() for item in fields if isinstance(item.target, ast.Name)
    }
    return names.union(*(_aliases(item.value) for item in fields))


def _env_prefix(node: ast.ClassDef) -> str:
    found = re.search(r"env_prefix\s*=\s*'([A-Za-z0-9_]*)'", ast.unparse(node))
    return found[1] if found else ""


def _aliases(value: ast.expr | None) -> set[str]:
    if not isinstance(value, ast.Call):
        return set()
    return {
        word.value.value
        for word in value.keywords
        if word.arg in {"alias", "validation_alias", "env"}
        and isinstance(word.value, ast.Constant)
        and isinstance(word.value.value, str)
    }
