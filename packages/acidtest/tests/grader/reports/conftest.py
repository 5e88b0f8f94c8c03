"""The sample judgement and snapshots; loaded by path, because test folders are no packages."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def sample() -> ModuleType:
    """The module that builds the sample judgement."""
    spec = importlib.util.spec_from_file_location("acidtest_sample", _HERE / "sample.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def coded() -> ModuleType:
    """The module that builds the sample of a submission whose files were read as well."""
    spec = importlib.util.spec_from_file_location("acidtest_coded_sample", _HERE / "coded.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the stored one; ACIDTEST_UPDATE_SNAPSHOTS=1 stores it instead."""

    def compare(name: str, text: str) -> None:
        path = request.path.parent / "snapshots" / name
        if os.environ.get("ACIDTEST_UPDATE_SNAPSHOTS") == "1":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
