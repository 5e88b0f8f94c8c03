"""Where the service keeps books and reviews, found by their values, whatever it calls them."""

from typing import Any, NamedTuple

from acidtest.grader.sdk import Env, Place, Row, unmet

from ._elsewhere import rests_on_postgres
from ._shelf import new_book, new_review, stored


class Kept(NamedTuple):
    """The rows of two books with two reviews each, and the columns that tie them together."""

    book: Row
    book_places: dict[str, Place]
    """Where each field of a book is."""
    review: Row
    review_places: dict[str, Place]
    link: Place
    """The column of the reviews that says which book they are of."""
    key: str
    """The column of the books that it refers to."""
    book_id: object
    """The id of the book as the service says it."""

    @property
    def books(self) -> str:
        """The table of the books, quoted."""
        return next(iter(self.book_places.values())).table

    @property
    def reviews(self) -> str:
        """The table of the reviews, quoted."""
        return self.link.table


async def find_rows(env: Env) -> Kept:
    """Store two books with two reviews each and find their rows, or skip the check."""
    await rests_on_postgres(env)
    books, ids, reviews = [], [], []
    for _ in range(2):
        body = new_book(env)
        book = stored(await env.call("create_book", body), "a book can be added")
        books.append(body)
        ids.append(book["id"])
        for _ in range(2):
            review = new_review(env)
            answer = await env.call("create_review", review, book_id=book["id"])
            stored(answer, "a review can be added")
            reviews.append(review)
    book_places = await _places(env, books[0], ("title", "author", "isbn", "published_year"))
    review_places = await _places(env, reviews[0], ("comment", "reviewer", "rating"))
    if "title" not in book_places or "comment" not in review_places:
        unmet("No column holds a book's title or a review's comment as it was sent")
    book_rows = [await env.db.row(book_places["title"], body["title"]) for body in books]
    review_rows = [await env.db.row(review_places["comment"], body["comment"]) for body in reviews]
    link, key = _tie(book_rows, review_rows)
    return Kept(
        book=book_rows[0],
        book_places=book_places,
        review=review_rows[0],
        review_places=review_places,
        link=Place(review_places["comment"].table, link),
        key=key,
        book_id=ids[0],
    )


async def _places(env: Env, body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Place]:
    """Find the column of each field, the first field by its value and the others in its row."""
    first = await env.db.locate(str(body[names[0]]))
    if first is None:
        return {}
    row = await env.db.row(first, str(body[names[0]]))
    found = {names[0]: first}
    for name in names[1:]:
        wanted = str(body[name])
        columns = [column for column, value in row.items() if value == wanted]
        named = [column for column in columns if name.split("_")[-1] in column.lower()]
        if columns:
            found[name] = Place(first.table, (named or columns)[0])
    return found


def _tie(books: list[Row], reviews: list[Row]) -> tuple[str, str]:
    """Find the pair of columns by which all reviews, two for each book, point at their books."""
    pairs = [
        (link, key)
        for link in reviews[0]
        for key in books[0]
        if all(
            review[link] is not None and review[link] == books[at // 2][key]
            for at, review in enumerate(reviews)
        )
        and books[0][key] != books[1][key]
    ]
    if not pairs:
        unmet("No column of a review's row points at its book's row")
    pairs.sort(key=lambda pair: ("book" not in pair[0].lower(), pair[1] != "id"))
    return pairs[0]
