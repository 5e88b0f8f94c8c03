"""A private PostgreSQL for each module, and a stage for whole runs; see `tiny/stage.py`."""

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio

from acidtest.grader.lab.postgres import Cluster
from acidtest.grader.lab.sandbox import Probe, drivers

_probes: dict[str, Probe] = {}


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder other users can walk to, unlike pytest's own, so that servers may run as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="acidtest-lab-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(open_folder: Path) -> AsyncIterator[Cluster]:
    """A private PostgreSQL for the tests of one module."""
    run_dir = Path(tempfile.mkdtemp(prefix="pg-", dir=open_folder))
    run_dir.chmod(0o755)
    server = await Cluster.start(run_dir, cache_dir=open_folder / "cache")
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def staging() -> ModuleType:
    """The module `tiny/stage.py`."""
    path = Path(__file__).parent / "tiny" / "stage.py"
    spec = importlib.util.spec_from_file_location("acidtest_engine_stage", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def kept(staging: ModuleType) -> Iterator[Path]:
    """What all stages share: the catalogue, and the cache with the database template."""
    folder = staging.short_folder()
    staging.make_catalogue(folder / "catalogue")
    (folder / "cache").mkdir(mode=0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def stage(staging: ModuleType, kept: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stage of its own in a sandbox; skipped with the reason where the machine permits none."""
    bwrap = next(driver for driver in drivers() if driver.name == "bwrap")
    if bwrap.name not in _probes:
        _probes[bwrap.name] = await bwrap.probe()
    if not _probes[bwrap.name].ok:
        pytest.skip(f"no sandbox here: {_probes[bwrap.name].reason}")
    folder = staging.short_folder()
    made = staging.Stage(folder, kept / "catalogue", kept / "cache", driver=bwrap.name)
    monkeypatch.setenv("ACIDTEST_CATALOGUE", str(made.catalogue))
    monkeypatch.setattr(tempfile, "tempdir", str(made.temp))
    yield made
    left = await made.settled()
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, "a run left something behind:\n" + "\n".join(left)
