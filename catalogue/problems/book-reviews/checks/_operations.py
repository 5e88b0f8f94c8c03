"""The four operations asked one after the other, with what is right and how long each took."""

from collections.abc import Sequence
from typing import NamedTuple

from acidtest.grader.sdk import Answer, Env, Item

from ._shelf import STORED, add_book, add_review, new_book, new_review, with_id


class Asked(NamedTuple):
    """One operation, its answer, and what is wrong with it."""

    what: str
    answer: Answer
    wrong: str
    """Empty where the answer is right."""


class Shelf(NamedTuple):
    """A book with a review that were stored while all was well."""

    book: Item
    review: Item


async def prepare(env: Env) -> Shelf:
    """Store a book and a review, and ask for both lists, while all is well."""
    book = await add_book(env)
    review = await add_review(env, book["id"])
    await env.call("list_books")
    await env.call("list_reviews", book_id=book["id"])
    return Shelf(book, review)


async def ask_all(env: Env, shelf: Shelf, *, deadline: float) -> list[Asked]:
    """Ask for all four operations; both lists must hold what was stored just before them."""
    added = await env.call("create_book", new_book(env), deadline=deadline)
    books = await env.call("list_books", deadline=deadline)
    review = await env.call(
        "create_review", new_review(env), book_id=shelf.book["id"], deadline=deadline
    )
    reviews = await env.call("list_reviews", book_id=shelf.book["id"], deadline=deadline)
    paged = env.dialect.query("list_books").any
    return [
        Asked("POST /books", added, _unless(added.status in STORED)),
        Asked("GET /books", books, _listing(books, _ids(added, None if paged else shelf.book))),
        Asked("POST /books/{id}/reviews", review, _unless(review.status in STORED)),
        Asked("GET /books/{id}/reviews", reviews, _listing(reviews, _ids(review, shelf.review))),
    ]


def slowest(asked: Sequence[Asked]) -> Asked:
    """Return the operation that took longest."""
    return max(asked, key=lambda one: one.answer.seconds)


def _ids(added: Answer, before: Item | None) -> list[object]:
    """The ids a list must hold: what was there, and what was just stored where that worked."""
    ids = [] if before is None else [before["id"]]
    if before is not None and added.status in STORED:
        ids.append(added.item.get("id"))
    return ids


def _listing(answer: Answer, ids: Sequence[object]) -> str:
    if answer.status != 200:
        return "it is not answered with 200"
    items = answer.items
    missing = [wanted for wanted in ids if with_id(items, wanted) is None]
    return f"its answer lacks {missing[0]}" if missing else ""


def _unless(right: bool) -> str:  # noqa: FBT001 - reads as a sentence where it is called
    return "" if right else "it is not stored"
