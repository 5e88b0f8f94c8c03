"""Forged, altered and misused tokens."""

import base64
import hashlib
import hmac
import json
from typing import Any, NamedTuple

from acidtest.grader.sdk import SAFETY, Env, User, check, fail, not_applicable, unknown, unmet

from ._desk import BASE, add_order

_JWKS = ("/.well-known/jwks.json", "/jwks.json", "/auth/jwks.json", "/auth/.well-known/jwks.json",
         "/api/v1/.well-known/jwks.json")  # fmt: skip
_GUESSES = (b"", b"secret", b"changeme", b"SECRET_KEY", b"your-secret-key", b"password")
_PARTS = 3
_FAR = 4_102_444_800
_LIFE = 3.0
"""`ACCESS_TOKEN_SECONDS` of the group."""
_EXPIRED_WITHIN = 65.0
"""Three seconds of life, and a minute by which clocks of two machines may differ."""


class Jwt(NamedTuple):
    """A JSON web token taken apart."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signature: str


def taken_apart(token: str) -> Jwt | None:
    """The parts of a JWT; None where the token is something else."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return None
    try:
        header, payload = (json.loads(_decoded(part)) for part in parts[:2])
    except ValueError:
        return None
    if not isinstance(header, dict) or not isinstance(payload, dict) or "alg" not in header:
        return None
    return Jwt(header, payload, parts[2])


def signed(header: dict[str, Any], payload: dict[str, Any], secret: bytes | None) -> str:
    """A token with an HMAC of `secret`, or without any signature."""
    text = f"{_encoded(_json(header))}.{_encoded(_json(payload))}"
    if secret is None:
        return f"{text}."
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(header["alg"], hashlib.sha256)
    return f"{text}.{_encoded(hmac.new(secret, text.encode(), digest).digest())}"


@check("R7", group="auth", kind=SAFETY, weight=2, requires=(BASE,))
async def an_altered_token_is_refused(env: Env) -> None:
    """A token in which one letter was changed, or that was cut short, is refused with 401.

    Asked at places all over the token, but not in its very last letters, which may not matter in
    base64.
    """
    user = await _signed_in(env)
    token = user.session.access
    places = {len(token) * tenth // 10 for tenth in range(1, 10)} | {2, len(token) - 5}
    bent = [
        token[:at] + ("x" if token[at] != "x" else "y") + token[at + 1 :]
        for at in sorted(places)
        if 0 <= at < len(token) and token[at] != "."
    ]
    for altered in (*bent, token[: len(token) // 2], token[:-6]):
        await _expect_refused(env, altered, "an altered token")


@check("R7", group="auth", kind=SAFETY, weight=4, requires=(BASE,))
async def a_forged_token_is_refused(env: Env) -> None:
    """A JWT signed by somebody else, by nobody, or with another algorithm is refused with 401.

    The claims are those of a real token, or those of another user: `alg: none` in four spellings,
    HMACs with usual secrets, an HMAC with the public key where one is served, keys named in
    the token's own header. Opaque tokens cannot be forged in these ways.
    """
    user, victim = await _signed_in(env), await env.accounts.member("other")
    own, theirs = (taken_apart(u.session.access) for u in (user, victim))
    if own is None or theirs is None:
        not_applicable("The access token is no JWT")
    signature = own.signature
    mixed = f"{_encoded(_json(own.header))}.{_encoded(_json(theirs.payload))}.{signature}"
    await _expect_refused(env, mixed, "the claims of another user under one's own signature")
    late = {**own.payload, "exp": _FAR}
    stretched = f"{_encoded(_json(own.header))}.{_encoded(_json(late))}.{signature}"
    await _expect_refused(env, stretched, "a token whose life was stretched")
    for alg in ("none", "None", "NONE", "nOnE"):
        header = {**own.header, "alg": alg}
        await _expect_refused(env, signed(header, theirs.payload, None), f"alg: {alg}")
        kept = signed(header, theirs.payload, None) + signature
        await _expect_refused(env, kept, f"alg: {alg} with a signature")
    secrets = [*_GUESSES, env.word(32).encode(), *await _public_keys(env)]
    for secret in secrets:
        for alg in ("HS256", "HS512"):
            header = {**own.header, "alg": alg}
            token = signed(header, theirs.payload, secret)
            await _expect_refused(env, token, f"an {alg} signature by a secret of one's own")
    await _with_keys_of_ones_own(env, own, theirs)


async def _with_keys_of_ones_own(env: Env, own: Jwt, theirs: Jwt) -> None:
    secret = env.word(32).encode()
    jwk = {"kty": "oct", "k": _encoded(secret), "kid": "own"}
    for extra in (
        {"kid": "../../../../dev/null"},
        {"kid": "' union select 'x"},
        {"jwk": jwk, "kid": "own"},
        {"jku": "http://127.0.0.1:9/jwks.json", "kid": "own"},
    ):
        for key in (secret, b"", b"x"):
            token = signed({**own.header, "alg": "HS256", **extra}, theirs.payload, key)
            await _expect_refused(
                env, token, f"a key named by the token itself ({next(iter(extra))})"
            )


@check("R7", group="auth", kind=SAFETY, weight=2, requires=(BASE,))
async def a_refresh_token_opens_nothing(env: Env) -> None:
    """A refresh token in place of an access token is refused with 401."""
    user = await _signed_in(env)
    refresh = user.session.refresh
    if refresh is None:
        unmet("This rests on: signing in answers with a refresh token")
    await _expect_refused(env, refresh, "a refresh token")


@check("R7", group="expiry", weight=2, requires=(BASE,), deadline=90.0)
async def an_expired_token_is_refused(env: Env) -> None:
    """A token that has expired is refused with 401, and signing in again helps.

    `ACCESS_TOKEN_SECONDS` is 3 here; a minute more is allowed for clocks that differ.
    """
    user = await env.accounts.sign_up()
    first = await env.call("list_orders", by=user)
    if first.status == 401 and env.now() - user.session.born > _LIFE / 2:
        unknown("So much time went by before its first use that the token may have expired")
    first.given({200}, "This rests on: a fresh token is accepted")

    async def refused() -> bool:
        return (await env.call("list_orders", by=user)).status == 401

    if not await env.until(refused, within=_EXPIRED_WITHIN, every=0.5):
        answer = await env.call("list_orders", by=user)
        fail(
            "A token is accepted long after it has expired",
            expected=f"401 after 3 s, at the latest after {_EXPIRED_WITHIN:.0f} s",
            observed=answer.summary(),
        )
    user.session = await env.accounts.log_in(user)
    answer = await env.call("list_orders", by=user)
    if env.now() - user.session.born > _LIFE / 2:
        unknown("So much time went by before its first use that the new token may have expired")
    answer.expect({200}, "After a token has expired a new one is not accepted")


async def _signed_in(env: Env) -> User:
    """A user whose own token opens the list."""
    user = await env.accounts.member("buyer")
    await add_order(env, user)
    answer = await env.call("list_orders", by=user)
    answer.given({200}, "This rests on: a good token is accepted")
    return user


async def _expect_refused(env: Env, token: str, what: str) -> None:
    answer = await env.call("list_orders", headers={"Authorization": f"Bearer {token}"})
    answer.expect({401}, f"{what[0].upper()}{what[1:]} is not refused with 401")


async def _public_keys(env: Env) -> list[bytes]:
    """What an attacker could take for an HMAC secret: the public keys, in their usual forms."""
    for path in _JWKS:
        reply = await env.get(path)
        try:
            keys = reply.json().get("keys") if reply.status == 200 else None
        except (ValueError, AttributeError):
            continue
        if isinstance(keys, list):
            return [form for key in keys[:4] if isinstance(key, dict) for form in _forms(key)]
    return []


def _forms(key: dict[str, Any]) -> list[bytes]:
    forms = [_json(key)]
    for name in ("x", "n", "k"):
        if isinstance(key.get(name), str):
            forms += [key[name].encode(), _decoded(key[name])]
    if key.get("crv") == "Ed25519" and isinstance(key.get("x"), str):
        der = bytes.fromhex("302a300506032b6570032100") + _decoded(key["x"])
        text = base64.b64encode(der).decode()
        pem = f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"
        forms += [pem.encode(), f"{pem}\n".encode()]
    return forms


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
