"""The decorator that makes a function a check, and the finder that collects them from a folder."""

import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from acidtest.core.errors import PackageError
from acidtest.core.result import CheckInfo
from acidtest.core.verdict import Kind, Visibility

if TYPE_CHECKING:
    from acidtest.grader.sdk._env import Env

CheckFunction = Callable[["Env"], Awaitable[None]]

_MARK = "__acidtest_check__"


class Check(NamedTuple):
    """A check as the engine runs it."""

    info: CheckInfo
    run: Callable[["Env"], Awaitable[None]]
    deadline: float
    """Seconds after which the check itself is void."""
    order: int
    """Line of its definition: checks of a module run in the order they are written."""


def check(
    requirement: str,
    *,
    group: str,
    kind: Kind = Kind.DETERMINISTIC,
    weight: float = 1.0,
    requires: tuple[str, ...] = (),
    visibility: Visibility = Visibility.PUBLIC,
    deadline: float = 45.0,
) -> Callable[[CheckFunction], CheckFunction]:
    """Register an async function `(env) -> None` as a check; its docstring is what people read.

    Args:
        requirement: id of the statement's requirement it enforces, such as `R7`.
        group: name of a group in `problem.yaml`.
        kind: how a failure counts.
        weight: its share among the checks of its group.
        requires: ids of checks without whose pass this one would pass vacuously.
        visibility: whether candidates may know of it beforehand.
        deadline: seconds it may take before it is void.
    """

    def mark(function: CheckFunction) -> CheckFunction:
        title, _, explanation = inspect.cleandoc(function.__doc__ or "").partition("\n")
        info = CheckInfo(
            id=function.__name__,
            requirement=requirement,
            group=group,
            kind=kind,
            weight=weight,
            title=title.strip(),
            explanation=explanation.strip(),
            visibility=visibility,
            requires=requires,
        )
        line = function.__code__.co_firstlineno
        setattr(function, _MARK, Check(info, function, deadline, line))
        return function

    return mark


def load_checks(folder: Path, *, package: str) -> tuple[Check, ...]:
    """Import every module of `folder` as a submodule of `package` and return their checks.

    Raises:
        PackageError: a module does not import, two checks share a name, or one has no sentence.
    """
    _import(folder / "__init__.py", package, search=folder)
    found: dict[str, Check] = {}
    for path in sorted(folder.glob("*.py")):
        if path.stem == "__init__":
            continue
        module = _import(path, f"{package}.{path.stem}")
        own = [c for c in map(_marked, vars(module).values()) if c and _lives_in(c, module)]
        for item in sorted(own, key=lambda item: item.order):
            if item.info.id in found:
                raise PackageError(f"{path}: two checks are named {item.info.id}")
            if not item.info.title:
                raise PackageError(f"{path}: check {item.info.id} has no docstring to show")
            found[item.info.id] = item
    if not found:
        raise PackageError(f"{folder}: no checks found")
    return tuple(found.values())


def _marked(value: object) -> Check | None:
    mark = getattr(value, _MARK, None)
    return mark if isinstance(mark, Check) else None


def _lives_in(item: Check, module: ModuleType) -> bool:
    return getattr(item.run, "__module__", None) == module.__name__


def _import(path: Path, name: str, *, search: Path | None = None) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        name, path, submodule_search_locations=[str(search)] if search else None
    )
    if spec is None or spec.loader is None or not path.is_file():
        raise PackageError(f"{path}: not a module of checks")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PackageError(f"{path}: does not import: {error!r}") from error
    return module
