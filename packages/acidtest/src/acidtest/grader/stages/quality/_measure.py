"""Measures Python and other source files; runs inside the sandbox, with lizard beside it.

It stands alone: nothing of ours is importable in there. Input is a JSON list of paths, output one
JSON object. A file that cannot be read or parsed is left out and named.
"""

import ast
import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

_PYTHON = ".py"
_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SESSION_WORK = {"query", "execute", "scalars", "scalar", "commit", "flush", "refresh", "get"}
_BLOCKING_DRIVERS = {"psycopg2", "pymysql", "MySQLdb", "sqlite3", "redis", "pymongo"}
_OPENING = {"connect", "Redis", "StrictRedis", "from_url", "MongoClient"}
_ASYNC_PARTS = {"asyncio", "aio"}


def main() -> None:
    """Read what is asked from the input, write what was measured to the output."""
    sys.path.append(sys.argv[1])
    sys.setrecursionlimit(3000)
    warnings.simplefilter("ignore")
    import lizard  # noqa: PLC0415 - its place is told by the first argument

    functions: list[list[Any]] = []
    modules: dict[str, Any] = {}
    unread: list[str] = []
    for name in json.load(sys.stdin):
        try:
            tree = _parsed(name) if name.endswith(_PYTHON) else None
            functions += _functions(lizard, name, _positional(tree))
            if tree is not None:
                modules[name] = _module(tree)
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError, RuntimeError):
            unread.append(name)
    json.dump({"functions": functions, "modules": modules, "unread": unread}, sys.stdout)


def _functions(lizard: Any, name: str, positional: dict[int, int]) -> Iterator[list[Any]]:
    for found in lizard.analyze_file(name).function_list:
        yield [
            name,
            found.long_name[:120],
            found.start_line,
            found.end_line,
            found.nloc,
            found.cyclomatic_complexity,
            positional.get(found.start_line, len(found.parameters)),
        ]


def _parsed(name: str) -> ast.Module:
    with open(name, encoding="utf-8") as file:  # noqa: PTH123 - a plain name inside the sandbox
        return ast.parse(file.read(), name)


def _positional(tree: ast.Module | None) -> dict[int, int]:
    """Parameters that a call may swap, by line: those that must be named cannot be."""
    return {
        node.lineno: len([*node.args.posonlyargs, *node.args.args])
        for node in ast.walk(tree or ast.Module([], []))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _module(tree: ast.Module) -> dict[str, Any]:
    return {
        "typed": _typed(tree),
        "documented": list(_documented(tree)),
        "definitions": list(_definitions(tree)),
        "imports": sorted(set(_imports(tree))),
        "hits": [*_blocking_sessions(tree), *_blocking_drivers(tree)],
    }


def _typed(tree: ast.Module) -> list[list[Any]]:
    """Every function with whether all it takes and gives has a type."""
    rows = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            asked = [one for one in given if one.arg not in {"self", "cls"}]
            whole = all(one.annotation is not None for one in asked)
            gives = node.returns is not None or (asked and node.name == "__init__")
            rows.append([node.name, node.lineno, bool(whole and gives)])
    return rows


def _documented(tree: ast.Module) -> Iterator[list[Any]]:
    """Every public function and class, the methods of public classes too, with its docstring."""
    for node in _public(tree.body):
        yield [node.name, node.lineno, ast.get_docstring(node) is not None]
        if isinstance(node, ast.ClassDef):
            for inner in _public(node.body):
                yield [f"{node.name}.{inner.name}", inner.lineno, bool(ast.get_docstring(inner))]


def _public(
    body: list[ast.stmt],
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, _NAMED) and not node.name.startswith("_"):
            yield node


def _definitions(tree: ast.Module) -> Iterator[list[Any]]:
    """Functions and classes of the module itself that nothing decorates."""
    for node in tree.body:
        if isinstance(node, _NAMED) and not node.decorator_list:
            yield [node.name, node.lineno]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _blocking_sessions(tree: ast.Module) -> Iterator[list[Any]]:
    """Calls on a blocking SQLAlchemy session inside `async def`, which nobody awaits."""
    names = _names_from(tree, "sqlalchemy.orm", "Session")
    for function in _asynchronous(tree):
        held = {
            one.arg
            for one in [*function.args.args, *function.args.kwonlyargs]
            if _mentions(one.annotation, names)
        }
        for call in _calls_not_awaited(function) if held else ():
            target = call.func
            if (
                isinstance(target, ast.Attribute)
                and target.attr in _SESSION_WORK
                and isinstance(target.value, ast.Name)
                and target.value.id in held
            ):
                said = f"{target.value.id}.{target.attr}() waits for the database in async def"
                yield ["blocking-session", call.lineno, f"{said} {function.name}"]


def _blocking_drivers(tree: ast.Module) -> Iterator[list[Any]]:
    """Connecting with a blocking driver inside `async def`."""
    modules = _modules(tree)
    for function in _asynchronous(tree):
        for call in _calls_not_awaited(function):
            path = _dotted(call.func)
            head, _, rest = path.partition(".")
            module = modules.get(head, "")
            whole = f"{module}.{rest}".strip(".").split(".") if module else []
            if not whole or whole[-1] not in _OPENING or _ASYNC_PARTS & {*whole}:
                continue
            if whole[0] in _BLOCKING_DRIVERS:
                said = f"{path}() waits for a server in async def {function.name}"
                yield ["blocking-driver", call.lineno, said]


def _asynchronous(tree: ast.Module) -> Iterator[ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef))


def _calls_not_awaited(function: ast.AsyncFunctionDef) -> Iterator[ast.Call]:
    """Calls that the function itself makes and does not await; inner functions are others'."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(node, ast.Await):
            value = node.value
            waiting += ast.iter_child_nodes(value) if isinstance(value, ast.Call) else [value]
            continue
        if isinstance(node, ast.Call):
            yield node
        waiting += ast.iter_child_nodes(node)


def _names_from(tree: ast.Module, module: str, name: str) -> set[str]:
    """What `name` of `module` is called in this file."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
        if alias.name == name
    }


def _modules(tree: ast.Module) -> dict[str, str]:
    """What modules are called in this file."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _mentions(annotation: ast.expr | None, names: set[str]) -> bool:
    if annotation is None or not names:
        return False
    return any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(annotation))


def _dotted(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


if __name__ == "__main__":
    main()
