"""What a newcomer reads first: the README, and whether what it names is there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from acidtest.grader.stages.hits import Hit

_MOST = 256 * 1024
_README = re.compile(r"^readme(\.(md|rst|txt|adoc))?$", re.IGNORECASE)
_FENCE = re.compile(r"^(?:```|~~~)[^\n]*\n(.*?)^(?:```|~~~)", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]{3,200})`")
_INDENTED = re.compile(r"^(?: {4}|\t)(\S.*)$", re.MULTILINE)
_START = re.compile(
    r"\b(docker[ -]compose\b.*\bup|docker run|podman run|uvicorn|gunicorn|granian|hypercorn|fastapi"
    r" (run|dev)|flask run|manage\.py runserver|(python3?|poetry run|uv run|pipenv run) \S+|npm"
    r" (start|run \S+)|yarn \S+|pnpm \S+|bun \S+|node \S+|go run|cargo run|java -jar|mvn|gradlew?"
    r"|bundle exec|rails s|php \S+|make \S+|just \S+|task \S+|honcho|foreman)"
)
_TESTS = re.compile(
    r"\b(pytest|unittest|tox|nox|npm (run )?test|npm t\b|yarn (run )?test|pnpm (run )?test|bun test"
    r"|vitest|jest|mocha|node --test|go test|cargo test|mvn test|gradlew? test|rspec|phpunit"
    r"|make (test|check|ci)\S*|just test\S*)"
)
_PATHS = (
    re.compile(r"\bpip3? install\s+(?:\S+\s+)*?-r\s+([\w./-]+\.txt)"),
    re.compile(r"^\s*cp\s+([\w./-]*env[\w./-]*)\s", re.MULTILINE),
    re.compile(r"\bpython3?\s+([\w./-]+\.py)\b"),
    re.compile(r"\bnode\s+([\w./-]+\.[cm]?js)\b"),
    re.compile(r"\bdocker[ -]compose\s+-f\s+([\w./-]+\.ya?ml)"),
)
_SCRIPT = re.compile(r"\b(?:npm|pnpm|yarn) run ([\w:-]+)")
_CHANGES_FOLDER = re.compile(r"^\s*(?:\$\s*)?cd\s", re.MULTILINE)


def readme_hits(root: Path) -> list[Hit]:
    """What is missing or wrong in the README of the folder `root`."""
    name = next((p.name for p in sorted(root.iterdir()) if _README.match(p.name)), None)
    if name is None:
        return [Hit("acidtest", "readme-missing", "", None, None, "There is no README")]
    with (root / name).open("rb") as file:
        text = file.read(_MOST).decode("utf-8", "replace")
    commands = "\n".join([*_FENCE.findall(text), *_INLINE.findall(text), *_INDENTED.findall(text)])
    hits = []
    if not _START.search(commands):
        said = "No command in the README starts the service"
        hits.append(Hit("acidtest", "readme-start", name, None, None, said))
    if not _TESTS.search(commands):
        said = "No command in the README runs the tests"
        hits.append(Hit("acidtest", "readme-tests", name, None, None, said))
    lines = text.splitlines()
    for wanted in dict.fromkeys(_missing(root, text)):
        line = next((n for n, line in enumerate(lines, start=1) if wanted in line), None)
        said = f"The README names {wanted}, which is not there"
        hits.append(Hit("acidtest", "readme-wrong", name, line, None, said))
    return hits


def _missing(root: Path, text: str) -> Iterator[str]:
    """Files and scripts that commands name and that are not in the submission."""
    # After a change of folder, names are relative to somewhere else.
    blocks = [block for block in _FENCE.findall(text) if not _CHANGES_FOLDER.search(block)]
    commands = "\n".join(blocks)
    named = (path for pattern in _PATHS for path in pattern.findall(commands))
    yield from (path for path in named if not path.startswith("/") and not _there(root, path))
    scripts = _scripts(root)
    if scripts is not None:
        yield from (name for name in _SCRIPT.findall(commands) if name not in scripts)


def _there(root: Path, path: str) -> bool:
    target = (root / path).resolve()
    # The tests of a service may be named from the folder above it.
    return target.exists() or not target.is_relative_to(root.resolve())


def _scripts(root: Path) -> set[str] | None:
    path = root / "package.json"
    if not path.is_file() or path.stat().st_size > _MOST:
        return None
    try:
        data = json.loads(path.read_bytes())
        return set(data.get("scripts", {}))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None
