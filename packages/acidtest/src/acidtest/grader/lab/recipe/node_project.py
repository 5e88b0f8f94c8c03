"""A Node service: its package scripts, build and migrations."""

import json
import re
from typing import Any

from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.plan import NodeBuild
from acidtest.grader.lab.recipe.sources import Sources

_MIGRATIONS = (
    "migrate:deploy",
    "migrate:up",
    "migrate:latest",
    "migrate:run",
    "migrate",
    "db:migrate",
    "db:migrate:deploy",
    "migration:run",
    "migrations:run",
    "prisma:deploy",
    "prisma:migrate",
    "typeorm:migrate",
)
_FRAMEWORKS = ("express", "fastify", "koa", "@nestjs/core", "@hapi/hapi", "hono", "restify")
_LOCKS = (
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
    ("yarn.lock", "yarn"),
    ("pnpm-lock.yaml", "pnpm"),
)
_MAINS = (
    "server.js",
    "index.js",
    "app.js",
    "main.js",
    "src/server.js",
    "src/index.js",
    "src/app.js",
    "src/main.js",
)
_TYPED_RUNNERS = (("tsx", "tsx"), ("ts-node", "ts-node"), ("ts-node-dev", "ts-node"))
"""What runs TypeScript by the package that brings it."""
_LISTEN = re.compile(r"\.listen\(\s*(\d{2,5})\b")
_READS_PORT = re.compile(r"(?<![A-Za-z0-9_])(?:APP_|SERVER_|HTTP_|API_)?PORT(?![A-Za-z0-9_])")
"""The port of the service itself, not that of its database or its cache."""
_COMMENT = re.compile(r"^[ \t]*//.*$", re.MULTILINE)
_FOR_DEVELOPMENT = re.compile(r"\b(nodemon|ts-node-dev|tsx watch|--watch)\b")
_OTHER_SCRIPT = re.compile(r"\b(npm|yarn|pnpm|npx)\b")


def draft_of(sources: Sources) -> Draft | None:
    """Return what package.json tells, or None when there is none that starts anything."""
    package = _package(sources)
    if package is None:
        return None
    scripts = _strings(package.get("scripts"))
    needed = _strings(package.get("dependencies"))
    start, notes = _start(sources, package, scripts)
    lock, manager = next(
        ((file, manager) for file, manager in _LOCKS if sources.has(file)), (None, "npm")
    )
    build_script = (
        "build" if "build" in scripts and start and _needs_build(start, scripts) else None
    )
    plan = NodeBuild.model_validate(
        {
            "manager": manager,
            "lock": lock,
            "build_script": build_script,
            "engines": _strings(package.get("engines")).get("node"),
            "dependencies": bool(needed or package.get("devDependencies")),
        }
    )
    migrate = _migration(sources, scripts, needed)
    framework = next((name for name in _FRAMEWORKS if name in needed), None)
    if lock is None and needed:
        notes.append("there is no lock file: npm picks the newest versions that fit")
    if migrate:
        notes.append(f"migrations are run by `{migrate}`")
    return Draft(
        source="package.json",
        stack=f"node-{framework.strip('@').partition('/')[0]}" if framework else "node",
        start=start,
        migrate=migrate,
        worker="npm run worker" if "worker" in scripts else None,
        port=_fixed_port(sources),
        dependencies=plan,
        notes=tuple(notes),
    )


def _package(sources: Sources) -> dict[str, Any] | None:
    try:
        package = json.loads(sources.text("package.json") or "null")
    except (ValueError, RecursionError):
        return None
    return package if isinstance(package, dict) else None


def _strings(table: object) -> dict[str, str]:
    if not isinstance(table, dict):
        return {}
    return {str(key): value for key, value in table.items() if isinstance(value, str)}


def _start(
    sources: Sources, package: dict[str, Any], scripts: dict[str, str]
) -> tuple[str | None, list[str]]:
    name = next((name for name in ("start:prod", "start", "serve", "dev") if name in scripts), None)
    if name is not None:
        text = scripts[name]
        notes = [f"package.json's `{name}` script starts it: {text}"]
        if _FOR_DEVELOPMENT.search(text):
            notes.append(f"its `{name}` script is one for development; it may restart by itself")
        wrapped = f"pre{name}" in scripts or _OTHER_SCRIPT.search(text)
        # npm between us and the service would swallow the signal that asks it to stop.
        return (f"npm run {name}" if wrapped else text), notes
    main = package.get("main")
    file = main if isinstance(main, str) and sources.has(main) else sources.first(*_MAINS)
    if file is not None:
        return f"node {file}", [f"package.json has no start script; {file} is run"]
    typed = sources.first(*(name.removesuffix("js") + "ts" for name in _MAINS))
    runner = next((run for name, run in _TYPED_RUNNERS if name in _tools(package)), None)
    if typed is None or runner is None:
        return None, []
    return f"{runner} {typed}", [f"package.json has no start script; `{runner} {typed}` is run"]


def _tools(package: dict[str, Any]) -> dict[str, str]:
    return {**_strings(package.get("devDependencies")), **_strings(package.get("dependencies"))}


def _needs_build(start: str, scripts: dict[str, str]) -> bool:
    built = re.search(r"\b(dist|build|out|lib)/", start)
    return bool(built) or "tsc" in scripts.get("build", "") or start.startswith("npm run")


def _migration(sources: Sources, scripts: dict[str, str], needed: dict[str, str]) -> str | None:
    name = next((name for name in _MIGRATIONS if name in scripts), None)
    if name is not None:
        return f"npm run {name}"
    if sources.has("prisma/schema.prisma") and sources.matching("prisma/migrations/*/*.sql"):
        return "node_modules/.bin/prisma migrate deploy"
    if sources.first("knexfile.js", "knexfile.ts", "knexfile.cjs"):
        return "node_modules/.bin/knex migrate:latest"
    if "sequelize-cli" in needed or sources.has(".sequelizerc"):
        return "node_modules/.bin/sequelize-cli db:migrate"
    if "node-pg-migrate" in needed:
        return "node_modules/.bin/node-pg-migrate up"
    return None


def _fixed_port(sources: Sources) -> int | None:
    code = _COMMENT.sub("", "\n".join(sources.code.values()))
    if _READS_PORT.search(code):
        return None
    found = _LISTEN.search(code)
    return int(found[1]) if found else None
