import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey
from pydantic import SecretStr

from acidkit.auth import AuthSettings, InvalidToken, _access
from acidkit.auth._access import AccessTokens
from acidkit.auth._keys import SigningKeys
from acidkit.testing import ManualClock

# The private key of RFC 7515, A.3.1, and the token that A.3.1 signs with it.
RFC_7515 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",  # pragma: allowlist secret
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",  # pragma: allowlist secret
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",  # pragma: allowlist secret
}
RFC_7515_TOKEN = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
    "pmWQxfKTUJqPP3-Kg6NU1Q"
)
# The Ed25519 key of RFC 8037, A.1.
RFC_8037 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",  # pragma: allowlist secret
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",  # pragma: allowlist secret
}
# The unsecured token of RFC 7519, section 6.1.
RFC_7519_TOKEN = (
    "eyJhbGciOiJub25lIn0"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
)

MINE = ECKey.import_key({**RFC_7515, "kid": "mine"})
EDWARDS = OKPKey.import_key({**RFC_8037, "kid": "edwards"})
FOREIGN = ECKey.generate_key("P-256")
CLOCK = ManualClock()
NOW = int(CLOCK().timestamp())
USER, SESSION = uuid.uuid4(), uuid.uuid4()

CLAIMS = {
    "iss": "issuer",
    "aud": "shop",
    "sub": str(USER),
    "sid": str(SESSION),
    "jti": "1",
    "iat": NOW,
    "exp": NOW + 60,
}
HEADER = {"alg": "ES256", "kid": "mine", "typ": "at+jwt"}

Sign = Callable[[bytes], bytes]


def reader(*keys: ECKey | OKPKey) -> AccessTokens:
    """Return what reads tokens of these keys."""
    text = json.dumps({"keys": [key.as_dict(private=True) for key in keys or (MINE, EDWARDS)]})
    chosen = AuthSettings(audience="shop", issuer="issuer", signing_keys=SecretStr(text))
    return AccessTokens(chosen, keys=SigningKeys.of(chosen), clock=CLOCK)


def part(value: object) -> bytes:
    """Return a value as a part of a token, bytes as they are."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def es256(key: ECKey = MINE) -> Sign:
    """Sign as RFC 7518, 3.4 says, without the library that the code under test uses."""
    secret = key.private_key
    assert isinstance(secret, EllipticCurvePrivateKey)

    def sign(text: bytes) -> bytes:
        r, s = decode_dss_signature(secret.sign(text, ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    return sign


def ed25519(text: bytes) -> bytes:
    """Sign as RFC 8037 says."""
    secret = EDWARDS.private_key
    assert isinstance(secret, Ed25519PrivateKey)
    return secret.sign(text)


def hs256(secret: bytes) -> Sign:
    """Sign as RFC 7518, 3.2 says."""
    return lambda text: hmac.digest(secret, text, hashlib.sha256)


def made(header: object = HEADER, claims: object = CLAIMS, sign: Sign | None = None) -> str:
    """Return a token of these parts."""
    text = part(header) + b"." + part(claims)
    return (text + b"." + part((sign or es256())(text))).decode()


def head(**fields: object) -> dict[str, Any]:
    """Return the good header with other fields; None takes one out."""
    return {k: v for k, v in {**HEADER, **fields}.items() if v is not None}


def claims(**fields: object) -> dict[str, Any]:
    """Return the good claims with other ones; None takes one out."""
    return {k: v for k, v in {**CLAIMS, **fields}.items() if v is not None}


GOOD = {
    "plain": made(),
    "media type": made(head(typ="application/AT+JWT")),
    "edwards": made(head(alg="Ed25519", kid="edwards"), sign=ed25519),
    "one of several audiences": made(claims=claims(aud=["other", "shop"])),
    "just expired elsewhere": made(claims=claims(exp=NOW - 4)),
    "just issued elsewhere": made(claims=claims(iat=NOW + 4, nbf=NOW + 4)),
    "our own": reader().issue(user_id=USER, session_id=SESSION),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_token_is_read(name: str) -> None:
    """Tokens that the standards allow are accepted, whoever's code signed them."""
    principal = reader().read(GOOD[name])
    assert (principal.user_id, principal.session_id) == (USER, SESSION)


PUBLIC_PEM = MINE.as_pem(private=False)
PUBLIC_JWK = json.dumps(MINE.as_dict(private=False)).encode()
LINK = "https://evil.test/keys.json"

FORGED_HEADERS = {
    "alg none": made(head(alg="none"), sign=lambda _: b""),
    "alg none, signed": made(head(alg="none")),
    "alg None": made(head(alg="None"), sign=lambda _: b""),
    "alg nOnE": made(head(alg="nOnE"), sign=lambda _: b""),
    "alg empty": made(head(alg="")),
    "alg missing": made(head(alg=None)),
    "alg a list": made(head(alg=["ES256"])),
    "alg ES384": made(head(alg="ES384")),
    "alg of the other key": made(head(alg="Ed25519")),
    "key of the other alg": made(head(kid="edwards")),
    "deprecated alg": made(head(alg="EdDSA", kid="edwards"), sign=ed25519),
    "public pem as secret": made(head(alg="HS256"), sign=hs256(PUBLIC_PEM)),
    "public pem as secret, stripped": made(head(alg="HS256"), sign=hs256(PUBLIC_PEM.strip())),
    "public jwk as secret": made(head(alg="HS256"), sign=hs256(PUBLIC_JWK)),
    "empty secret": made(head(alg="HS256"), sign=hs256(b"")),
    "kid missing": made(head(kid=None)),
    "kid unknown": made(head(kid="other")),
    "kid a path": made(head(alg="HS256", kid="../../../../dev/null"), sign=hs256(b"")),
    "kid sql": made(head(kid="x' UNION SELECT 'k'--")),
    "kid a list": made(head(kid=["mine"])),
    "kid an object": made(head(kid={"mine": 1})),
    "kid a number": made(head(kid=1)),
    "own key inside": made(head(jwk=FOREIGN.as_dict(private=False)), sign=es256(FOREIGN)),
    "own key, no kid": made(
        head(jwk=FOREIGN.as_dict(private=False), kid=None), sign=es256(FOREIGN)
    ),
    "our key inside": made(head(jwk=MINE.as_dict(private=False))),
    "jku": made(head(jku=LINK)),
    "x5u": made(head(x5u=LINK)),
    "x5c": made(head(x5c=["MIIB"])),
    "crit unknown": made(head(crit=["exp"])),
    "b64 false": made(head(b64=False, crit=["b64"])),
    "unknown field": made(head(zip="DEF")),
    "typ missing": made(head(typ=None)),
    "typ JWT": made(head(typ="JWT")),
    "typ of an id token": made(head(typ="id+jwt")),
    "typ a list": made(head(typ=["at+jwt"])),
    "foreign key": made(sign=es256(FOREIGN)),
    "no object": made("alg"),
    "a list": made(["alg"]),
    "a number": made(1),
    "null": made(None),
    "not json": made(b"{"),
    "not text": made(b"\xff\xfe"),
    "deep": made(b"[" * 300 + b"]" * 300),
}

FORGED_CLAIMS = {
    "iss other": claims(iss="other"),
    "iss missing": claims(iss=None),
    "iss a list": claims(iss=["issuer"]),
    "aud other": claims(aud="other"),
    "aud missing": claims(aud=None),
    "aud empty": claims(aud=[]),
    "aud prefix": claims(aud="shop2"),
    "aud case": claims(aud="Shop"),
    "exp missing": claims(exp=None),
    "exp past": claims(exp=NOW - 5),
    "exp long past": claims(exp=0),
    "exp negative": claims(exp=-(2**63)),
    "exp text": claims(exp=str(NOW + 60)),
    "exp true": claims(exp=True),
    "exp a list": claims(exp=[NOW + 60]),
    "exp nan": claims(exp=float("nan")),
    "exp infinite": claims(exp=float("inf")),
    "exp beyond every calendar": claims(exp=10**30),
    "iat missing": claims(iat=None),
    "iat future": claims(iat=NOW + 6),
    "iat text": claims(iat="now"),
    "nbf future": claims(nbf=NOW + 6),
    "jti missing": claims(jti=None),
    "sub missing": claims(sub=None),
    "sub no id": claims(sub="admin"),
    "sub a number": claims(sub=1),
    "sid missing": claims(sid=None),
    "sid no id": claims(sid="1"),
    "no object": "claims",
    "a list": [1],
    "null": None,
    "not json": b"{",
    "not text": b"\xff\xff",
}

SIGNATURE = part(es256()(part(HEADER) + b"." + part(CLAIMS))).decode()
TEXT = (part(HEADER) + b"." + part(CLAIMS)).decode()
FORGED_SHAPES = {
    "empty": "",
    "dots": "..",
    "no signature": TEXT + ".",
    "two parts": TEXT,
    "four parts": f"{TEXT}.{SIGNATURE}.{SIGNATURE}",
    "five parts": f"{TEXT}.{SIGNATURE}.{SIGNATURE}.{SIGNATURE}",
    "padded": f"{TEXT}.{SIGNATURE}==",
    "space inside": f"{TEXT}. {SIGNATURE}",
    "newline": f"{TEXT}.{SIGNATURE}\n",
    "signature of zeros": made(sign=lambda _: b"\0" * 64),
    "signature too short": made(sign=lambda text: es256()(text)[:-1]),
    "signature too long": made(sign=lambda text: es256()(text) + b"\0"),
    "claims exchanged": ".".join(
        [TEXT.split(".")[0], part(claims(sub=str(uuid.uuid4()))).decode(), SIGNATURE]
    ),
    "header exchanged": ".".join(
        [part(head(typ="AT+JWT")).decode(), TEXT.split(".")[1], SIGNATURE]
    ),
    "too long": made(claims=claims(more="x" * 4096)),
    "not ascii": "é" * 40,
    "half a character": "\ud800",
    "nul": f"{TEXT}.{SIGNATURE}\0",
    "signed example of RFC 7515": RFC_7515_TOKEN,
    "unsecured example of RFC 7519": RFC_7519_TOKEN,
}

FORGED = {
    **{f"header: {name}": token for name, token in FORGED_HEADERS.items()},
    **{f"claims: {name}": made(claims=value) for name, value in FORGED_CLAIMS.items()},
    **{f"shape: {name}": token for name, token in FORGED_SHAPES.items()},
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_token_is_refused(name: str) -> None:
    """Whatever is wrong with a token, the answer is the same short one."""
    with pytest.raises(InvalidToken) as caught:
        reader().read(FORGED[name])
    assert caught.value.__cause__ is None
    assert caught.value.detail == InvalidToken.sentence()


@settings(deadline=None, derandomize=True)
@given(place=st.integers(0, len(GOOD["plain"]) - 1), character=st.characters())
def test_changed_character_is_refused(place: int, character: str) -> None:
    """A token with any one character changed is another token, and no valid one."""
    token = GOOD["plain"]
    changed = token[:place] + character + token[place + 1 :]
    if changed == token:
        assert reader().read(changed)
        return
    with pytest.raises(InvalidToken):
        reader().read(changed)


@settings(deadline=None, derandomize=True)
@given(st.text() | st.binary().map(lambda raw: part(raw).decode() + ".e30.AA"))
def test_arbitrary_text_is_refused(text: str) -> None:
    """No text makes the reader fail in another way."""
    with pytest.raises(InvalidToken):
        reader().read(text)


def test_token_is_what_rfc_9068_asks_for() -> None:
    """Type, key id and every required claim are there, and no more of the user than an id."""
    token = reader().issue(user_id=USER, session_id=SESSION)
    raw_header, raw_claims, _ = token.split(".")
    header = json.loads(base64.urlsafe_b64decode(raw_header + "=="))
    found = json.loads(base64.urlsafe_b64decode(raw_claims + "=="))
    assert header == {"alg": "ES256", "kid": "mine", "typ": "at+jwt"}
    assert found["exp"] - found["iat"] == 900
    assert set(found) == {"iss", "aud", "client_id", "sub", "sid", "jti", "iat", "exp"}


def test_keys_are_changed_without_a_stop() -> None:
    """Tokens of the old key are good while it is listed behind the new one, and not after."""
    old, new = ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")
    token = reader(old).issue(user_id=USER, session_id=SESSION)
    assert reader(new, old).read(token).user_id == USER
    assert reader(old, new).read(reader(new, old).issue(user_id=USER, session_id=SESSION))
    with pytest.raises(InvalidToken):
        reader(new).read(token)


def test_remembered_signature_spares_no_other_question() -> None:
    """A token that was good a moment ago is still refused when its time is over."""
    clock = ManualClock(CLOCK())
    chosen = AuthSettings(
        audience="shop",
        issuer="issuer",
        signing_keys=SecretStr(json.dumps(MINE.as_dict(private=True))),
    )
    tokens = AccessTokens(chosen, keys=SigningKeys.of(chosen), clock=clock)
    token = tokens.issue(user_id=USER, session_id=SESSION)
    assert tokens.read(token) == tokens.read(token)
    clock.advance(906)
    with pytest.raises(InvalidToken):
        tokens.read(token)


def test_remembered_signatures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens come, only so many are remembered, and all of them are read."""
    monkeypatch.setattr(_access, "MOST_VERIFIED", 2)
    tokens = reader()
    issued = [tokens.issue(user_id=USER, session_id=SESSION) for _ in range(5)]
    for token in issued + issued:
        assert tokens.read(token).user_id == USER
        assert len(tokens._verified) <= 2
