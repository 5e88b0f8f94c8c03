"""Keys for single purposes, derived from the one secret, and signatures with them."""

import base64
import hashlib
import hmac


def derive(secret: bytes, purpose: str) -> bytes:
    """A key that says nothing about the secret or the other keys."""
    return hmac.digest(secret, f"orders/{purpose}".encode(), hashlib.sha256)


def sign(key: bytes, text: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=").decode()
