import base64
import hmac
import json
from datetime import UTC, datetime
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from acidkit.webhooks import (
    PrivateKey,
    Rejection,
    SharedSecret,
    Verifier,
    WebhookForbidden,
    WebhookRejected,
    WebhookUnauthorized,
    sign,
    verifying_keys,
)

NOW = 1_700_000_000
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
BODY = b'{"type": "order.paid",\n  "data": {"id": 7, "name": "\xc3\xa9"} }'

texts = st.text(st.characters(codec="utf-8"), max_size=200)
ids = st.from_regex(r"[A-Za-z0-9_\-]{1,40}", fullmatch=True)


def verifier(*secrets: str, now: float = NOW) -> Verifier:
    """Return a verifier whose clock stands."""
    return Verifier(verifying_keys(" ".join(secrets or (SECRET,))), clock=lambda: now)


def signed(body: bytes = BODY, *, secret: str = SECRET, at: int = NOW) -> dict[str, str]:
    """Return the headers of a good message."""
    return sign(body, [SharedSecret(secret)], message_id="msg_1", sent_at=at)


@given(body=texts, message_id=ids)
@settings(deadline=None, max_examples=50)
def test_independent_library_accepts_what_we_sign(body: str, message_id: str) -> None:
    """The reference library of the standard verifies our signatures."""
    headers = sign(body.encode(), [SharedSecret(SECRET)], message_id=message_id)
    Webhook(SECRET).verify(body, headers, json_parse=False)


@given(body=texts, message_id=ids, at=st.integers(NOW - 300, NOW + 300))
@settings(deadline=None, max_examples=50)
def test_we_accept_what_the_independent_library_signs(body: str, message_id: str, at: int) -> None:
    """The reference library's signatures verify here, and the message is the one sent."""
    moment = datetime.fromtimestamp(at, UTC)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": Webhook(SECRET).sign(message_id, moment, body),
    }
    found = verifier().verify(headers, body.encode())
    assert found == (message_id, at, body.encode())


def test_signature_is_over_the_bytes_not_over_what_they_mean() -> None:
    """The same JSON with other white space or another order of keys is another message."""
    verifier().verify(signed(), BODY)
    same = json.loads(BODY)
    for body in (json.dumps(same).encode(), BODY + b"\n", BODY.replace(b"\n", b"\r\n"), b""):
        with pytest.raises(WebhookUnauthorized) as caught:
            verifier().verify(signed(), body)
        assert caught.value.reason is Rejection.WRONG


def test_every_changed_bit_is_noticed() -> None:
    """A flip of any bit of the body, the id, the time or the signature is refused."""
    random = Random(3)
    for _ in range(300):
        headers, body = signed(), bytearray(BODY)
        place = random.choice([*headers, "body"])
        if place == "body":
            body[random.randrange(len(body))] ^= 1 << random.randrange(8)
        else:
            letters = list(headers[place])
            spot = random.randrange(3 if place == "webhook-signature" else 0, len(letters) - 2)
            letters[spot] = "1" if letters[spot] != "1" else "2"
            headers[place] = "".join(letters)
        with pytest.raises(WebhookRejected):
            verifier(now=NOW).verify(headers, bytes(body))


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_unsigned_message_is_refused(missing: str, how: str) -> None:
    """Each of the three headers is needed."""
    headers = signed()
    if how == "absent":
        del headers[missing]
    else:
        headers[missing] = ""
    with pytest.raises(WebhookUnauthorized) as caught:
        verifier().verify(headers, BODY)
    assert (caught.value.reason, caught.value.status) == (Rejection.MISSING, 401)
    assert "www-authenticate" in {name.lower() for name in caught.value.headers}


ODD = [
    ("webhook-timestamp", f" {NOW}"),
    ("webhook-timestamp", f"+{NOW}"),
    ("webhook-timestamp", f"{NOW}.0"),
    ("webhook-timestamp", "1e9"),
    ("webhook-timestamp", "-1"),
    ("webhook-timestamp", "nan"),
    ("webhook-timestamp", "9" * 400),
    ("webhook-timestamp", "\u0661\u0662"),
    ("webhook-id", "msg_1.1700000000"),
    ("webhook-id", "msg 1"),
    ("webhook-id", "msg\x00"),
    ("webhook-id", "m" * 256),
    ("webhook-id", "\xe9"),
]


@pytest.mark.parametrize(("name", "value"), ODD)
def test_odd_headers_are_refused_unread(name: str, value: str) -> None:
    """What no sender of the standard writes is refused, even where it would be signed."""
    headers = {**signed(), name: value}
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + BODY
    signature = SharedSecret(SECRET).sign(content)
    headers["webhook-signature"] = "v1," + base64.b64encode(signature).decode()
    with pytest.raises(WebhookUnauthorized) as caught:
        verifier().verify(headers, BODY)
    assert caught.value.reason is Rejection.MALFORMED


@pytest.mark.parametrize(
    "signature",
    ["v1", "v1,", ",", "v1,!!!", "v2," + "A" * 44, "v1," + "A" * 44, "v1," + "A" * 9999, "A" * 44],
)
def test_signatures_that_cannot_be_read_are_wrong(signature: str) -> None:
    """Whatever stands in the place of a signature, it is refused without a crash."""
    with pytest.raises(WebhookUnauthorized) as caught:
        verifier().verify({**signed(), "webhook-signature": signature}, BODY)
    assert caught.value.reason is Rejection.WRONG


def test_signature_of_another_version_is_not_taken_for_ours() -> None:
    """The right bytes under another version's name do not count."""
    headers = signed()
    headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")
    with pytest.raises(WebhookUnauthorized):
        verifier().verify(headers, BODY)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (300, None),
        (301, Rejection.TOO_OLD),
        (86_400 * 365, Rejection.TOO_OLD),
        (-300, None),
        (-301, Rejection.TOO_NEW),
    ],
)
def test_tolerance_is_five_minutes_both_ways(age: int, reason: Rejection | None) -> None:
    """A genuine message is taken for five minutes around its time, else it is 403."""
    headers = signed(at=NOW - age)
    if reason is None:
        verifier().verify(headers, BODY)
        return
    with pytest.raises(WebhookForbidden) as caught:
        verifier().verify(headers, BODY)
    assert (caught.value.reason, caught.value.status) == (reason, 403)


def test_time_is_not_told_to_who_cannot_sign() -> None:
    """An old message with a wrong signature is wrong, not old."""
    with pytest.raises(WebhookUnauthorized) as caught:
        verifier().verify(signed(secret=OTHER, at=NOW - 9999), BODY)
    assert caught.value.reason is Rejection.WRONG


def test_secrets_rotate_without_a_gap() -> None:
    """While two secrets are known, either signs; a sender may sign with both at once."""
    both = verifier(SECRET, OTHER)
    both.verify(signed(secret=OTHER), BODY)
    both.verify(signed(secret=SECRET), BODY)
    double = sign(
        BODY, [SharedSecret(SECRET), SharedSecret(OTHER)], message_id="msg_1", sent_at=NOW
    )
    for secret in (SECRET, OTHER):
        verifier(secret).verify(double, BODY)
    with pytest.raises(WebhookUnauthorized):
        verifier(OTHER).verify(signed(secret=SECRET), BODY)


def test_many_signatures_are_bounded() -> None:
    """A good signature behind more than any sender has keys is not looked for."""
    headers = signed()
    good = headers["webhook-signature"]
    headers["webhook-signature"] = " ".join(["v1," + "A" * 44] * 15 + [good])
    verifier().verify(headers, BODY)
    headers["webhook-signature"] = " ".join(["v1," + "A" * 44] * 16 + [good])
    with pytest.raises(WebhookUnauthorized):
        verifier().verify(headers, BODY)


def test_asymmetric_signatures() -> None:
    """With v1a only the holder of the private half can sign; both lengths of it are read."""
    seed = bytes(range(32))
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    for raw in (seed, seed + public.public_bytes_raw()):
        key = PrivateKey("whsk_" + base64.b64encode(raw).decode())
        headers = sign(BODY, [key], message_id="msg_1", sent_at=NOW)
        signature = base64.b64decode(headers["webhook-signature"].removeprefix("v1a,"))
        public.verify(signature, f"msg_1.{NOW}.".encode() + BODY)
        verifier(key.public).verify(headers, BODY)
        with pytest.raises(WebhookUnauthorized):
            verifier(key.public).verify(headers, BODY + b" ")
        with pytest.raises(WebhookUnauthorized):
            verifier(SECRET).verify(headers, BODY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        "whsec_",
        "whsec_!!!!",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whpk_" + base64.b64encode(bytes(31)).decode(),
        "whsk_" + base64.b64encode(bytes(32)).decode(),
    ],
)
def test_weak_and_odd_keys_are_refused_without_being_shown(text: str) -> None:
    """A verifier is not built on a key that is none, and the message keeps the key to itself."""
    with pytest.raises(ValueError, match=r".") as caught:
        verifying_keys(text)
    assert not text or len(text) < 7 or text not in str(caught.value)
    with pytest.raises(ValueError, match=r"."):
        PrivateKey("whsk_" + base64.b64encode(bytes(33)).decode())


def test_fresh_secret_fits_and_is_not_shown() -> None:
    """A new secret is one the standard allows, differs each time, and has no readable form."""
    one, two = SharedSecret.new(), SharedSecret.new()
    assert one != two
    key = SharedSecret(one.rstrip("="))
    assert one.removeprefix("whsec_")[:20] not in repr(key)
    Webhook(one).verify("x", sign(b"x", [key], message_id="m"), json_parse=False)
    with pytest.raises(ValueError, match="full stop"):
        sign(b"x", [key], message_id="a.b")


def test_every_signature_meets_every_key_in_a_comparison_of_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first pair that fits ends nothing, and no pair is compared in any other way."""
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return constant_time(one, other)

    constant_time = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", compare)
    headers = signed()
    headers["webhook-signature"] += " v1," + "A" * 44 + " v1," + "B" * 44
    verifier(SECRET, OTHER).verify(headers, BODY)
    assert len(compared) == 6


def test_example_of_the_standard() -> None:
    """A published example (secret, id, time, body and signature) comes out the same."""
    key = SharedSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign(
        b'{"test": 2432232314}',
        [key],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at=1_614_265_330,
    )
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-signature"] == expected
