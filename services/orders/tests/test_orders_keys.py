import hashlib

from orders.keys import derived_key, derived_signing_key


def test_each_purpose_has_a_key_of_its_own() -> None:
    """Keys differ by secret and by purpose, and are the same at every instance."""
    keys = {
        (secret, purpose): derived_key(secret, purpose)
        for secret in ("a" * 64, "b" * 64)
        for purpose in ("cursors", "access tokens")
    }
    assert len(set(keys.values())) == 4
    assert {len(key) for key in keys.values()} == {32}
    assert keys["a" * 64, "cursors"] == derived_key("a" * 64, "cursors")


def test_signing_key_stays_the_same() -> None:
    """A release that derived another key would sign everybody out; this one does not."""
    found = hashlib.sha256(derived_signing_key("0" * 64).encode()).hexdigest()
    assert found[:16] == "230c01a94dc7d9a2"
