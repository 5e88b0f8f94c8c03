"""What breaks a rule is refused and changes nothing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from acidtest.grader.sdk import Env, check, dump_json, fail

from ._shelf import (
    ABSENT,
    BASE,
    MALFORMED,
    REFUSED,
    STORED,
    add_book,
    new_book,
    new_isbn,
    new_review,
    stored,
    without,
)


class Case(NamedTuple):
    """One body that breaks exactly one rule."""

    name: str
    body: Mapping[str, Any]


def _text_cases(body: Mapping[str, Any], name: str, most: int) -> list[Case]:
    """What no text may be; numbers are left out, since some frameworks turn them to text."""
    return [
        Case(f"no {name}", without(body, name)),
        Case(f"{name} null", {**body, name: None}),
        Case(f"{name} empty", {**body, name: ""}),
        Case(f"{name} of spaces only", {**body, name: "   "}),
        Case(f"{name} of {most + 1} characters", {**body, name: "x" * (most + 1)}),
        Case(f"{name} an object", {**body, name: {"text": "x"}}),
        Case(f"{name} a list", {**body, name: ["x"]}),
    ]


def _number_cases(body: Mapping[str, Any], name: str, low: int, high: int) -> list[Case]:
    """What no number may be; "3" is left out, since some frameworks read it as 3."""
    return [
        Case(f"{name} {low - 1}", {**body, name: low - 1}),
        Case(f"{name} -1", {**body, name: -1}),
        Case(f"{name} {high + 1}", {**body, name: high + 1}),
        Case(f"{name} with a fraction", {**body, name: low + 0.5}),
        Case(f"{name} in words", {**body, name: "three"}),
        Case(f"{name} a list", {**body, name: [low]}),
        Case(f"{name} an object", {**body, name: {"value": low}}),
    ]


@check("R5", group="validation", weight=2)
async def books_that_break_a_rule_are_refused(env: Env) -> None:
    """A book that breaks a rule of its table is refused with 400 or 422 and not stored.

    Each body breaks one rule and is otherwise one that was accepted before. Numbers in place of
    text and numbers written as text are not tried: frameworks differ, the statement is silent.
    """
    body = new_book(env)
    stored(await env.call("create_book", body), "a book can be added")
    fresh = {**body, "isbn": new_isbn(env)}
    cases = [
        *_text_cases(fresh, "title", 255),
        *_text_cases(fresh, "author", 255),
        Case("isbn of 12 digits", {**fresh, "isbn": fresh["isbn"][:12]}),
        Case("isbn of 14 digits", {**fresh, "isbn": fresh["isbn"] + "0"}),
        Case("isbn of letters", {**fresh, "isbn": "abcdefghijklm"}),
        Case("isbn empty", {**fresh, "isbn": ""}),
        *_number_cases(fresh, "published_year", 1, 9999),
    ]
    before = await _rows_beside(env, body["title"])
    for case in cases:
        answer = await env.call("create_book", case.body)
        answer.expect(REFUSED, f"A book with {case.name} is not refused")
    await _nothing_changed(env, body["title"], before, "books")


@check("R5", group="validation", weight=2)
async def reviews_that_break_a_rule_are_refused(env: Env) -> None:
    """A review that breaks a rule of its table is refused with 400 or 422 and not stored.

    Each body breaks one rule and is otherwise one that was accepted before.
    """
    book = await add_book(env)
    body = new_review(env)
    answer = await env.call("create_review", body, book_id=book["id"])
    stored(answer, "a review can be added")
    required = _number_cases(body, "rating", 1, 5)
    cases = [
        *_text_cases(body, "reviewer", 100),
        Case("no rating", without(body, "rating")),
        Case("rating null", {**body, "rating": None}),
        *required,
        Case("comment of 5001 characters", {**body, "comment": "x" * 5001}),
        Case("comment an object", {**body, "comment": {"text": "x"}}),
    ]
    before = await _rows_beside(env, body["comment"])
    for case in cases:
        answer = await env.call("create_review", case.body, book_id=book["id"])
        answer.expect(REFUSED, f"A review with {case.name} is not refused")
    await _nothing_changed(env, body["comment"], before, "reviews")


@check("R5", group="validation", weight=2, requires=(BASE,))
async def values_at_the_edge_of_a_rule_are_accepted(env: Env) -> None:
    """Values at the edge of a rule are accepted: the longest and shortest text, every rating.

    Length counts characters, not bytes: the longest texts are tried in letters of two bytes, too.
    """
    book = await add_book(env)
    bare = without(new_book(env), "isbn", "published_year")
    books: list[Case] = [
        Case("a title of 1 character", {**bare, "title": "Q"}),
        Case("a title of 255 characters", {**bare, "title": "x" * 255}),
        Case("a title of 255 letters é", {**bare, "title": "é" * 255}),
        Case("an author of 255 letters ж", {**bare, "author": "ж" * 255}),
        Case("the year 1", {**bare, "published_year": 1}),
        Case("the year 9999", {**bare, "published_year": 9999}),
        Case("isbn and year null", {**bare, "isbn": None, "published_year": None}),
    ]
    for case in books:
        answer = await env.call("create_book", case.body)
        answer.expect(STORED, f"A book with {case.name} is refused")
    review = new_review(env)
    reviews = [
        *(Case(f"the rating {rating}", {**review, "rating": rating}) for rating in range(1, 6)),
        Case("a reviewer of 1 character", {**review, "reviewer": "Q"}),
        Case("a reviewer of 100 letters é", {**review, "reviewer": "é" * 100}),
        Case("a comment of 5000 letters é", {**review, "comment": "é" * 5000}),
        Case("an empty comment", {**review, "comment": ""}),
        Case("no comment", without(review, "comment")),
        Case("the comment null", {**review, "comment": None}),
    ]
    for case in reviews:
        answer = await env.call("create_review", case.body, book_id=book["id"])
        answer.expect(STORED, f"A review with {case.name} is refused")


@check("R5", group="validation")
async def bodies_that_are_no_json_object_are_refused(env: Env) -> None:
    """A body that is not JSON, or JSON but no object, is refused with 400 or 422.

    415 also counts. A body that is an object is accepted first.
    """
    body = new_book(env)
    good = dump_json(env.dialect.encode("book", body))
    stored(await env.send("create_book", good), "a book can be added")
    book = await add_book(env)
    before = await _rows_beside(env, body["title"])
    bodies = {
        "an array": b"[" + good + b"]",
        "a string": b'"a book"',
        "a number": b"42",
        "true": b"true",
        "null": b"null",
        "nothing at all": b"",
        "JSON that breaks off": good[:-1],
        "JSON with something after it": good + b"}",
        "plain text": b"title=x",
    }
    for name, raw in bodies.items():
        answer = await env.send("create_book", raw)
        answer.expect(MALFORMED, f"A book whose body is {name} is not refused")
        answer = await env.send("create_review", raw, book_id=book["id"])
        answer.expect(MALFORMED, f"A review whose body is {name} is not refused")
    form = "application/x-www-form-urlencoded"
    answer = await env.send("create_book", b"a=b&c=d", content_type=form)
    answer.expect(MALFORMED, "A book sent as a form is not refused")
    await _nothing_changed(env, body["title"], before, "books")


@check("R5", group="validation")
async def ids_that_cannot_exist_are_refused(env: Env) -> None:
    """An id that cannot exist is answered with 400, 404 or 422.

    Tried with `abc`, `-1`, `999999999999999999999` and 2^63, after a real id was answered.
    """
    book = await add_book(env)
    known = await env.call("list_reviews", book_id=book["id"])
    known.given({200}, "This rests on: the reviews of a known book answer 200")
    for strange in (
        "abc",
        "-1",
        "999999999999999999999",
        "0",
        "1.5",
        "null",
        "9223372036854775808",
    ):
        answer = await env.call("list_reviews", book_id=strange)
        answer.expect(ABSENT, f"Reviews of a book with the id {strange} are not refused")
        answer = await env.call("create_review", new_review(env), book_id=strange)
        answer.expect(ABSENT, f"A review for a book with the id {strange} is not refused")


@check("R6", group="validation", weight=2)
async def a_second_book_with_the_same_isbn_is_409(env: Env) -> None:
    """A second book with the same ISBN is refused with 409; books without one do not clash."""
    first = new_book(env)
    stored(await env.call("create_book", first), "a book can be added")
    other = await env.call("create_book", new_book(env))
    other.given(STORED, "This rests on: a second book with another ISBN is stored")
    before = await _rows_beside(env, first["title"])
    answer = await env.call("create_book", new_book(env, isbn=first["isbn"]))
    answer.expect({409}, "A second book with the same ISBN is not refused with 409")
    await _nothing_changed(env, first["title"], before, "books")
    for _ in range(2):
        answer = await env.call("create_book", without(new_book(env), "isbn"))
        answer.expect(STORED, "A second book without an ISBN is refused")


async def _rows_beside(env: Env, text: str) -> int | None:
    """Rows of the table that holds `text`; None where no table does."""
    place = await env.db.locate(text)
    return None if place is None else (await env.db.counts())[place.table]


async def _nothing_changed(env: Env, text: str, before: int | None, what: str) -> None:
    after = await _rows_beside(env, text)
    if after != before:
        fail(
            f"Of the {what} that were refused some were stored",
            expected=f"{before} rows",
            observed=f"{after} rows",
        )
