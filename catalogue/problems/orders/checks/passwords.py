"""Passwords at rest: hashed slowly, each with a salt of its own, and in no other form anywhere."""

from acidtest.grader.sdk import SAFETY, Env, User, check, clip, fail, unknown, unmet

from ._hashes import Judged, digests, judged, looks_like_a_hash

_REQUIRES = ("logging_in_answers_with_tokens",)


@check("R6", group="security", kind=SAFETY, weight=4, requires=_REQUIRES)
async def no_password_is_kept_in_another_form(env: Env) -> None:
    """No column of any table and no value in Redis holds a password or a fast hash of it.

    Searched is every column of every row for the password itself, plain and in base64, and for its
    MD5, SHA-1 and SHA-2 digests, with and without the address and every value beside it as a salt.
    """
    user = await env.accounts.sign_up()
    await env.accounts.try_log_in(user.email, user.password)
    row = await _user_row(env, user)
    salts = [value for value in row.values() if value and len(value) <= 200]
    needles = digests(user.password, [user.email, *salts])
    for place, text in [*(await _rows_with(env, user)), *(await _in_redis(env))]:
        lowered = text.lower()
        for what, needle in needles:
            if needle in text or needle.lower() in lowered:
                fail(
                    f"{what} is kept in {place}",
                    expected="passwords only as argon2id, scrypt, bcrypt or PBKDF2",
                    observed=clip(text.replace(user.password, "(the password)"), 300),
                )


@check("R6", group="security", weight=3, requires=_REQUIRES)
async def passwords_are_hashed_slowly_with_a_salt(env: Env) -> None:
    """Passwords are stored with argon2id, scrypt, bcrypt or PBKDF2 at or above OWASP's minimum.

    Two users with the same password have different hashes. A format nobody here knows is left to a
    reader.
    """
    password = env.accounts.new_password()
    users = [await env.accounts.sign_up(password=password) for _ in range(2)]
    rows = [await _user_row(env, user) for user in users]
    found = {
        name: verdict
        for name, value in rows[0].items()
        if value and (verdict := judged(value)) is not None
    }
    if not found:
        kept = [name for name, value in rows[0].items() if value and looks_like_a_hash(value)]
        unknown(
            f"No column of the user holds a hash in a format known here (perhaps {kept})"
            if kept
            else "No column of the row of the user looks like a hash of the password"
        )
    for name, verdict in found.items():
        _expect_strong(name, verdict, rows[0][name] or "")
        if rows[0][name] == rows[1][name]:
            fail(
                "Two users with the same password have the same hash",
                expected="a salt for each",
                observed=f"{name} is the same for both",
            )


def _expect_strong(name: str, verdict: Judged, value: str) -> None:
    if not verdict.enough:
        fail(
            f"Passwords are hashed with {verdict.scheme} at a cost below OWASP's minimum",
            expected=verdict.wanted,
            observed=f"{name} = {clip(value, 60)}",
        )


async def _user_row(env: Env, user: User) -> dict[str, str | None]:
    """The row that holds the address of `user` and is not one of failures, sessions or events."""
    places = await env.db.locate_all(user.email)
    if not places:
        unmet("No column of PostgreSQL holds the address of a user as it was sent")
    rows = [await env.db.row(place, user.email) for place in places]
    hashed = [row for row in rows if any(v and judged(v) is not None for v in row.values())]
    return (hashed or sorted(rows, key=len, reverse=True))[0]


async def _rows_with(env: Env, user: User) -> list[tuple[str, str]]:
    """Every row of every table as text, with its place; few rows are there in a fresh world."""
    found: list[tuple[str, str]] = []
    for table in await env.db.tables():
        found += [(table, row) for row in await env.db.whole_rows(table, most=2000)]
    if not any(user.email in text for _, text in found):
        unmet("No row of PostgreSQL holds the address of a user")
    return found


async def _in_redis(env: Env) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async for key in env.cache.scan_iter(count=500):
        kept = await env.cache.dump(key)
        name = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        text = kept.decode("latin-1") if isinstance(kept, bytes) else str(kept)
        found.append((f"Redis under {clip(name, 80)}", f"{name} {text}"))
        if len(found) >= 2_000:
            break
    return found
