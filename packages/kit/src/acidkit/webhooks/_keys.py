"""The keys that messages are signed with, as Standard Webhooks 1.0 writes them.

`whsec_…` is a shared secret (HMAC-SHA256, signatures `v1`); `whsk_…` and `whpk_…` are the two
halves of an Ed25519 pair (signatures `v1a`). What follows the prefix is base64.
"""

import base64
import binascii
import hmac
import secrets
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SHARED = "whsec_"
PRIVATE = "whsk_"
PUBLIC = "whpk_"
LEAST_SECRET = 24
MOST_SECRET = 64
SEED = 32


class VerifyingKey(Protocol):
    """Tells a signature of its own from any other."""

    version: str

    def fits(self, content: bytes, signature: bytes) -> bool:
        """Return whether `signature` is of `content`, in a time that does not tell how nearly."""


class SigningKey(Protocol):
    """Signs."""

    version: str

    def sign(self, content: bytes) -> bytes:
        """Return the signature of `content`."""


class SharedSecret:
    """A secret that both sides hold; it is never shown.

    Raises:
        ValueError: it is not `whsec_` and base64 of 24 to 64 bytes.
    """

    version = "v1"

    def __init__(self, text: str) -> None:
        self._key = _decoded(text, SHARED)
        if not LEAST_SECRET <= len(self._key) <= MOST_SECRET:
            raise ValueError(f"a webhook secret has {LEAST_SECRET} to {MOST_SECRET} bytes")

    @classmethod
    def new(cls) -> str:
        """Return a fresh secret as text."""
        return SHARED + base64.b64encode(secrets.token_bytes(32)).decode()

    def sign(self, content: bytes) -> bytes:
        """Return the HMAC-SHA256 of `content`."""
        return hmac.digest(self._key, content, "sha256")

    def fits(self, content: bytes, signature: bytes) -> bool:
        """Return whether `signature` is of `content`."""
        return hmac.compare_digest(self.sign(content), signature)


class PrivateKey:
    """The half of an Ed25519 pair that signs; it is never shown.

    Raises:
        ValueError: it is not `whsk_` and base64 of a seed, with or without the public half.
    """

    version = "v1a"

    def __init__(self, text: str) -> None:
        raw = _decoded(text, PRIVATE)
        if len(raw) not in {SEED, 2 * SEED}:
            raise ValueError("a webhook's private key has 32 or 64 bytes")
        self._key = Ed25519PrivateKey.from_private_bytes(raw[:SEED])

    @property
    def public(self) -> str:
        """The other half, as text for those who verify."""
        return PUBLIC + base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, content: bytes) -> bytes:
        """Return the Ed25519 signature of `content`."""
        return self._key.sign(content)


class PublicKey:
    """The half of an Ed25519 pair that verifies.

    Raises:
        ValueError: it is not `whpk_` and base64 of 32 bytes.
    """

    version = "v1a"

    def __init__(self, text: str) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(_decoded(text, PUBLIC))

    def fits(self, content: bytes, signature: bytes) -> bool:
        """Return whether `signature` is of `content`."""
        try:
            self._key.verify(signature, content)
        except InvalidSignature:
            return False
        return True


def verifying_keys(text: str) -> list[VerifyingKey]:
    """Read the keys of a setting, separated by spaces or commas: the new one and the old one.

    Raises:
        ValueError: there is none, or one is not a key; the message does not repeat it.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise ValueError("at least one webhook key is needed")
    return [PublicKey(word) if word.startswith(PUBLIC) else SharedSecret(word) for word in words]


def _decoded(text: str, prefix: str) -> bytes:
    if not text.startswith(prefix):
        raise ValueError(f"a key of this kind begins with {prefix}")
    body = text.removeprefix(prefix)
    try:
        # Some tools leave the padding out.
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {prefix} is not base64") from None
