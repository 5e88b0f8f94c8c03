"""The Orders package: what its checks are made of, and that its parts fit together."""

import hashlib
import importlib
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from argon2 import PasswordHasher
from joserfc import jwt
from joserfc.jwk import OctKey

from acidtest.catalogue.loader import load_problem
from acidtest.grader.plan import ordered_checks
from acidtest.grader.sdk import Index

PACKAGE = "acidtest_checks_orders"


@cache
def part(name: str) -> ModuleType:
    """Return a module of the package; the checks have to be loaded once before."""
    ordered_checks(load_problem("orders"))
    return importlib.import_module(f"{PACKAGE}.{name}")


def test_the_environment_of_groups_is_that_of_the_checks() -> None:
    """The limits and times that groups set are those their checks reckon with."""
    env = {group.name: group.env for group in load_problem("orders").groups}

    assert env["lockout"]["LOCKOUT_SECONDS"] == f"{part('lockout')._SECONDS:.0f}"
    assert env["expiry"]["ACCESS_TOKEN_SECONDS"] == f"{part('tokens')._LIFE:.0f}"
    assert env["ip_limits"]["RATE_LIMIT_PER_IP"] == str(part("limits")._PER_IP)
    assert env["user_limits"]["RATE_LIMIT_PER_USER"] == str(part("limits")._PER_USER)


# Tokens ----------------------------------------------------------------------------------------


def test_a_forged_token_is_what_its_secret_signs() -> None:
    """What the judge signs with a secret, another library verifies with the same secret."""
    secret = b"a secret of thirty-two bytes, ok"
    token = part("tokens").signed({"alg": "HS256", "typ": "JWT"}, {"sub": "7"}, secret)

    verified = jwt.decode(token, OctKey.import_key(secret), algorithms=["HS256"])

    assert verified.claims == {"sub": "7"}


def test_a_token_is_taken_apart_and_anything_else_is_none() -> None:
    """A JWT is told from opaque tokens, garbage, and dots alone."""
    taken_apart = part("tokens").taken_apart
    token = jwt.encode({"alg": "HS256"}, {"sub": "7"}, OctKey.import_key(b"x" * 32))

    assert taken_apart(token).payload == {"sub": "7"}
    for other in ("", "opaque", "..", "a.b.c", "e30.e30.", "W10.W10.x"):
        assert taken_apart(other) is None


# Hashes ----------------------------------------------------------------------------------------

_BCRYPT = "$2b$12$" + "a" * 53


@pytest.mark.parametrize(
    ("text", "scheme", "enough"),
    [
        (
            PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash("x"),
            "argon2id",
            True,
        ),
        (
            PasswordHasher(time_cost=1, memory_cost=19_456, parallelism=1).hash("x"),
            "argon2id",
            False,
        ),
        ("$argon2i$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaA", "argon2i", False),
        (_BCRYPT, "bcrypt", True),
        (_BCRYPT.replace("$12$", "$04$"), "bcrypt", False),
        ("$scrypt$ln=17,r=8,p=1$c2FsdA$aGFzaA", "scrypt", True),
        ("$scrypt$ln=14,r=8,p=1$c2FsdA$aGFzaA", "scrypt", False),
        ("scrypt:32768:8:1$AbCd$00ff", "scrypt", False),
        ("scrypt:131072:8:1$AbCd$00ff", "scrypt", True),
        ("scrypt$saltsaltsalt$16384$8$5$hash", "scrypt", True),
        ("scrypt$131072$8$1$c2FsdA==$aGFzaA==", "scrypt", True),
        ("pbkdf2:sha256:600000$AbCd$00ff", "PBKDF2 with sha256", True),
        ("pbkdf2_sha256$870000$AbCd$hash=", "PBKDF2 with sha256", True),
        ("$pbkdf2-sha256$29000$AbCd$hash", "PBKDF2 with sha256", False),
        ("$pbkdf2-sha512$210000$AbCd$hash", "PBKDF2 with sha512", True),
    ],
)
def test_the_cost_of_a_hash_is_read(text: str, scheme: str, *, enough: bool) -> None:
    """Formats that libraries write are known, and their cost is held against OWASP's minimum."""
    verdict = part("_hashes").judged(text)

    assert (verdict.scheme, verdict.enough) == (scheme, enough)


@pytest.mark.parametrize(
    "text", ["", "someone@example.com", "5f4dcc3b5aa765d61d8327deb882cf99", "pending", "2026-11-21"]
)
def test_what_is_no_slow_hash_is_not_taken_for_one(text: str) -> None:
    """Addresses, statuses, times and fast hashes are no slow hashes."""
    assert part("_hashes").judged(text) is None


@pytest.mark.parametrize(
    "kept",
    [
        hashlib.sha256(b"Kx7!secret").hexdigest(),
        hashlib.md5(b"Kx7!secret", usedforsecurity=False).hexdigest().upper(),
        hashlib.sha1(b"saltyKx7!secret", usedforsecurity=False).hexdigest(),
        hashlib.sha512(b"Kx7!secretsalty").hexdigest(),
        hashlib.sha256(b"Kx7!secretsomeone@example.com").hexdigest(),
        hashlib.sha256(bytes.fromhex("00ff10") + b"Kx7!secret").hexdigest(),
        "Kx7!secret",
        "S3g3IXNlY3JldA==",
    ],
)
def test_passwords_and_their_fast_hashes_are_found(kept: str) -> None:
    """A password is found plain, in base64, and under usual digests with what lies beside it."""
    salts = ["someone@example.com", "salty", "\\x00ff10"]
    needles = [n for _, n in part("_hashes").digests("Kx7!secret", salts)]

    assert any(needle.lower() in kept.lower() for needle in needles)


# The rest --------------------------------------------------------------------------------------


class _Told:
    """Stands for an answer with a body."""

    def __init__(self, body: Any) -> None:
        self.json = body


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"trace_id": "abcdef0123"}, "abcdef0123"),
        ({"error": {"message": "no", "traceId": "abcdef0123"}}, "abcdef0123"),
        ({"requestId": "abcdef0123", "status": 404}, "abcdef0123"),
        ({"detail": "no"}, None),
        ({"trace_id": ""}, None),
        (["trace_id"], None),
        (None, None),
    ],
)
def test_trace_ids_are_found_under_their_names(body: Any, found: str | None) -> None:
    """A trace id is found under the names it usually has, at whatever depth."""
    assert part("_traces").trace_id_of(_Told(body)) == found


@pytest.mark.parametrize(
    ("columns", "predicate", "partly", "found"),
    [
        (["user_id", "created_at"], None, False, True),
        (["created_at", "user_id"], None, False, False),
        (["user_id"], "(user_id is not null)", False, True),
        (["user_id"], "(status = 'paid')", False, False),
        (["user_id"], "(status = 'pending'::order_status)", True, True),
    ],
)
def test_an_index_counts_by_what_it_finds(
    columns: list[str],
    predicate: str | None,
    *,
    partly: bool,
    found: bool,
) -> None:
    """An index counts by its first column and by what it leaves out, whatever it is called."""
    index = Index(
        "i", unique=False, valid=True, predicate=predicate, method="btree", columns=columns
    )

    assert part("schema")._finds(index, "user_id", partly=partly) is found


def test_rows_read_are_those_of_the_widest_step() -> None:
    """What a plan reads is the most that any step of it touches, thrown away or not."""
    plan = {
        "Actual Rows": 2,
        "Plans": [{"Actual Rows": 1_000, "Plans": [{"Actual Rows": 5, "Actual Loops": 3}]}],
    }

    assert part("schema")._touched(plan) == 1_000
    assert part("schema")._touched({"Actual Rows": 1, "Rows Removed by Filter": 70}) == 71
