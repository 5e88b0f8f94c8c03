"""The Book Review package: what its checks are made of, and that its parts fit together."""

import importlib
import random
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acidtest.catalogue.loader import load_problem
from acidtest.grader.plan import ordered_checks
from acidtest.grader.sdk import error_shape, instant, leak_in, outline

FOLDER = load_problem("book-reviews").folder
PACKAGE = "acidtest_checks_book_reviews"


@cache
def part(name: str) -> ModuleType:
    """Return a module of the package; the checks have to be loaded once before."""
    ordered_checks(load_problem("book-reviews"))
    return importlib.import_module(f"{PACKAGE}.{name}")


@pytest.mark.parametrize(
    ("harmless", "hostile"),
    [
        ("select * from t where a = 'bob'", "select * from t where a = 'o''brien'"),
        ("insert into t values ('a', 1)", "insert into t values (E'\\'); --', 2)"),
        ("select 1 from t where a in ($1, $2)", "select 1 from t where a in ($1, $2, $3)"),
        ("select 1 /* a */ from t", "select 1 -- '; drop\n from t"),
        ("select 'a'", "select $tag$ ' or 1=1 $tag$"),
        ("update t set a = null", "update t set a = 'null'"),
    ],
)
def test_values_do_not_change_an_outline(harmless: str, hostile: str) -> None:
    """Statements that differ in rightly quoted values have one outline."""
    assert outline(harmless) == outline(hostile)


@pytest.mark.parametrize(
    "hostile",
    [
        "select * from t where a = 'x' or '1'='1'",
        "select * from t where a = 'x'||pg_sleep(0)||''",
        "select * from t where a = 'x'; select 1 --'",
        "select * from t where a = 'x\\' or 1=1 --'",
        "select * from t where a = 'x' order by zq",
    ],
)
def test_structure_changes_an_outline(hostile: str) -> None:
    """A value that left its quotes gives another outline."""
    assert outline(hostile) != outline("select * from t where a = 'bob'")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_quoted_value_is_one_literal(value: str) -> None:
    """Whatever is quoted by the rules of SQL stays one literal."""
    quoted = "'" + value.replace("'", "''") + "'"

    assert outline(f"select {quoted}") == ("select", "?")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_an_outline_never_fails(text: str) -> None:
    """Any text at all has an outline."""
    assert isinstance(outline(text), tuple)


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "/app/a.py", line 3, in f',
        "TypeError: x\n    at Layer.handle (/app/node_modules/express/lib/router.js:95:5)",
        "at async file:///app/src/server.js:10:3",
        "[SQL: INSERT INTO books (title) VALUES ($1)]",
        "SELECT id, title FROM books",
        "could not open /srv/books/settings.py",
        "goroutine 7 [running]:",
        "the word is hunter2-hunter2",
        "the word is aHVudGVyMi1odW50ZXIy",
    ],
)
def test_what_is_internal_is_noticed(text: str) -> None:
    """Stack traces, SQL, paths and secrets are leaks."""
    assert leak_in(text, secrets=("hunter2-hunter2",)) is not None


@pytest.mark.parametrize(
    "text",
    [
        '{"detail": "Not Found"}',
        '{"type": "https://example.org/errors/home/not-found", "instance": "/books/7/reviews"}',
        '{"message": "Please select a rating from 1 to 5 and update your review"}',
        '{"detail": [{"loc": ["body", "title"], "msg": "Field required", "type": "missing"}]}',
        '{"error": "Another book has this ISBN already", "trace_id": "0af7651916cd"}',
        '{"detail": "Input should be at most 9999", "see": "/docs/errors"}',
        '{"detail": "duplicate key value violates unique constraint books_isbn_key"}',
    ],
)
def test_plain_errors_are_no_leaks(text: str) -> None:
    """Messages for people are not taken for something internal."""
    assert leak_in(text, secrets=("hunter2-hunter2",)) is None


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("2024-05-17T09:30:00Z", True),
        ("2024-05-17T09:30:00.123456789+02:00", True),
        ("2024-05-17 09:30:00-05:30", True),
        ("2024-05-17T09:30:00", False),
        ("2024-05-17", False),
        ("Fri, 17 May 2024 09:30:00 GMT", False),
        ("2024-13-45T09:30:00Z", False),
        (1715938200, False),
        (None, False),
    ],
)
def test_only_moments_with_an_offset_are_moments(text: object, *, known: bool) -> None:
    """RFC 3339 with an offset is understood, and nothing else is."""
    assert (instant(text) is not None) is known


class _Draws:
    """Stands for the part of a check's world that draws values."""

    rng = random.Random(1)


@pytest.mark.parametrize(
    "known",
    [7, "7", "4f4f1e0a-2a59-4b53-9a53-6f0a7d6f4c11", "book_01hq3zk8wv", "65f1c0ffee65f1c0ffee65f1"],
)
def test_an_unknown_id_is_of_the_same_kind(known: object) -> None:
    """An id that no book has looks like one that a book has."""
    unknown = part("_shelf").unknown_id(_Draws(), known)

    assert unknown != known
    assert type(unknown) is type(known)
    if isinstance(known, str) and not known.isdigit():
        assert len(str(unknown)) == len(known)


def test_drawn_isbns_have_true_check_digits() -> None:
    """Services that look at the check digit accept the ISBNs that checks draw."""
    for _ in range(50):
        digits = [int(digit) for digit in part("_shelf").new_isbn(_Draws())]

        assert len(digits) == 13
        assert (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


@pytest.mark.parametrize(
    ("body", "speaks"),
    [
        ({"detail": "Not Found"}, {"detail"}),
        ({"detail": [{"msg": "Field required"}]}, {"detail"}),
        ({"error": {"code": 404, "message": "no such book"}}, {"error"}),
        ({"status": 404}, set()),
        (["Not Found"], set()),
    ],
)
def test_messages_are_found_wherever_they_are(body: Any, speaks: set[str]) -> None:
    """A field counts as a message when it holds text for a person, at whatever depth."""
    assert error_shape(body).messages == speaks
