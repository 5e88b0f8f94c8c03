"""What has to be in the repository beside the service; what it is worth is for a reader."""

import re
from pathlib import Path

from acidtest.grader.sdk import ADVISORY, Env, check, fail, own_files

_TEST_NAMES = ("test", "spec")
_TOPICS = ("migrat", "test")
_COMPOSE = re.compile(r"(?:docker-)?compose[\w.-]*\.ya?ml")
_USER = re.compile(r"^\s*USER\s+(?!root\b|0\b)\S+", re.IGNORECASE | re.MULTILINE)
_NO_ROOT = re.compile(r"^\s*FROM\s+\S*nonroot", re.IGNORECASE | re.MULTILINE)
_MOST = 65_536


@check("R26", group="contract", kind=ADVISORY)
async def there_are_tests_and_a_readme(env: Env) -> None:
    """The repository has tests and a README that tells how to run service, migrations and tests.

    Only looks whether they are there; what they are worth is for a reader.
    """
    files = own_files(env.tree)
    names = {path: path.relative_to(env.tree).as_posix().lower() for path in files}
    tests = [path for path in files if any(word in names[path] for word in _TEST_NAMES)]
    readme = next((path for path in files if path.name.lower().startswith("readme")), None)
    text = _text(readme).lower() if readme else ""
    lacking = [] if tests else ["tests"]
    lacking += [] if readme else ["a README"]
    lacking += [f"“{word}…” in the README" for word in _TOPICS if readme and word not in text]
    if lacking:
        fail(
            f"The repository lacks {' and '.join(lacking)}",
            expected="tests, and a README that says how to run service, migrations and tests",
            observed=f"{len(files)} files, {len(tests)} of them look like tests",
        )


@check("R26", group="contract", kind=ADVISORY)
async def there_are_a_dockerfile_and_a_compose_file(env: Env) -> None:
    """The repository has a Dockerfile that does not run as root, and a compose file."""
    files = own_files(env.tree)
    dockerfiles = [p for p in files if p.name.lower() in {"dockerfile", "containerfile"}]
    lacking = [] if dockerfiles else ["a Dockerfile"]
    if dockerfiles and not any(_is_careful(_text(path)) for path in dockerfiles):
        lacking.append("a USER other than root in its Dockerfile")
    if not any(_COMPOSE.fullmatch(path.name.lower()) for path in files):
        lacking.append("a compose file")
    if lacking:
        fail(
            f"The repository lacks {' and '.join(lacking)}",
            expected="a Dockerfile that does not run as root, and a compose file",
            observed=f"{len(files)} files",
        )


def _is_careful(text: str) -> bool:
    return bool(_USER.search(text) or _NO_ROOT.search(text))


def _text(path: Path) -> str:
    return path.read_bytes()[:_MOST].decode("utf-8", "replace")
