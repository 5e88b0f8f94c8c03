"""The Orders package: fast hashes of passwords are found in one column with their salts."""

import hashlib
import importlib

import pytest

from acidtest.catalogue.loader import load_problem
from acidtest.grader.plan import ordered_checks


@pytest.mark.parametrize("mark", ["$", ":", "|", ";"])
def test_a_salt_is_found_beside_its_digest(mark: str) -> None:
    """A digest is found when its salt stands before it in the same column."""
    ordered_checks(load_problem("orders"))
    hashes = importlib.import_module("acidtest_checks_orders._hashes")
    digest = hashlib.sha256(b"9f86d081Kx7!secret").hexdigest()

    needles = {n for _, n in hashes.digests("Kx7!secret", [f"sha256{mark}9f86d081{mark}{digest}"])}

    assert digest in needles
