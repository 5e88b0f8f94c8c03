"""The keys that sign access tokens: several at once, so that they can be changed without a stop.

To rotate: add the new key behind the old one everywhere, then put it first, and take the old one
away when the last token it signed has expired.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey

from acidkit.auth._settings import AuthSettings

SigningKey = ECKey | OKPKey

# One algorithm per key (RFC 8725, 3.1); `Ed25519` is what RFC 9864 made of `EdDSA`.
ALGORITHMS = {"P-256": "ES256", "Ed25519": "Ed25519"}
PEM_BLOCK = re.compile(r"-----BEGIN [A-Z ]+-----.*?-----END [A-Z ]+-----", re.DOTALL)


class KeysUnusableError(ValueError):
    """The keys of the settings cannot be used; the message never repeats them."""


class SigningKeys:
    """The key that signs and those that verify; says nothing about them when printed."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        made = [_prepared(key) for key in keys]
        signers = [key for key in made if key.is_private]
        if not signers:
            raise KeysUnusableError("there is no private key to sign with")
        self.active = signers[0]
        self.by_id: dict[str, SigningKey] = {str(key.kid): key for key in made}
        if len(self.by_id) != len(made):
            raise KeysUnusableError("two signing keys have the same kid")
        self._public: dict[str, Any] = dict(KeySet(list(made)).as_dict(private=False))

    @classmethod
    def of(cls, settings: AuthSettings) -> "SigningKeys":
        """Return the keys of `settings`; there is no default.

        Raises:
            KeysUnusableError: they cannot be read, or there are none.
        """
        if settings.signing_keys:
            return cls(_read(settings.signing_keys.get_secret_value()))
        if settings.development_key:
            return cls([new_key()])
        raise KeysUnusableError(
            "no signing keys: set AUTH_SIGNING_KEYS or AUTH_SIGNING_KEYS_FILE (`python -m"
            " acidkit.auth` prints a new key), or AUTH_DEVELOPMENT_KEY=true on a lone process"
        )

    def document(self) -> dict[str, Any]:
        """Return the public halves as a JWK set (RFC 7517)."""
        return self._public


def new_key() -> ECKey:
    """Return a new private key."""
    return ECKey.generate_key("P-256")


def algorithm_of(key: SigningKey) -> str:
    """Return the one algorithm a key is for."""
    return ALGORITHMS[key.curve_name]


def _prepared(key: SigningKey) -> SigningKey:
    if key.curve_name not in ALGORITHMS:
        raise KeysUnusableError("a signing key must be EC P-256 or Ed25519")
    values: dict[str, Any] = dict(key.as_dict(private=key.is_private))
    # What the file says about use does not matter: these keys sign, each with one algorithm.
    values.pop("key_ops", None)
    values.update(use="sig", alg=algorithm_of(key), kid=values.get("kid") or key.thumbprint())
    return type(key).import_key(values)


def _read(text: str) -> list[SigningKey]:
    try:
        if text.lstrip().startswith("{"):
            document = json.loads(text)
            entries = document.get("keys", [document])
            return [_from_jwk(entry) for entry in entries]
        return [_from_pem(block) for block in PEM_BLOCK.findall(text)]
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        # Not chained: such errors quote what they could not read.
        raise KeysUnusableError(
            "the signing keys are neither JWK nor PEM of a known kind"
        ) from None


def _from_jwk(entry: dict[str, Any]) -> SigningKey:
    kinds: dict[str, type[ECKey | OKPKey]] = {"EC": ECKey, "OKP": OKPKey}
    return kinds[entry["kty"]].import_key(entry)


def _from_pem(block: str) -> SigningKey:
    try:
        return ECKey.import_key(block)
    except JoseError:
        return OKPKey.import_key(block)
