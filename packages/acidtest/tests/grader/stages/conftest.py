"""Submissions written in a test, and the tools that read them, in a sandbox where there is one."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from acidtest.catalogue.rules import Rules, load_rules
from acidtest.grader.lab.sandbox import Driver, choose_driver
from acidtest.grader.stages import SourceTree, Toolbox, write_sources

Write = Callable[[Mapping[str, str]], Path]
MakeToolbox = Callable[[SourceTree], Toolbox]


@pytest.fixture
async def driver() -> Driver:
    """The driver this machine would grade with; what reads need not be held back in a test."""
    try:
        return await choose_driver(None, allow_unsafe=False)
    except Exception:  # noqa: BLE001 - containers without namespaces
        return await choose_driver("local-unsafe", allow_unsafe=True)


@pytest.fixture
async def run_dir() -> AsyncIterator[Path]:
    """A folder the sandbox's user can walk through."""
    folder = Path(tempfile.mkdtemp(prefix="acidtest-read-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def write(run_dir: Path) -> Write:
    """Write the files of a submission and return its folder."""

    def written(files: Mapping[str, str]) -> Path:
        root = Path(tempfile.mkdtemp(prefix="submission-", dir=run_dir))
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return written


@pytest.fixture
def toolbox_of(driver: Driver, run_dir: Path) -> MakeToolbox:
    """Make the toolbox for a submission's sources."""

    def made(tree: SourceTree) -> Toolbox:
        folder = Path(tempfile.mkdtemp(prefix="tools-", dir=run_dir))
        folder.chmod(0o711)
        return Toolbox(driver, folder, write_sources(tree, folder / "sources"))

    return made


@pytest.fixture(scope="session")
def rules() -> Rules:
    """The rules of the catalogue."""
    return load_rules()
