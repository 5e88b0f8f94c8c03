"""Where the service keeps users and orders, found by their values, whatever it calls them."""

from typing import NamedTuple

from acidtest.grader.sdk import Env, Item, Place, Row, User, quote, unmet

from ._desk import add_order, new_order

_FIELDS = ("id", "total_cents", "currency", "status")
_FRACTIONS = ("", ".00")
"""What stands behind an amount; that a column with places is no integer is for a check to say."""


class Kept(NamedTuple):
    """The row of an order and of its user, and the columns that tie them together."""

    order: Row
    item: Item
    """The same order as the service answered it."""
    places: dict[str, Place]
    """Where each field of an order is, as far as it was found."""
    user: Row
    owner: User
    email: Place
    link: Place
    """The column of the orders that says whose they are."""
    key: str
    """The column of the users that it refers to."""
    other: Row
    """The row of another user."""

    @property
    def orders(self) -> str:
        """The table of the orders, quoted."""
        return self.link.table

    @property
    def users(self) -> str:
        """The table of the users, quoted."""
        return self.email.table

    @property
    def times(self) -> Place | None:
        """The column with the time at which an order was made."""
        return self.places.get("created_at")

    @property
    def its_order(self) -> str:
        """The condition that names the row of the order."""
        return _equals(self.places["total_cents"], self.order)

    @property
    def its_user(self) -> str:
        """The condition that names the row of the user."""
        return _equals(self.email, self.user)


async def find_rows(env: Env) -> Kept:
    """Store an order of each of two users and find all four rows, or skip the check."""
    users = [await env.accounts.member(name) for name in ("kept", "kept too")]
    bodies = [new_order(env) for _ in users]
    items = [await add_order(env, user, **body) for user, body in zip(users, bodies, strict=True)]
    totals = [await locate_total(env, body["total_cents"]) for body in bodies]
    place = totals[0][0]
    if place is None:
        unmet("No column of PostgreSQL holds the amount of an order as it was sent")
    orders = [await env.db.row(place, text) for _, text in totals]
    email, rows, (link, key) = await _tied(env, users, orders)
    return Kept(
        order=orders[0],
        item=items[0],
        places=await _places(env, place, orders[0], {**items[0], **bodies[0]}),
        user=rows[0],
        owner=users[0],
        email=email,
        link=Place(place.table, link),
        key=key,
        other=rows[1],
    )


async def _tied(
    env: Env, users: list[User], orders: list[Row]
) -> tuple[Place, list[Row], tuple[str, str]]:
    """Where the users are that the orders point at, their rows, and the pair of columns."""
    found = []
    for email in await env.db.locate_all(users[0].email):
        rows = [await env.db.row(email, user.email) for user in users]
        tie = _tie(orders, rows)
        if tie is not None:
            found.append((email, rows, tie))
    if not found:
        unmet("No column of an order's row points at the row that holds its user's address")
    return found[0]


async def _places(env: Env, place: Place, row: Row, item: dict[str, object]) -> dict[str, Place]:
    found = {"total_cents": place}
    for name in _FIELDS:
        wanted = str(item.get(name)).lower()
        columns = [column for column, value in row.items() if str(value).lower() == wanted]
        named = [column for column in columns if name.split("_")[-1] in column.lower()]
        if columns and name not in found:
            found[name] = Place(place.table, (named or columns)[0])
    columns = [c.name for c in await env.db.columns(place.table) if c.type.startswith("timestamp")]
    made = [name for name in columns if "creat" in name.lower() or "placed" in name.lower()]
    if columns:
        found["created_at"] = Place(place.table, (made or columns)[0])
    return found


def _tie(orders: list[Row], users: list[Row]) -> tuple[str, str] | None:
    """The pair of columns by which both orders point at their users."""
    if not all(orders) or not all(users):
        return None
    pairs = [
        (link, key)
        for link in orders[0]
        for key in users[0]
        if orders[0][link] is not None
        and orders[0][link] != orders[1][link]
        and all(o[link] == u[key] for o, u in zip(orders, users, strict=True))
    ]
    pairs.sort(key=lambda pair: ("user" not in pair[0].lower(), pair[1] != "id"))
    return pairs[0] if pairs else None


async def locate_total(env: Env, total: object) -> tuple[Place | None, str]:
    """The column that holds an amount, None where none does, and the amount as it stands there."""
    for fraction in _FRACTIONS:
        text = f"{total}{fraction}"
        place = await env.db.locate(text)
        if place is not None:
            return place, text
    return None, str(total)


async def rows_of(env: Env, total: object) -> int:
    """How many rows hold an order of this amount."""
    place, text = await locate_total(env, total)
    return 0 if place is None else await env.db.count(place, text)


async def row_of(env: Env, total: object) -> Row:
    """The row of the order of this amount; empty where there is none."""
    place, text = await locate_total(env, total)
    return {} if place is None else await env.db.row(place, text)


def literal(value: str | None) -> str:
    """A text as an SQL literal."""
    return "null" if value is None else "'" + value.replace("'", "''") + "'"


def _equals(place: Place, row: Row) -> str:
    return f"{quote(place.column)}::text = {literal(row[place.column])}"
