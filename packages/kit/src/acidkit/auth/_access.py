"""Access tokens: JWTs of RFC 9068, issued with one key and read without trusting a word of them.

What RFC 8725 asks for: the algorithm is the key's, never the header's; the key is one of ours,
never one that the token brings or points at; issuer, audience, type and times are all compared.
"""

import math
import uuid
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry
from joserfc.registry import JWS_HEADER_REGISTRY

from acidkit.auth._errors import InvalidToken
from acidkit.auth._keys import ALGORITHMS, SigningKey, SigningKeys, algorithm_of
from acidkit.auth._settings import AuthSettings, Clock

TYPE = "at+jwt"
LONGEST_TOKEN = 4096
MOST_VERIFIED = 4096  # tokens whose signature is known to be right; a few MB at most
KNOWN = tuple(ALGORITHMS.values())


class Principal(NamedTuple):
    """Who a request comes from, as its access token says; true for at most the token's life."""

    user_id: uuid.UUID
    session_id: uuid.UUID
    expires_at: datetime


class AccessTokens:
    """Issues and reads access tokens."""

    def __init__(self, settings: AuthSettings, *, keys: SigningKeys, clock: Clock) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        self._headers = _strict_headers()
        self._verified: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._claims = JWTClaimsRegistry(
            now=self._now,
            leeway=int(settings.clock_leeway),
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "value": settings.audience},
            exp={"essential": True},
            iat={"essential": True},
            jti={"essential": True},
            sub={"essential": True},
            sid={"essential": True},
        )

    @property
    def lifetime(self) -> int:
        """How long a new token lasts, in seconds."""
        return math.ceil(self._settings.access_ttl)

    def issue(self, *, user_id: uuid.UUID, session_id: uuid.UUID) -> str:
        """Return a new token for a session of a user."""
        now = self._now()
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "client_id": self._settings.audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + self.lifetime,
        }
        key = self._keys.active
        header = {"alg": algorithm_of(key), "kid": key.kid, "typ": TYPE}
        return jwt.encode(header, claims, key, registry=self._headers)

    def read(self, token: str) -> Principal:
        """Return whom `token` speaks for.

        Raises:
            InvalidToken: anything at all is wrong with it.
        """
        if len(token) > LONGEST_TOKEN:
            raise InvalidToken
        try:
            return self._read(token)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            # Forged tokens find many ways to trip a parser up; which one is nobody's business.
            raise InvalidToken from None

    def _read(self, token: str) -> Principal:
        claims = self._verified.get(token) or self._verify(token)
        self._claims.validate(claims)
        return Principal(
            user_id=uuid.UUID(claims["sub"]),
            session_id=uuid.UUID(claims["sid"]),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )

    def _verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that one of our keys signed.

        A signature does not wear out, and verifying costs more than all else that a request does
        before its first statement: so it is done once per token, while the times are compared on
        every request.
        """
        found = jwt.decode(token, self._key_of, registry=self._headers)
        if str(found.header["typ"]).lower().removeprefix("application/") != TYPE:
            raise ValueError("not an access token")
        self._verified[token] = found.claims
        if len(self._verified) > MOST_VERIFIED:
            self._verified.popitem(last=False)
        return found.claims

    def _key_of(self, token: GuestProtocol) -> SigningKey:
        header = token.headers()
        key = self._keys.by_id[header["kid"]]
        if header["alg"] != algorithm_of(key):
            raise ValueError("not the algorithm of this key")
        return key

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _strict_headers() -> JWSRegistry:
    """Return what knows three header fields: `jwk`, `jku`, `x5u`, `crit` and others are refused."""
    registry = JWSRegistry(algorithms=KNOWN)
    registry.header_registry = {name: JWS_HEADER_REGISTRY[name] for name in ("alg", "kid", "typ")}
    return registry
