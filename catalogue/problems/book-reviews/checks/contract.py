"""The four operations as the statement describes them: statuses, whole answers, right rows."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from acidtest.grader.sdk import Answer, Env, Item, check, fail, not_applicable, unmet

from ._shelf import (
    BASE,
    STORED,
    add_book,
    add_review,
    listed_books,
    new_book,
    new_review,
    same,
    stored,
    unknown_id,
    with_id,
    without,
)

BOOK_FIELDS = ("title", "author", "isbn", "published_year")
REVIEW_FIELDS = ("reviewer", "rating", "comment")


@check("R1", group="contract", weight=3)
async def an_added_book_is_in_the_list(env: Env) -> None:
    """A book that was added is in the list of books.

    Adds a book, empties the cache and looks for the book's id in `GET /books`, walking all pages
    where there are pages. Any 2xx counts as added here; other checks look at the status.
    """
    answer = await env.call("create_book", new_book(env))
    answer.expect(STORED, "A well-formed book is not stored")
    book = answer.item
    if book.get("id") is None:
        fail("The answer to POST /books has no id", expected="an id", observed=answer.summary())
    await env.cache.flushdb()
    books = await env.walk("list_books")
    if with_id(books, book["id"]) is None:
        fail(
            "A book that was added is not in the list of books",
            expected=f"the book with id {book['id']} in GET /books",
            observed=f"{len(books)} books, none of them with that id",
        )


@check("R1", group="contract", requires=(BASE,))
async def the_list_shows_whole_books(env: Env) -> None:
    """The list shows every book with the values it was added with.

    Optional fields that are null may be left away.
    """
    sent = [new_book(env), without(new_book(env), "isbn", "published_year")]
    ids = [
        stored(await env.call("create_book", body), "a book can be added")["id"] for body in sent
    ]
    await env.cache.flushdb()
    books = await env.walk("list_books")
    for body, book_id in zip(sent, ids, strict=True):
        book = with_id(books, book_id)
        if book is None:
            unmet("A book that was added is not in the list")
        _compare(book, body, BOOK_FIELDS, "A book in the list is not as it was added")
        _timed(book, "a book in the list")


@check("R2", group="contract", weight=2, requires=(BASE,))
async def adding_a_book_answers_201(env: Env) -> None:
    """Adding a book is answered with 201."""
    answer = await env.call("create_book", new_book(env))
    answer.expect({201}, "Adding a well-formed book is not answered with 201")


@check("R2", group="contract", requires=(BASE,))
async def adding_a_book_answers_with_the_whole_book(env: Env) -> None:
    """The answer to a new book holds the whole book: what was sent, an id and the time.

    Optional fields may be left out of the request, or be null, and are then null or absent.
    """
    full = new_book(env)
    bare = without(full, "isbn", "published_year")
    for body in (full, bare, {**bare, "isbn": None, "published_year": None}):
        answer = await env.call("create_book", body)
        answer.expect(STORED, "A well-formed book is not stored")
        _identified(answer)
        _compare(answer.item, body, BOOK_FIELDS, "The answer is not the book that was sent")
        _timed(answer.item, "the answer to a new book")


@check("R2", group="contract", weight=0.5, requires=(BASE,))
async def the_location_of_a_new_book_answers(env: Env) -> None:
    """Where a new book comes with a Location header, a GET on it answers 200."""
    answer = await env.call("create_book", new_book(env))
    answer.given(STORED, "This rests on: a book can be added")
    location = answer.reply.headers.get("Location")
    if not location:
        not_applicable("There is no Location header, which the statement leaves open")
    path = _path_of(urljoin(env.dialect.path("create_book"), location))
    reply = await env.get(path)
    if reply.status != 200:
        fail(
            "The Location of a new book does not answer 200",
            expected=f"200 from GET {path}",
            observed=str(reply),
        )


@check("R3", group="contract", weight=2, requires=(BASE,))
async def reviews_are_those_of_the_book(env: Env) -> None:
    """The reviews of a book are the ones written for it, and no others.

    Two books with reviews and one without; each list must hold its own and nothing else.
    """
    books = [await add_book(env) for _ in range(3)]
    written: dict[str, list[str]] = {str(book["id"]): [] for book in books}
    for book in (books[0], books[1], books[0]):
        body = new_review(env)
        answer = await env.call("create_review", body, book_id=book["id"])
        review = stored(answer, "a review can be added")
        written[str(book["id"])].append(str(review["id"]))
    for book in books:
        reviews = await env.walk("list_reviews", book_id=book["id"])
        found = sorted(str(review.get("id")) for review in reviews)
        wanted = sorted(written[str(book["id"])])
        if found != wanted:
            fail(
                "The reviews of a book are not the ones that were written for it",
                expected=f"reviews {wanted} for book {book['id']}",
                observed=f"reviews {found}",
            )


@check("R3", group="contract", requires=(BASE,))
async def the_list_shows_whole_reviews(env: Env) -> None:
    """The list of reviews shows each with the values it was written with."""
    book = await add_book(env)
    body = new_review(env)
    await env.call("create_review", body, book_id=book["id"])
    reviews = await env.walk("list_reviews", book_id=book["id"])
    if not reviews:
        unmet("This rests on: a review that was written is in the list")
    _compare(reviews[0], body, REVIEW_FIELDS, "A review in the list is not as it was written")
    _belongs(reviews[0], book, "a review in the list")
    _timed(reviews[0], "a review in the list")


@check("R3", group="contract", requires=(BASE,))
async def reviews_of_an_unknown_book_are_404(env: Env) -> None:
    """Reviews of a book that does not exist are answered with 404.

    Asked with an id of the same kind as real ones, after the real one was answered with 200.
    """
    book = await add_book(env)
    known = await env.call("list_reviews", book_id=book["id"])
    known.given({200}, "This rests on: the reviews of a known book answer 200")
    answer = await env.call("list_reviews", book_id=unknown_id(env, book["id"]))
    answer.expect({404}, "The reviews of a book that does not exist are not answered with 404")


@check("R4", group="contract", weight=2, requires=(BASE,))
async def adding_a_review_answers_201(env: Env) -> None:
    """Adding a review is answered with 201."""
    book = await add_book(env)
    answer = await env.call("create_review", new_review(env), book_id=book["id"])
    answer.expect({201}, "Adding a well-formed review is not answered with 201")


@check("R4", group="contract", requires=(BASE,))
async def adding_a_review_answers_with_the_review(env: Env) -> None:
    """The answer to a new review holds the review: what was sent, its id, its book and the time."""
    book = await add_book(env)
    full = new_review(env)
    bare = without(full, "comment")
    for body in (full, bare, {**bare, "comment": None}):
        answer = await env.call("create_review", body, book_id=book["id"])
        answer.expect(STORED, "A well-formed review is not stored")
        _identified(answer)
        _compare(answer.item, body, REVIEW_FIELDS, "The answer is not the review that was sent")
        _belongs(answer.item, book, "the answer to a new review")
        _timed(answer.item, "the answer to a new review")


@check("R4", group="contract", weight=2, requires=(BASE,))
async def a_review_of_an_unknown_book_is_404(env: Env) -> None:
    """A review for a book that does not exist is answered with 404 and stored nowhere.

    The very same review is accepted for a known book first.
    """
    book = await add_book(env)
    body = new_review(env)
    known = await env.call("create_review", body, book_id=book["id"])
    known.given(STORED, "This rests on: a review of a known book is stored")
    before = await env.db.counts()
    answer = await env.call("create_review", body, book_id=unknown_id(env, book["id"]))
    answer.expect({404}, "A review of a book that does not exist is not answered with 404")
    place = await env.db.locate(body["comment"])
    if place is None:
        return
    after = await env.db.counts()
    if after[place.table] != before[place.table]:
        fail(
            "A review of a book that does not exist was refused and stored all the same",
            expected=f"{before[place.table]} rows in {place.table}",
            observed=f"{after[place.table]} rows",
        )


@check("R2", group="contract", requires=(BASE,))
async def review_figures_of_a_book_are_true(env: Env) -> None:
    """Where books show how many reviews they have and their average, the figures are true.

    Without reviews the count is 0 and the average null or 0. Averages may be rounded to one digit.
    The cache is emptied first; whether figures are fresh in it is asked elsewhere.
    """
    book, silent = await add_book(env), await add_book(env)
    ratings = (5, 4, 4)
    for rating in ratings:
        await add_review(env, book["id"], rating=rating)
    await env.cache.flushdb()
    books = await listed_books(env)
    shown, unreviewed = with_id(books, book["id"]), with_id(books, silent["id"])
    if shown is None or unreviewed is None:
        unmet("This rests on: an added book is in the list")
    if "review_count" not in shown and "average_rating" not in shown:
        not_applicable("The list shows neither a count nor an average, which is optional")
    expect_figures(shown, ratings)
    expect_figures(unreviewed, ())


def expect_figures(book: Item, ratings: tuple[int, ...]) -> None:
    """Fail unless the figures a book shows are those of `ratings`."""
    average = sum(ratings) / len(ratings) if ratings else None
    count, mean = book.get("review_count"), book.get("average_rating")
    right_count = "review_count" not in book or _number(count) == len(ratings)
    right_mean = (
        (mean in {None, 0, "0"} or _near(mean, 0))
        if average is None
        else ("average_rating" not in book or _near(mean, average))
    )
    if not (right_count and right_mean):
        fail(
            "The review figures of a book are not true",
            expected=f"{len(ratings)} reviews with an average of {average}",
            observed=f"review_count {count!r}, average_rating {mean!r}",
        )


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _near(value: Any, wanted: float) -> bool:
    number = _number(value)
    return number is not None and abs(number - wanted) <= 0.06


def _compare(item: Item, body: Mapping[str, Any], names: tuple[str, ...], claim: str) -> None:
    for name in names:
        wanted = body.get(name)
        if item.get(name) == wanted:
            continue
        lacks = name not in item
        fail(
            f"{claim}: {f'it has no {name}' if lacks else f'{name} differs'}",
            expected=f"{name} = {wanted!r}",
            observed=f"only {', '.join(map(str, item))}" if lacks else f"{name} = {item[name]!r}",
        )


def _identified(answer: Answer) -> None:
    value = answer.item.get("id")
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        fail(
            "What was stored has no usable id",
            expected="an id that is a string or an integer",
            observed=answer.summary(),
        )


def _belongs(review: Item, book: Item, where: str) -> None:
    if not same(review.get("book_id"), book["id"]):
        fail(
            f"The book_id of {where} is not the book's id",
            expected=f"book_id = {book['id']!r}",
            observed=f"book_id = {review.get('book_id')!r}",
        )


def _timed(item: Item, where: str) -> None:
    """Fail unless there is a created_at at all; whether it is true is asked elsewhere."""
    if not item.get("created_at"):
        fail(
            f"There is no created_at in {where}",
            expected="created_at, set by the service",
            observed=", ".join(sorted(item)) or "nothing",
        )


def _path_of(url: str) -> str:
    """The path and query of a URL, so that it is asked where the service really listens."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
