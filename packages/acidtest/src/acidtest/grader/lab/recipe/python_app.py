"""Finding the application object of a Python service by reading its syntax, never importing it."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from acidtest.grader.lab.recipe.sources import Sources
from acidtest.grader.lab.recipe.syntax import parsed

Interface = Literal["asgi", "wsgi"]
FRAMEWORKS: dict[str, tuple[str, Interface]] = {
    "FastAPI": ("fastapi", "asgi"),
    "Starlette": ("starlette", "asgi"),
    "Litestar": ("litestar", "asgi"),
    "Quart": ("quart", "asgi"),
    "BlackSheep": ("blacksheep", "asgi"),
    "NinjaAPI": ("django", "asgi"),
    "Flask": ("flask", "wsgi"),
    "APIFlask": ("flask", "wsgi"),
    "Bottle": ("bottle", "wsgi"),
    "get_asgi_application": ("django", "asgi"),
    "get_wsgi_application": ("django", "wsgi"),
}
_GOOD_FILES = ("main", "app", "server", "api", "asgi", "wsgi", "__init__", "run", "application")
_GOOD_NAMES = ("app", "application", "api", "server")


class PythonApp(NamedTuple):
    """An application object, or the factory that makes one, and where to import it from."""

    file: str
    root: str
    """Folder that must be importable, relative to the service's folder."""
    module: str
    name: str
    framework: str
    interface: Interface
    factory: bool

    @property
    def target(self) -> str:
        """`module:name`, as every server spells it."""
        return f"{self.module}:{self.name}"


def find_app(sources: Sources, *, hints: str = "") -> PythonApp | None:
    """Return the most likely application; `hints` is text that may name it (a Dockerfile)."""
    found = [app for file, text in sources.python.items() for app in _apps_of(file, text, sources)]
    return min(found, key=lambda app: _rank(app, hints), default=None)


def _rank(app: PythonApp, hints: str) -> tuple[bool, bool, bool, int, int, int, str]:
    stem = PurePosixPath(app.file).stem
    return (
        app.framework == "django" and stem not in {"asgi", "wsgi"},
        app.target not in hints,
        app.factory,
        _GOOD_FILES.index(stem) if stem in _GOOD_FILES else len(_GOOD_FILES),
        app.file.count("/"),
        _GOOD_NAMES.index(app.name) if app.name in _GOOD_NAMES else len(_GOOD_NAMES),
        app.file,
    )


def _apps_of(file: str, text: str, sources: Sources) -> Iterator[PythonApp]:
    if not any(word in text for word in FRAMEWORKS):
        return
    tree = parsed(text)
    root, module = _import_place(file, tree, sources)
    for name, framework, factory in _candidates(tree):
        slug, interface = FRAMEWORKS[framework]
        yield PythonApp(file, root, module, name, slug, interface, factory)


def _candidates(tree: ast.Module) -> Iterator[tuple[str, str, bool]]:
    factories: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _callable_without_arguments(node):
            made = next((word for call in ast.walk(node) if (word := _framework(call))), None)
            if made and any(isinstance(part, ast.Return) and part.value for part in ast.walk(node)):
                factories[node.name] = made
    assigned = set()
    for node in _statements(tree):
        for name, value in _assignments(node):
            made = _framework(value) or factories.get(_called(value))
            if made:
                assigned.add(name)
                yield name, made, False
    if not assigned:
        yield from ((name, made, True) for name, made in factories.items())


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    # An application made inside `try` or `if` at the top level is importable too.
    for node in tree.body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from node.body


def _assignments(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def _framework(node: ast.AST) -> str | None:
    name = _called(node)
    return name if name in FRAMEWORKS else None


def _called(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _callable_without_arguments(node: ast.FunctionDef) -> bool:
    arguments = node.args
    required = len(arguments.posonlyargs) + len(arguments.args) - len(arguments.defaults)
    keywords = sum(default is None for default in arguments.kw_defaults)
    return required + keywords == 0


def _import_place(file: str, tree: ast.Module, sources: Sources) -> tuple[str, str]:
    path = PurePosixPath(file)
    parts = path.parts[:-1] if path.stem == "__init__" else (*path.parts[:-1], path.stem)
    absolute, relative = _imports(tree)
    best: tuple[int, int] | None = None
    depth = 0
    for cut in range(max(1, len(parts) - relative)):
        prefix = "/".join(parts[:cut])
        known = sum(_exists(sources, prefix, module) for module in absolute)
        is_source_folder = cut == 1 and parts[0] == "src" and not sources.has("src/__init__.py")
        score = (known, int(is_source_folder) - cut * int(cut != 1 or not is_source_folder))
        if best is None or score > best:
            best, depth = score, cut
    return "/".join(parts[:depth]) or ".", ".".join(parts[depth:])


def _imports(tree: ast.Module) -> tuple[list[str], int]:
    absolute: list[str] = []
    relative = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            absolute += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = max(relative, node.level)
            absolute += [node.module] if node.module and not node.level else []
    return absolute, relative


def _exists(sources: Sources, prefix: str, module: str) -> bool:
    path = "/".join(filter(None, (prefix, *module.split("."))))
    return f"{path}.py" in sources.python or any(
        name.startswith(f"{path}/") for name in sources.python
    )
