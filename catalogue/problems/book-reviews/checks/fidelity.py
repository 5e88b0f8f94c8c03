"""Text and times come back true."""

from datetime import UTC, datetime

from acidtest.grader.sdk import Env, Item, check, fail, instant, unmet

from ._shelf import (
    BASE,
    STORED,
    add_book,
    listed_books,
    new_book,
    new_review,
    stored,
    with_id,
)

# ruff: noqa: RUF001 - look-alike letters of other scripts are the point here
_TEXTS = {
    "accents, precomposed": "Ångström – naïve façade",
    "accents, combining": "A\u030angstro\u0308m e\u0301",
    "Greek, Cyrillic": "Ὀδύσσεια · Преступление и наказание",
    "Chinese, Japanese, Korean": "红楼梦 源氏物語 춘향전",
    "right to left": "ألف ليلة وليلة \u200fשיר השירים",
    "emoji of several code points": "👩🏽‍🚀🏳️‍🌈👨‍👩‍👧‍👦 📚",
    "beyond the basic plane": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠜎𠜱",
    "joiners and invisible marks": "نمی\u200cخواهم a\u200bb\u2060c",
    "quotes and slashes": "\"He said: 'no' \\ yes\" <b>&amp;</b> %20 %s ${x} {{y}}",
    "inner white space": "two  spaces,\ta tab",
}
_CLOCK_SLACK = 120.0
"""Seconds by which created_at may differ from now; time zones are off by a quarter hour or more."""


@check("R18", group="contract", weight=2, requires=(BASE,))
async def text_comes_back_as_it_was_sent(env: Env) -> None:
    """Text comes back exactly as it was sent, in any script.

    Titles and comments in ten kinds of text are compared code point by code point, in the answer to
    the POST and in the list. No normalisation, no escaping, no loss.
    """
    plain = await add_book(env)
    for kind, text in _TEXTS.items():
        body = new_book(env, title=f"{text} {env.word(6)}", author=text)
        answer = await env.call("create_book", body)
        answer.expect(STORED, f"A book with {kind} in its title is not stored")
        _same_text(answer.item, "title", body["title"], f"A title with {kind}")
        review = new_review(env, comment=text, reviewer=text[:100])
        answer = await env.call("create_review", review, book_id=plain["id"])
        answer.expect(STORED, f"A review with {kind} in its comment is not stored")
        _same_text(answer.item, "comment", text, f"A comment with {kind}")
    await env.cache.flushdb()
    titles = {book.get("title") for book in await listed_books(env)}
    lost = [kind for kind, text in _TEXTS.items() if not any(_begins(t, text) for t in titles)]
    comments = {r.get("comment") for r in await env.walk("list_reviews", book_id=plain["id"])}
    lost += [kind for kind, text in _TEXTS.items() if text not in comments]
    if lost:
        fail(
            f"Text with {lost[0]} is not in the list as it was sent",
            expected=repr(_TEXTS[lost[0]]),
            observed="no title or no comment of the list is equal to it",
        )


@check("R18", group="contract", weight=2, requires=(BASE,))
async def created_at_is_true_and_has_an_offset(env: Env) -> None:
    """The time a book or review was created is RFC 3339 with an offset, and true.

    Compared with the judge's clock, while the service may run under another time zone. Two minutes
    of difference are allowed, and a second between the answer and the list.
    """
    body = new_book(env)
    book = stored(await env.call("create_book", body), "a book can be added")
    answer = await env.call("create_review", new_review(env), book_id=book["id"])
    review = stored(answer, "a review can be added")
    await env.cache.flushdb()
    listed = with_id(await listed_books(env), book["id"])
    reviews = await env.walk("list_reviews", book_id=book["id"])
    if listed is None or not reviews:
        unmet("This rests on: what was added is in the lists")
    for item, where in (
        (book, "a new book"),
        (review, "a new review"),
        (listed, "a book in the list"),
        (reviews[0], "a review in the list"),
    ):
        _true_time(item, where)
    _same_moment(book, listed, "book")
    _same_moment(review, reviews[0], "review")


def _begins(title: object, text: str) -> bool:
    return isinstance(title, str) and title.startswith(text)


def _same_text(item: Item, name: str, sent: str, what: str) -> None:
    if item.get(name) != sent:
        fail(
            f"{what} does not come back as it was sent",
            expected=ascii(sent),
            observed=ascii(item.get(name)),
        )


def _true_time(item: Item, where: str) -> None:
    if not item.get("created_at"):
        fail(
            f"There is no created_at in {where}",
            expected="created_at, set by the service",
            observed=f"only {', '.join(map(str, item))}",
        )
    moment = instant(item["created_at"])
    if moment is None:
        fail(
            f"The created_at of {where} is not RFC 3339 with an offset",
            expected="such as 2024-05-17T09:30:00Z or 2024-05-17T11:30:00+02:00",
            observed=repr(item.get("created_at")),
        )
    now = datetime.now(UTC)
    if abs((moment - now).total_seconds()) > _CLOCK_SLACK:
        fail(
            f"The created_at of {where} is not the time it was created",
            expected=f"about {now.isoformat(timespec='seconds')}",
            observed=str(item["created_at"]),
        )


def _same_moment(answered: Item, listed: Item, what: str) -> None:
    one, other = instant(answered.get("created_at")), instant(listed.get("created_at"))
    if one is None or other is None or abs((one - other).total_seconds()) > 1:
        fail(
            f"The created_at of a {what} differs between its answer and the list",
            expected=str(answered.get("created_at")),
            observed=str(listed.get("created_at")),
        )
