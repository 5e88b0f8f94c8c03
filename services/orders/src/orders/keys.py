"""Keys made from the one secret of the service: each purpose has its own, and none tells another.

A room of its own because changing anything here signs everybody out.
"""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

LENGTH = 32  # bytes; what Ed25519 and BLAKE2b take


def derived_key(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only `secret` and `purpose` together give (HKDF, RFC 5869).

    The secret is taken as text: what matters is that every instance is given the same.
    """
    return HKDF(
        algorithm=SHA256(), length=LENGTH, salt=None, info=f"orders/1/{purpose}".encode()
    ).derive(secret.encode())


def derived_signing_key(secret: str) -> str:
    """Return the private Ed25519 key that signs access tokens, as PEM (RFC 8410)."""
    key = Ed25519PrivateKey.from_private_bytes(derived_key(secret, "access tokens"))
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
