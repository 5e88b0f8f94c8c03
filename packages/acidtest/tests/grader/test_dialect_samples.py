"""Values that fill a body are plausible, so that only names can be at fault."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from acidtest.grader.dialect.samples import isbn13, sample


def test_samples_fit_their_schemas() -> None:
    """A filled-in value obeys what its schema asks for."""
    assert sample("x", {"type": "string", "enum": ["a", "b"]}) == "a"
    assert sample("x", {"type": "string", "format": "email"}) == "reader@example.com"
    assert len(sample("x", {"type": "string", "minLength": 30})) >= 30
    assert len(sample("long_name_of_it", {"type": "string", "maxLength": 3})) == 3
    assert sample("x", {"type": "string", "pattern": "^[0-9]{5}$"}) == "11111"
    assert sample("x", {"type": "integer", "minimum": 9}) == 9
    assert sample("x", {"type": "array", "minItems": 1, "items": {"type": "boolean"}}) == [True]
    nested = {"type": "object", "required": ["a"], "properties": {"a": {"type": "boolean"}}}
    assert sample("x", nested) == {"a": True}


def test_names_are_not_tried_with_a_value_at_an_edge() -> None:
    """A service that wrongly refuses zero is not taken for one that has another name for it."""
    assert sample("total_cents", {"type": "integer", "minimum": 0, "maximum": 100}) == 1
    assert sample("total_cents", {"type": "integer", "minimum": -5, "maximum": 0}) == 0


@settings(deadline=None)
@given(st.randoms())
def test_isbns_carry_a_right_check_digit(rng: Any) -> None:
    """Services that verify the check digit accept what is sent."""
    digits = [int(digit) for digit in isbn13(rng)]

    assert len(digits) == 13
    assert sum(d * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10 == 0
