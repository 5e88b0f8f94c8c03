import json
import subprocess
import sys
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from pydantic import SecretStr

from acidkit.auth import AuthEnvironment, AuthSettings, KeysUnusableError
from acidkit.auth._keys import SigningKeys, algorithm_of, new_key

# The private key of RFC 8037, A.1, and its thumbprint of A.3.
RFC_8037 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",  # pragma: allowlist secret
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",  # pragma: allowlist secret
}
RFC_8037_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # pragma: allowlist secret


def settings(keys: str | None, **options: object) -> AuthSettings:
    """Return settings with these keys."""
    secret = None if keys is None else SecretStr(keys)
    return AuthSettings.model_validate(
        {"issuer": "t", "audience": "t", "signing_keys": secret, **options}
    )


def jwks(*keys: Any) -> str:
    """Return a JWK set."""
    return json.dumps({"keys": list(keys)})


def private(key: ECKey | OKPKey) -> dict[str, Any]:
    """Return a key as a private JWK."""
    return dict(key.as_dict(private=True))


def test_first_private_key_signs_and_all_verify() -> None:
    """A set may begin with a public key; what signs is the first private one."""
    old, new, older = new_key(), new_key(), OKPKey.generate_key("Ed25519")
    keys = SigningKeys.of(
        settings(jwks(old.as_dict(private=False), {**private(new), "kid": "new"}, private(older)))
    )
    assert keys.active.kid == "new"
    assert list(keys.by_id) == [old.thumbprint(), "new", older.thumbprint()]
    assert [algorithm_of(key) for key in keys.by_id.values()] == ["ES256", "ES256", "Ed25519"]


def test_kid_is_the_thumbprint_of_the_standard() -> None:
    """A key without a kid gets its RFC 7638 thumbprint; RFC 8037 has an example."""
    keys = SigningKeys.of(settings(json.dumps(RFC_8037)))
    assert (keys.active.kid, algorithm_of(keys.active)) == (RFC_8037_THUMBPRINT, "Ed25519")


@pytest.mark.parametrize("key", [new_key(), OKPKey.generate_key("Ed25519")])
def test_pem_is_read(key: ECKey | OKPKey) -> None:
    """PEM blocks of both kinds are read, one behind the other."""
    second = new_key()
    text = (key.as_pem(private=True) + second.as_pem(private=False)).decode()
    keys = SigningKeys.of(settings(text))
    assert list(keys.by_id) == [key.thumbprint(), second.thumbprint()]
    assert keys.active.kid == key.thumbprint()


def test_document_shows_public_halves_only() -> None:
    """The published set holds each key, its use and algorithm, and nothing private."""
    secret = private(new_key())
    document = SigningKeys.of(settings(jwks(secret, RFC_8037))).document()
    assert len(document["keys"]) == 2
    for key in document["keys"]:
        assert not {"d", "k", "p", "q"} & set(key)
        assert {"kty", "crv", "x", "use", "alg", "kid"} <= set(key)
    assert secret["d"] not in json.dumps(document)


UNUSABLE = {
    "none": None,
    "empty set": jwks(),
    "public only": jwks(new_key().as_dict(private=False)),
    "rsa": jwks(RSAKey.generate_key(2048).as_dict(private=True)),
    "rsa pem": RSAKey.generate_key(2048).as_pem(private=True).decode(),
    "symmetric": jwks(OctKey.generate_key(256).as_dict(private=True)),
    "other curve": jwks(private(ECKey.generate_key("P-384"))),
    "key exchange": jwks(private(OKPKey.generate_key("X25519"))),
    "same kid": jwks({**private(new_key()), "kid": "1"}, {**private(new_key()), "kid": "1"}),
    "broken json": '{"keys": [{"d": "verysecret"',
    "broken key": jwks({**private(new_key()), "x": "verysecret"}),
    "a list": "[]",
    "a word": "verysecret",
    "not objects": jwks(1, "verysecret"),
    "half a pem": "-----BEGIN {0}-----\nverysecret\n-----END {0}-----".format("PRIVATE KEY"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_keys_end_the_start_and_are_not_repeated(name: str) -> None:
    """There is no default key; whatever cannot sign is refused without quoting it."""
    with pytest.raises(KeysUnusableError) as caught:
        SigningKeys.of(settings(UNUSABLE[name]))
    assert "verysecret" not in f"{caught.value} {caught.value.__cause__}"


def test_development_key_is_made_only_where_it_is_asked_for() -> None:
    """Each start gets another one."""
    first = SigningKeys.of(settings(None, development_key=True)).active.kid
    assert first != SigningKeys.of(settings(None, development_key=True)).active.kid


def test_printed_key_can_be_used() -> None:
    """The command prints what the setting takes."""
    done = subprocess.run(
        [sys.executable, "-m", "acidkit.auth"], check=True, capture_output=True, timeout=30
    )
    printed = done.stdout.decode()
    assert SigningKeys.of(settings(printed)).active.kid == json.loads(printed)["kid"]


def test_environment_says_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """What is set is taken over, from a file too; what is not keeps its default."""
    place = tmp_path / "keys"
    place.write_text(json.dumps(RFC_8037) + "\n")
    monkeypatch.setenv("AUTH_SIGNING_KEYS_FILE", str(place))
    monkeypatch.setenv("AUTH_LOCKOUT_FAILURES", "3")
    monkeypatch.setenv("AUTH_ISSUER", "https://issuer.test")
    found = AuthEnvironment().auth(name="shop")
    assert (found.issuer, found.audience, found.lockout_failures) == (
        "https://issuer.test",
        "shop",
        3,
    )
    assert found.access_ttl == 900
    assert SigningKeys.of(found).active.kid == RFC_8037_THUMBPRINT
    assert RFC_8037["d"] not in repr(found)


def test_environment_keeps_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """An access token never lasts longer than a quarter of an hour."""
    monkeypatch.setenv("AUTH_ACCESS_TTL", "901")
    with pytest.raises(ValueError, match="access_ttl"):
        AuthEnvironment().auth(name="shop")
