"""The house rules that no off-the-shelf linter knows; run by `make lint`, each with its place.

Sizes, forbidden module names, what a check may import, and what must never be tracked.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES = 400
TEST_MODULE_LINES = 600  # a list of facts about one thing reads well in one place
CLASS_LINES = 260
TEST_LINES = 60
TRACKED_BYTES = 1024 * 1024
GRAB_BAGS = {"utils", "util", "helpers", "common", "misc", "base", "tools"}
STANDARD = sys.stdlib_module_names - {"test", "this"}
# Standard-library names that are our own nouns; imports are absolute, so nothing is shadowed.
OWN_NOUNS = {"site", "select"}
EXHIBITS = ("/starter/", "/submissions/", "/junk/")
# Pieces, so that this file does not contain what it looks for.
UNWANTED = tuple(
    "".join(parts)
    for parts in (
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("registry.npm", "js.org"),
        ("deb.debian", ".org"),
        ("proxy.golang", ".org"),
    )
)
NEVER = ("uv.lock", "package-lock.json", ".env", "yarn.lock", "pnpm-lock.yaml")
CHECK_IMPORTS = ("acidtest.grader.sdk",)


def main() -> int:
    """Print every broken rule with its place; return 1 if there is any."""
    complaints = list(complain(tracked()))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


def tracked() -> list[Path]:
    """The files git knows and those it would, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=60,
    )
    names = {name for name in listing.stdout.decode().split("\0") if name}
    return sorted(Path(name) for name in names if (ROOT / name).is_file())


def complain(files: list[Path]) -> Iterator[str]:
    """Yield a sentence for every broken rule."""
    for path in files:
        yield from complain_of_file(path)
        if path.suffix == ".py" and not any(part in f"/{path}" for part in EXHIBITS):
            yield from complain_of_module(path, (ROOT / path).read_text(encoding="utf-8"))


def complain_of_file(path: Path) -> Iterator[str]:
    """What must never be tracked: bulk, lock files with addresses, registry hosts."""
    if path.name in NEVER:
        yield f"{path}: must not be tracked"
    if (ROOT / path).stat().st_size > TRACKED_BYTES:
        yield f"{path}: larger than {TRACKED_BYTES // 1024} KiB"
    text = (ROOT / path).read_bytes().decode("utf-8", "replace")
    for host in UNWANTED:
        if host in text:
            yield f"{path}: names the package registry {host}"


def complain_of_module(path: Path, source: str) -> Iterator[str]:
    """Sizes, names and imports of one module of ours."""
    lines = source.count("\n")
    limit = TEST_MODULE_LINES if path.name.startswith("test_") else MODULE_LINES
    if lines > limit:
        yield f"{path}: {lines} lines, more than {limit}"
    name = path.stem
    if name in GRAB_BAGS and path.parts[0] != "tools":
        yield f"{path}: {name!r} says nothing about what lives there"
    if name in STANDARD - OWN_NOUNS and not name.startswith("_"):
        yield f"{path}: named like a module of the standard library"
    tree = ast.parse(source, filename=str(path))
    for node in ast.walk(tree):
        yield from _complain_of_node(path, node)
    if "checks" in path.parts and path.parts[0] == "catalogue":
        yield from complain_of_check_imports(path, tree)


def _complain_of_node(path: Path, node: ast.AST) -> Iterator[str]:
    if not isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    length = (node.end_lineno or node.lineno) - node.lineno + 1
    if isinstance(node, ast.ClassDef):
        if length > CLASS_LINES:
            yield f"{path}:{node.lineno}: class {node.name} has {length} lines"
    elif node.name.startswith("test_"):
        if length > TEST_LINES:
            yield f"{path}:{node.lineno}: test {node.name} has {length} lines"
        if not ast.get_docstring(node):
            yield f"{path}:{node.lineno}: test {node.name} does not say in a sentence what holds"


def complain_of_check_imports(path: Path, tree: ast.Module) -> Iterator[str]:
    """Checks see the service through the SDK alone, so that every language is judged alike."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            if name not in CHECK_IMPORTS and name.partition(".")[0] not in sys.stdlib_module_names:
                yield f"{path}:{node.lineno}: a check must not import {name}"


if __name__ == "__main__":
    sys.exit(main())
