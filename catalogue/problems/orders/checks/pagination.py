"""Pages: every order once, whatever is added meanwhile, and cursors that cannot be bent."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from acidtest.grader.sdk import SAFETY, Answer, Env, User, check, fail, unmet

from ._desk import BASE, add_order, cursor_name, limit_name, listed
from ._rows import find_rows

_ENOUGH = 23
_PAGE = 5
_MOST_PAGES = 200
_DEFAULT = 20
_SENSELESS = ("0", "-1", "abc", "1000000000000", "99999999999999999999", "", "1.5", "' or 1=1")
_FOREIGN = ("abc", "ZXlKcFpDSTZNWDA=", "eyJpZCI6MX0", "\x00", "-1", "' or '1'='1", "A" * 3_000)
WALKED = "pages_give_every_order_once"


@check("R10", group="pages", kind=SAFETY, weight=4, requires=(BASE,), deadline=75.0)
async def pages_give_every_order_once(env: Env) -> None:
    """Walking all pages while orders are added gives every order that was there exactly once.

    Pages of five; an order is added after each page. Done twice: once as orders come, once after
    all of them were given the same time of creation past the service.
    """
    user = await env.accounts.member("walker")
    for _ in range(_ENOUGH):
        await add_order(env, user)
    await _walk_while_adding(env, user, "")
    await _make_simultaneous(env)
    await _walk_while_adding(env, user, " of orders created at the same moment")


async def _walk_while_adding(env: Env, user: User, which: str) -> None:
    before = {str(order.get("id")) for order in await listed(env, user)}
    if len(before) < _ENOUGH:
        fail(
            f"Walking the pages{which} does not give every order",
            expected=f"at least {_ENOUGH} orders",
            observed=f"{len(before)} orders",
        )
    seen: list[str] = []
    answer = await env.call("list_orders", by=user, query={limit_name(env): str(_PAGE)})
    for _ in range(_MOST_PAGES):
        answer.expect({200}, f"A page of the list{which} is not answered with 200")
        seen += [str(item.get("id")) for item in answer.items]
        if len(answer.items) > _PAGE:
            fail(
                "A page holds more orders than were asked for",
                expected=f"at most {_PAGE}",
                observed=f"{len(answer.items)}",
            )
        following = env.dialect.page("list_orders", answer.reply)
        if following is None or not answer.items:
            break
        await add_order(env, user)
        reply = await env.http.send(following)
        answer = Answer(reply, operation="list_orders", dialect=env.dialect)
    twice = sorted({one for one in seen if seen.count(one) > 1})
    missing = sorted(before - set(seen))
    if twice or missing:
        fail(
            f"Walking the pages{which} while orders are added does not give every order once",
            expected=f"each of the {len(before)} orders exactly once",
            observed=f"{len(twice)} more than once {twice[:3]}, {len(missing)} never {missing[:3]}",
        )


async def _make_simultaneous(env: Env) -> None:
    """Give all orders the same time of creation, past the service."""
    kept = await find_rows(env)
    place = kept.times
    if place is None:
        unmet("No column holds the time at which an order was made")
    column = next(c for c in await env.db.columns(place.table) if c.name == place.column)
    moment = datetime.now(UTC).replace(microsecond=0)
    value = moment if "with time zone" in column.type else moment.replace(tzinfo=None)
    await env.db.execute(place.update_to("$1"), value)
    await env.cache.flushdb()


@check("R10", group="pages", requires=(BASE,))
async def pages_are_as_long_as_asked(env: Env) -> None:
    """A page holds as many orders as asked for, 20 when nothing is said, and says when it is last.

    More than a hundred may be cut to fewer, but never to none.
    """
    user = await env.accounts.sign_up()
    for _ in range(_DEFAULT + 3):
        await add_order(env, user)
    limit = limit_name(env)
    for query, wanted in (({}, _DEFAULT), ({limit: "1"}, 1), ({limit: "7"}, 7)):
        answer = await env.call("list_orders", by=user, query=query)
        answer.expect({200}, "A list is not answered with 200")
        if len(answer.items) != wanted:
            fail(
                f"A page {f'with limit {wanted}' if query else 'without a limit'} has another size",
                expected=f"{wanted} orders of {_DEFAULT + 3}",
                observed=f"{len(answer.items)} orders",
            )
        if env.dialect.page("list_orders", answer.reply) is None:
            fail(
                "A page that is not the last one has no next_cursor",
                expected="an opaque next_cursor",
                observed=answer.summary(),
            )
    answer = await env.call("list_orders", by=user, query={limit: "100"})
    answer.expect({200}, "A page of 100 is not answered with 200")
    last = env.dialect.page("list_orders", answer.reply)
    if len(answer.items) == _DEFAULT + 3 and last is not None:
        reply = await env.http.send(last)
        after = Answer(reply, operation="list_orders", dialect=env.dialect)
        if not after.ok or after.items:
            fail(
                "After the last order there is another page",
                expected="a next_cursor that is null or absent, or an empty page",
                observed=after.summary(),
            )


@check("R10", group="pages", weight=2, requires=(WALKED,))
async def altered_cursors_are_refused(env: Env) -> None:
    """A cursor that was altered is refused with 400, 404 or 422.

    Altered in one letter near its beginning, its middle and its end, cut short, and replaced by
    other things; each is sent by the user whom the real one belongs to.
    """
    user = await env.accounts.member("walker")
    cursor, name = await _a_cursor(env, user)
    bent = [_bent(cursor, at) for at in (1, len(cursor) // 2, len(cursor) - 3)]
    for value in (*bent, cursor[: len(cursor) // 2], *_FOREIGN):
        answer = await env.call("list_orders", by=user, query={name: value})
        answer.expect({400, 404, 422}, f"The altered cursor {value[:80]!a} is not refused")


@check("R10", group="pages", kind=SAFETY, weight=2, requires=(WALKED,))
async def a_foreign_cursor_shows_no_foreign_order(env: Env) -> None:
    """A cursor that was given to another user is refused and never shows a foreign order."""
    user = await env.accounts.member("walker")
    cursor, name = await _a_cursor(env, user)
    mine = {str(order.get("id")) for order in await listed(env, user)}
    thief = await env.accounts.sign_up()
    for _ in range(3):
        await add_order(env, thief)
    answer = await env.call("list_orders", by=thief, query={name: cursor})
    if answer.ok:
        shown = mine & {str(item.get("id")) for item in answer.items}
        if shown:
            fail(
                "With the cursor of another user their orders are shown",
                expected="a refusal",
                observed=f"{len(shown)} foreign orders",
            )
    answer.expect({400, 404, 422}, "The cursor of another user is not refused")


@check("R10", group="pages", requires=(BASE,))
async def senseless_limits_are_no_5xx(env: Env) -> None:
    """A senseless limit is answered with 4xx or with a sensible page.

    Tried are zero, negative, huge and fractional numbers, words and nothing at all.
    """
    user = await env.accounts.member("walker")
    await add_order(env, user)
    for value in _SENSELESS:
        answer = await env.call("list_orders", by=user, query={limit_name(env): value})
        refused = answer.status is not None and 400 <= answer.status < 500
        if not refused and not (answer.status == 200 and isinstance(answer.items, list)):
            fail(
                f"limit={value!a} is answered with neither 4xx nor a page",
                expected="4xx, or 200 with a page",
                observed=answer.summary(),
            )


async def _a_cursor(env: Env, user: User) -> tuple[str, str]:
    """A real cursor of `user`, and the name of the parameter that takes it."""
    for _ in range(3):
        await add_order(env, user)
    answer = await env.call("list_orders", by=user, query={limit_name(env): "2"})
    answer.given({200}, "This rests on: the list answers 200")
    following = env.dialect.page("list_orders", answer.reply)
    if following is None:
        unmet("This rests on: a page that is not the last one has a next_cursor")
    name = cursor_name(env)
    query = following.query
    pairs = dict(query.items() if hasattr(query, "items") else query)
    if name not in pairs:
        pairs |= _in_path(following.path)
    cursor = str(pairs.get(name, ""))
    if len(cursor) < 4:
        unmet("This rests on: the next page is named by an opaque cursor")
    return cursor, name


def _in_path(path: str) -> dict[str, object]:
    return dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))


def _bent(text: str, at: int) -> str:
    """The text with one letter replaced by another that its alphabet has as well."""
    other = "A" if text[at] != "A" else "B"
    return text[:at] + other + text[at + 1 :]
