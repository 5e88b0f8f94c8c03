"""What comes in, at the edges."""

import uuid
from datetime import UTC, datetime

import pytest

from orders import cursors, rules
from orders.errors import Refusal
from orders.trace import trace_id_of

KEY = b"k" * 32
PLACE = (datetime(2024, 1, 1, tzinfo=UTC), uuid.UUID(int=7))
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("total", [0, 1, 2_147_483_647, rules.MOST_CENTS])
def test_a_good_amount_is_accepted(total: int) -> None:
    """The edges belong to the rule."""
    assert rules.new_order({"total_cents": total, "currency": "EUR"}) == (total, "EUR")


@pytest.mark.parametrize("total", [-1, 10.5, 1e3, "100", True, None, [], rules.MOST_CENTS + 1])
def test_a_bad_amount_is_refused(total: object) -> None:
    """Money is an integer."""
    with pytest.raises(Refusal, match="total_cents"):
        rules.new_order({"total_cents": total, "currency": "EUR"})


@pytest.mark.parametrize("currency", ["eur", "EURO", "ZZZ", "", None, 1, ["EUR"], "EUR\n"])
def test_a_bad_currency_is_refused(currency: object) -> None:
    """Only known currencies are accepted."""
    with pytest.raises(Refusal, match="currency"):
        rules.new_order({"total_cents": 1, "currency": currency})


@pytest.mark.parametrize("email", ["x", "a@b", "a b@c.de", "a@b..de", ".a@b.de", "a@b.de\n", f"{'a' * 65}@b.de"])
def test_what_is_no_address_registers_nobody(email: str) -> None:
    """Addresses follow RFC 5321."""
    with pytest.raises(Refusal, match="email"):
        rules.registration({"email": email, "password": "12345678"})


@pytest.mark.parametrize("password", ["1234567", "x" * 129, "😀" * 7])
def test_a_password_has_8_to_128_characters(password: str) -> None:
    """Characters are counted, not bytes."""
    with pytest.raises(Refusal, match="password"):
        rules.registration({"email": "a@b.de", "password": password})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"a": NaN}', b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """No body, however hostile, gets further."""
    with pytest.raises(Refusal) as caught:
        rules.parse(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [{"id": "x"}, {"user_id": 1}, {"status": "shipped"}, {"total_cents": None}])
def test_a_change_of_something_else_is_refused(body: dict[str, object]) -> None:
    """Unknown fields are refused, and known ones follow their rules."""
    with pytest.raises(Refusal):
        rules.changes(body)


def test_both_spellings_of_a_key_are_the_same() -> None:
    """Bare, or as a string of RFC 8941."""
    assert rules.idempotency_key('"a\\"b"') == rules.idempotency_key('a"b') == 'a"b'


@pytest.mark.parametrize("header", [None, "", '""', "x" * 256, "a\tb", "ä"])
def test_a_bad_key_is_refused(header: str | None) -> None:
    """One to 255 printable characters."""
    with pytest.raises(Refusal, match="Idempotency-Key"):
        rules.idempotency_key(header)


def test_a_cursor_is_good_for_its_user_in_its_own_form_only() -> None:
    """Whatever is altered is refused."""
    cursor = cursors.write(KEY, 1, PLACE)
    assert cursors.read(KEY, 1, cursor) == PLACE
    altered = [cursor[:place] + letter + cursor[place + 1 :] for place in range(len(cursor)) for letter in "Aé"]
    for user, text in [(2, cursor), (1, ""), (1, "~"), *((1, text) for text in altered if text != cursor)]:
        with pytest.raises(Refusal):
            cursors.read(KEY, user, text)


@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_trace_of_the_caller_is_continued(flags: str) -> None:
    """A valid traceparent gives the trace id."""
    assert trace_id_of(f"00-{TRACE}-b7ad6b7169203331-{flags}") == TRACE


@pytest.mark.parametrize("header", [None, "x", f"ff-{TRACE}-b7ad6b7169203331-01", f"00-{'0' * 32}-b7ad6b7169203331-01"])
def test_a_bad_traceparent_begins_a_new_trace(header: str | None) -> None:
    """Nothing of it is used."""
    assert trace_id_of(header) not in {TRACE, "0" * 32}
