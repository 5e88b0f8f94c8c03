"""Fresh books and reviews for the checks, made through the service itself.

What a check merely rests on is made here: where that does not work the check is skipped, since it
could neither pass nor fail. What a check is about, it asks for itself.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from acidtest.grader.sdk import Answer, Env, Failed, Item, unmet

STORED = frozenset({200, 201})
"""What counts as stored for checks that are not about the status itself."""
REFUSED = frozenset({400, 422})
MALFORMED = frozenset({400, 415, 422})
ABSENT = frozenset({400, 404, 422})
BASE = "an_added_book_is_in_the_list"
"""The check without which whatever is absent would be absent in vain."""


def new_isbn(env: Env) -> str:
    """Draw an ISBN-13 with a true check digit, for services that look at it."""
    digits = "978" + "".join(env.rng.choices("0123456789", k=9))
    weighted = sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(digits))
    return digits + str(-weighted % 10)


def new_book(env: Env, **changes: object) -> dict[str, Any]:
    """Draw the fields of a book that nobody has; `changes` replace some of them."""
    return {
        "title": f"The {env.word()} of {env.word(5)}",
        "author": f"{env.word(6).title()} {env.word(8).title()}",
        "isbn": new_isbn(env),
        "published_year": env.rng.randint(1900, 2020),
        **changes,
    }


def new_review(env: Env, **changes: object) -> dict[str, Any]:
    """Draw the fields of a review; `changes` replace some of them."""
    return {
        "reviewer": env.word(10).title(),
        "rating": env.rng.randint(1, 5),
        "comment": f"It is {env.word()} and {env.word()}.",
        **changes,
    }


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return `body` without some of its fields."""
    return {name: value for name, value in body.items() if name not in names}


async def add_book(env: Env, *, replica: int | None = None, **changes: object) -> Item:
    """Store a book that the check rests on."""
    answer = await env.call("create_book", new_book(env, **changes), replica=replica)
    return stored(answer, "a book can be added")


async def add_review(
    env: Env, book_id: object, *, replica: int | None = None, **changes: object
) -> Item:
    """Store a review that the check rests on."""
    body = new_review(env, **changes)
    answer = await env.call("create_review", body, book_id=book_id, replica=replica)
    return stored(answer, "a review can be added")


def stored(answer: Answer, what: str) -> Item:
    """Return the thing in an answer that the check rests on, or skip the check."""
    answer.given(STORED, f"This rests on: {what}")
    try:
        item = answer.item
    except Failed as failed:
        unmet(f"This rests on: {what}. {failed.claim}")
    if item.get("id") is None:
        unmet(f"This rests on: {what}, but the answer has no id")
    return item


async def listed_books(env: Env, *, replica: int | None = None) -> list[Item]:
    """Return all books that the service lists, for a check that rests on it."""
    try:
        return await env.walk("list_books", replica=replica)
    except Failed as failed:
        unmet(f"This rests on the list of books. {failed.claim}")


def with_id(items: Iterable[Item], wanted: object) -> Item | None:
    """Return the item with this id, whether ids are numbers or text."""
    return next((item for item in items if same(item.get("id"), wanted)), None)


def same(one: object, other: object) -> bool:
    """Whether two ids are the same, be they numbers or text."""
    return one is not None and str(one) == str(other)


def unknown_id(env: Env, known: object) -> object:
    """Return an id of the same kind as `known` that no book has."""
    if isinstance(known, int):
        return known + 1_000_003
    text = str(known)
    if text.isascii() and text.isdigit():
        return str(int(text) + 1_000_003)
    try:
        version = uuid.UUID(text).version
    except ValueError:
        return _other_letters(env, text)
    return str(uuid.UUID(int=env.rng.getrandbits(128), version=version or 4))


def _other_letters(env: Env, text: str) -> str:
    """Change the last letters and digits of `text` to others of their class."""
    changed = list(text)
    for at in range(max(0, len(text) - 8), len(text)):
        for alphabet in ("0123456789", "abcdef", "ABCDEF"):
            if text[at] in alphabet:
                changed[at] = env.rng.choice(alphabet.replace(text[at], ""))
    return "".join(changed)
