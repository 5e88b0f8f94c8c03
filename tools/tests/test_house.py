import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def house() -> ModuleType:
    """The tool, loaded from its file."""
    path = Path(__file__).parent.parent / "house.py"
    spec = importlib.util.spec_from_file_location("house", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("path", "source", "complaint"),
    [
        ("packages/x/long.py", "\n" * 401, "401 lines"),
        ("packages/x/utils.py", "", "says nothing"),
        ("packages/x/json.py", "", "standard library"),
        ("packages/x/big.py", "class Big:\n" + "    a = 1\n" * 300, "class Big has"),
        ("packages/x/test_a.py", "def test_a():\n    pass\n", "does not say"),
        ("catalogue/problems/p/checks/a.py", "import acidkit\n", "must not import acidkit"),
        ("catalogue/problems/p/checks/a.py", "from acidtest.core import x\n", "must not import"),
    ],
)
def test_a_broken_rule_is_named(house: ModuleType, path: str, source: str, complaint: str) -> None:
    """Each house rule finds what it forbids, with the file's name."""
    (found,) = house.complain_of_module(Path(path), source)

    assert found.startswith(path)
    assert complaint in found


def test_a_check_may_import_the_sdk_and_the_standard_library(house: ModuleType) -> None:
    """What a check needs is allowed: the SDK, its siblings, the standard library."""
    source = "import json\nfrom acidtest.grader.sdk import check\nfrom ._shelf import add\n"

    assert not list(house.complain_of_check_imports(Path("x.py"), ast.parse(source)))
