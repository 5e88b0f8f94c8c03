import importlib

import pytest

ROOMS = ["", ".auth", ".errors", ".db", ".cache", ".idempotency", ".web", ".observe", ".testing"]


@pytest.mark.parametrize("room", ROOMS)
def test_menu_is_true(room: str) -> None:
    """Everything a menu names exists, and the menu is sorted."""
    module = importlib.import_module(f"acidkit{room}")
    assert list(module.__all__) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
