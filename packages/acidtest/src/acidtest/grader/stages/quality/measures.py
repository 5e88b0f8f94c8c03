"""Measures of a program: how long and how branched its functions are, what is typed and told."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from acidtest.core.errors import HarnessError
from acidtest.grader.stages.hits import Hit
from acidtest.grader.stages.toolbox import Toolbox
from acidtest.grader.stages.tree import SourceTree

BRANCHES = 15
"""Ways through a function beyond which it had better be two.

McCabe advised 10 (IEEE TSE 2(4), 1976); lizard also counts each `and`, `or` and comprehension.
"""
TANGLE = 30
LINES = 60
ARGUMENTS = 8
MODULE = 800
_LEAST_FUNCTIONS = 5
"""Fewer functions than that are no habit of typing."""
TYPED_ENOUGH = 0.9
TOLD_ENOUGH = 0.5
"""Where names say it, not every function needs a docstring."""
_SCRIPT = Path(__file__).with_name("_measure.py")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Function(NamedTuple):
    """One function as lizard measures it."""

    file: str
    name: str
    line: int
    end_line: int
    lines: int
    """Lines that hold code."""
    branches: int
    arguments: int


class Measures(NamedTuple):
    """What was measured."""

    hits: list[Hit]
    figures: dict[str, dict[str, float]]
    """By criterion."""
    notes: list[str]
    imports: dict[str, list[str]]
    """Top-level names that each Python file imports."""


async def measure(toolbox: Toolbox, tree: SourceTree) -> Measures:
    """Measure the program's own files.

    Raises:
        HarnessError: the measuring itself broke.
    """
    names = [file.path for file in tree.own()]
    said = await toolbox.script(_SCRIPT, asked=names)
    if said.code or not isinstance(said.answer, dict):
        raise HarnessError(f"measuring the files broke: {said.log[-400:]}")
    functions = [Function(*row) for row in said.answer["functions"]]
    modules: dict[str, dict[str, Any]] = said.answer["modules"]
    hits = [*_of_functions(functions), *_of_files(tree), *_unused(tree, modules)]
    hits += [
        Hit("acidtest", code, file, line, None, text)
        for file, module in modules.items()
        for code, line, text in module["hits"]
    ]
    typed, told = _typed(modules), _told(modules)
    hits += [*typed.hits, *told.hits]
    unread = [f"{name} could not be read as source" for name in said.answer["unread"]]
    figures = {
        "code.complexity": _figures(functions),
        "code.types": typed.figures,
        "code.documentation": told.figures,
    }
    return Measures(hits, figures, unread[:10], {n: m["imports"] for n, m in modules.items()})


def _figures(functions: list[Function]) -> dict[str, float]:
    branches = sorted(function.branches for function in functions)
    lines = sorted(_own_lines(functions).values())
    if not functions:
        return {"functions": 0.0}
    ninth = int(0.9 * (len(functions) - 1))
    return {
        "functions": float(len(functions)),
        "branches, median": float(branches[len(branches) // 2]),
        "branches, 90 %": float(branches[ninth]),
        "branches, most": float(branches[-1]),
        "lines, median": float(lines[len(lines) // 2]),
        "lines, 90 %": float(lines[ninth]),
        "lines, most": float(lines[-1]),
    }


def _own_lines(functions: list[Function]) -> dict[Function, int]:
    """Lines of each function without those of the functions inside it.

    A plugin or a factory that only holds others is as short as what is left of it.
    """
    by_file: dict[str, list[Function]] = defaultdict(list)
    for function in functions:
        by_file[function.file].append(function)
    own = {}
    for inside in by_file.values():
        for function in inside:
            inner = [
                other
                for other in inside
                if other is not function
                and function.line <= other.line
                and other.end_line <= function.end_line
            ]
            covered = {n for other in inner for n in range(other.line, other.end_line + 1)}
            own[function] = max(0, function.lines - len(covered))
    return own


def _of_functions(functions: list[Function]) -> Iterator[Hit]:
    lines = _own_lines(functions)
    for one in functions:
        where = (one.file, one.line, None)
        name = one.name.partition("(")[0].strip()
        if one.branches > TANGLE:
            text = f"{name} has {one.branches} ways through it, {TANGLE} are too many to test"
            yield Hit("lizard", "tangle", *where, text)
        elif one.branches > BRANCHES:
            text = f"{name} has {one.branches} ways through it, more than {BRANCHES}"
            yield Hit("lizard", "branches", *where, text)
        if lines[one] > LINES:
            text = f"{name} has {lines[one]} lines of its own, more than {LINES}"
            yield Hit("lizard", "length", *where, text)
        if one.arguments > ARGUMENTS:
            text = f"{name} takes {one.arguments} parameters, more than {ARGUMENTS}"
            yield Hit("lizard", "arguments", *where, text)


def _of_files(tree: SourceTree) -> Iterator[Hit]:
    for file in tree.own():
        if file.lines > MODULE:
            text = f"{file.path} has {file.lines} lines, more than {MODULE}"
            yield Hit("lizard", "module", file.path, 1, None, text)


def _unused(tree: SourceTree, modules: dict[str, dict[str, Any]]) -> Iterator[Hit]:
    """Functions and classes whose name is written nowhere else in the submission's code.

    A name that occurs in any other place, be it a string, may be used by way of it; so what is
    found here is nowhere named, and frameworks that look names up are named in the exceptions.
    """
    words: Counter[str] = Counter()
    for file in tree.files:
        words.update(_WORD.findall(file.text))
    for name, module in modules.items():
        for defined, line in module["definitions"]:
            hidden = defined.startswith("__") or defined in {"main", "upgrade", "downgrade"}
            if words[defined] == 1 and not hidden and not name.endswith("conftest.py"):
                text = f"{defined} is named nowhere else"
                yield Hit("acidtest", "unused-definition", name, line, None, text)


class _Share(NamedTuple):
    hits: list[Hit]
    figures: dict[str, float]


def _typed(modules: dict[str, dict[str, Any]]) -> _Share:
    rows = [(file, *row) for file, module in modules.items() for row in module["typed"]]
    return _share(rows, "untyped", "have type hints for all they take and give", TYPED_ENOUGH)


def _told(modules: dict[str, dict[str, Any]]) -> _Share:
    rows = [(file, *row) for file, module in modules.items() for row in module["documented"]]
    return _share(rows, "undocumented", "that are public have a docstring", TOLD_ENOUGH)


def _share(rows: list[tuple[str, str, int, bool]], code: str, what: str, enough: float) -> _Share:
    """One hit for what is missing to `enough`, at the file that misses most."""
    good = sum(row[3] for row in rows)
    figures = {"counted": float(len(rows)), "good": float(good)}
    if len(rows) < _LEAST_FUNCTIONS or good >= enough * len(rows):
        return _Share([], figures)
    missing = Counter(row[0] for row in rows if not row[3])
    file, _ = missing.most_common(1)[0]
    line = next(row[2] for row in rows if row[0] == file and not row[3])
    text = f"{good} of {len(rows)} {what}; most are missing in {file}"
    weight = 1 - good / (enough * len(rows))
    return _Share([Hit("acidtest", code, file, line, None, text, weight=weight)], figures)
