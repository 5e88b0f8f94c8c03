"""A Python service: its framework, server, migrations and worker, recognised from its files."""

import re
import shlex
from typing import NamedTuple

from acidtest.grader.lab.recipe.draft import Draft
from acidtest.grader.lab.recipe.plan import PythonBuild
from acidtest.grader.lab.recipe.python_app import PythonApp, find_app
from acidtest.grader.lab.recipe.python_packages import Packages, packages_of
from acidtest.grader.lab.recipe.sources import Sources

_SETTINGS_MODULE = re.compile(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([\w.]+)['\"]")
_CELERY = re.compile(r"^(\w+)\s*(?::[^=\n]+)?=\s*Celery\(", re.MULTILINE)
_MAIN = re.compile(r"^if __name__ == ['\"]__main__['\"]\s*:", re.MULTILINE)
_SERVERS = {
    "asgi": (
        ("uvicorn", "uvicorn {target} --host 0.0.0.0 --port $PORT"),
        ("granian", "granian --interface asgi --host 0.0.0.0 --port $PORT {target}"),
        ("hypercorn", "hypercorn --bind 0.0.0.0:$PORT {target}"),
    ),
    "wsgi": (
        ("gunicorn", "gunicorn --bind 0.0.0.0:$PORT --workers 2 --threads 4 {target}"),
        ("waitress", "waitress-serve --listen=0.0.0.0:$PORT {target}"),
        ("granian", "granian --interface wsgi --host 0.0.0.0 --port $PORT {target}"),
    ),
}


class _Server(NamedTuple):
    start: str
    added: tuple[str, ...]
    notes: tuple[str, ...]


def draft_of(sources: Sources, *, hints: str = "") -> Draft | None:
    """Return what the Python files tell, or None when this is no Python project."""
    packages = packages_of(sources)
    app = find_app(sources, hints=hints)
    if packages is None and (app is None or _belongs_deeper(sources, app)):
        return None
    if packages is None:
        packages = Packages(
            PythonBuild(kind="none"),
            frozenset(),
            ("no file lists Python dependencies; only what we add is installed",),
        )
    server = _serve(sources, packages, app)
    plan = packages.plan.model_copy(
        update={
            "added": _added(packages, app, server),
            "import_paths": _import_paths(sources, app),
        }
    )
    migration = _migration(sources, packages.names, app)
    return Draft(
        source="source code",
        stack=f"python-{app.framework}" if app else "python",
        start=server.start if server else None,
        migrate=migration,
        worker=_worker(sources, app),
        dependencies=plan,
        notes=(
            *packages.notes,
            *(server.notes if server else ()),
            *([f"migrations are run by `{migration}`"] if migration else []),
        ),
    )


def _belongs_deeper(sources: Sources, app: PythonApp) -> bool:
    # An inner folder with its own dependency files is a service of its own, to be named as such.
    folder, _, inner = app.file.partition("/")
    return bool(inner) and packages_of(Sources(sources.root / folder)) is not None


def _serve(sources: Sources, packages: Packages, app: PythonApp | None) -> _Server | None:
    if app is None:
        return _script(sources)
    known = dict(_SERVERS[app.interface])
    name = next((server for server in known if server in packages.names), None)
    note = f"the application was found in {app.file} as `{app.target}`"
    note += " (a factory)" if app.factory else ""
    chosen = name or next(iter(known))
    start = _call(known[chosen], chosen, app)
    if name is not None:
        return _Server(start, (), (f"{note}; it is served by {name}",))
    said = f"it lists no {app.interface.upper()} server, so {chosen} was added to serve it"
    return _Server(start, (chosen,), (note, said))


def _call(template: str, server: str, app: PythonApp) -> str:
    if not app.factory:
        return template.format(target=app.target)
    if server == "gunicorn":
        return template.format(target=f"'{app.target}()'")
    if server == "waitress":
        return template.format(target=f"--call {app.target}")
    if server == "hypercorn":
        return template.format(target=f"'{app.target}()'")
    return f"{template.format(target=app.target)} --factory"


def _script(sources: Sources) -> _Server | None:
    for file in ("main.py", "app.py", "server.py", "run.py", "src/main.py", "app/main.py"):
        if _MAIN.search(sources.python.get(file, "")):
            return _Server(
                f"python {file}", (), (f"no application object was found; {file} is run as it is",)
            )
    return None


def _added(packages: Packages, app: PythonApp | None, server: _Server | None) -> tuple[str, ...]:
    added = list(server.added if server else ())
    if packages.plan.kind == "none" and app is not None:
        added.insert(0, app.framework)
    return tuple(added)


def _import_paths(sources: Sources, app: PythonApp | None) -> tuple[str, ...]:
    paths = [app.root] if app else []
    paths += ["."] + (["src"] if any(name.startswith("src/") for name in sources.python) else [])
    return tuple(dict.fromkeys(paths))


def _migration(sources: Sources, names: frozenset[str], app: PythonApp | None) -> str | None:
    if sources.has("manage.py") and _SETTINGS_MODULE.search(sources.text("manage.py") or ""):
        return "python manage.py migrate --noinput"
    if "flask-migrate" in names and sources.has("migrations/env.py") and app is not None:
        call = f"'{app.target}()'" if app.factory else app.target
        return f"flask --app {call} db upgrade"
    if "aerich" in names and "[tool.aerich]" in (sources.text("pyproject.toml") or ""):
        return "aerich upgrade"
    return _alembic(sources, names)


def _alembic(sources: Sources, names: frozenset[str]) -> str | None:
    configured = "[tool.alembic]" in (sources.text("pyproject.toml") or "")
    if sources.has("alembic.ini") or ("alembic" in names and configured):
        return "alembic upgrade head"
    nested = [name for name in sources.matching("*/alembic.ini") if "node_modules" not in name]
    if not nested:
        return None
    return f"cd {shlex.quote(nested[0].rpartition('/')[0])} && alembic upgrade head"


def _worker(sources: Sources, app: PythonApp | None) -> str | None:
    for file, text in sources.python.items():
        found = _CELERY.search(text)
        if found is None:
            continue
        root = f"{app.root}/" if app and app.root != "." else ""
        module = file.removeprefix(root).removesuffix(".py").removesuffix("/__init__")
        return f"celery -A {module.replace('/', '.')}:{found[1]} worker --concurrency 1"
    return None
