"""Errors speak one language, and no input is answered as if the service were at fault."""

from collections.abc import Mapping

from acidtest.grader.sdk import (
    Answer,
    Env,
    ErrorShape,
    check,
    dump_json,
    error_problem,
    error_shape,
    fail,
    hostile_numbers,
    hostile_objects,
    not_applicable,
    unmet,
    unstorable_texts,
)

from ._shelf import (
    BASE,
    REFUSED,
    STORED,
    listed_books,
    new_book,
    stored,
    unknown_id,
    without,
)


@check("R7", group="validation", weight=2, requires=(BASE,))
async def errors_are_json_of_one_shape(env: Env) -> None:
    """Every error answer is a JSON object of one shape with a message a person understands.

    Collects a 404 of an unknown book, a refused value, broken JSON, a taken ISBN, an unknown path
    and an unknown method. One shape means that all have the field with the message in common; more
    fields, such as a list of wrong values, may differ.
    """
    shapes: list[tuple[str, ErrorShape]] = []
    for name, answer in (await _errors(env)).items():
        if answer.status is None or answer.status < 400:
            continue  # whether it is an error at all is asked by other checks
        problem = error_problem(answer)
        if problem:
            fail(
                f"The answer to {name} is not a JSON object with a message: {problem}",
                expected="a JSON object with a message, as for every other error",
                observed=answer.summary(),
            )
        shapes.append((name, error_shape(answer.json)))
    if len(shapes) < 3:
        unmet("Fewer than three kinds of errors could be brought about")
    common = frozenset.intersection(*(shape.messages for _, shape in shapes))
    if not common:
        described = "; ".join(f"{name}: {', '.join(sorted(shape.keys))}" for name, shape in shapes)
        fail(
            "The errors have no shape in common",
            expected="one field that holds the message in every error",
            observed=described,
        )


async def _errors(env: Env) -> dict[str, Answer]:
    """Bring about one error of each kind."""
    body = new_book(env)
    book = stored(await env.call("create_book", body), "a book can be added")
    nowhere = f"{env.dialect.path('list_books').rstrip('/')}-{env.word(8)}"
    reply = await env.get(nowhere)
    errors = {
        "reviews of an unknown book": await env.call(
            "list_reviews", book_id=unknown_id(env, book["id"])
        ),
        "a book without a title": await env.call("create_book", without(body, "title")),
        "broken JSON": await env.send("create_book", b'{"title": '),
        "a taken ISBN": await env.call("create_book", new_book(env, isbn=body["isbn"])),
        "an unknown path": Answer(reply, operation="list_books", dialect=env.dialect),
    }
    method = _unknown_method(env)
    if method is not None:
        errors["an unknown method"] = await env.send("list_books", method=method)
    return errors


@check("R7", group="validation")
async def a_method_a_path_does_not_know_is_405(env: Env) -> None:
    """A method that a path does not know is answered with 405.

    Tried on the path of the books with a method that neither the statement nor the service's own
    OpenAPI document describes, after GET was answered there.
    """
    known = await env.call("list_books")
    known.given({200}, "This rests on: GET on the path of the books answers 200")
    method = _unknown_method(env)
    if method is None:
        not_applicable("The service describes every method for the path of the books")
    answer = await env.send("list_books", method=method)
    if answer.ok or answer.status in REFUSED:
        not_applicable(f"{method} seems to be a method that the service knows there")
    answer.expect({405}, f"{method} on the path of the books is not answered with 405")


def _unknown_method(env: Env) -> str | None:
    """A method for the path of the books that nobody describes; the most harmless one."""
    path = env.dialect.path("list_books")
    methods = ("PATCH", "PUT", "DELETE")
    if env.openapi is None:
        return methods[0]
    document = env.openapi
    return next((method for method in methods if not document.describes(method, path)), None)


@check("R7", group="validation", weight=2, requires=(BASE,))
async def hostile_json_is_never_a_5xx(env: Env) -> None:
    """No JSON, however hostile, is answered with a 5xx, and the service works on afterwards.

    Numbers out of every range, NaN, a thousand levels of nesting, double keys, a megabyte of text,
    bytes that are no UTF-8, a body that only claims to be packed. Any answer below 500 is fine.
    """
    await _survives(env, _hostile_bodies(env))


@check("R7", group="validation", weight=0.5, requires=(BASE,))
async def characters_a_database_cannot_hold_are_never_a_5xx(env: Env) -> None:
    """Text that PostgreSQL cannot store is never answered with a 5xx.

    NUL characters and half surrogate pairs are legal in JSON and impossible in a text column. Any
    answer below 500 is fine.
    """
    template = dump_json(
        env.dialect.encode("book", without(new_book(env, title="HOSTILE"), "isbn"))
    )
    bodies = {n: template.replace(b"HOSTILE", text) for n, text in unstorable_texts().items()}
    await _survives(env, bodies)


def _hostile_bodies(env: Env) -> dict[str, bytes]:
    body = without(new_book(env, title="HOSTILE"), "isbn")
    text = dump_json(env.dialect.encode("book", body))
    year = dump_json(body["published_year"])
    named = {f"the year {name}": text.replace(year, raw) for name, raw in hostile_numbers().items()}
    return {
        **named,
        **hostile_objects(text),
        "a title of a megabyte": text.replace(b"HOSTILE", b"x" * 1_000_000),
        "bytes that are no UTF-8": text.replace(b"HOSTILE", b"\xff\xfe\x80"),
    }


async def _survives(env: Env, bodies: Mapping[str, bytes]) -> None:
    for name, raw in bodies.items():
        answer = await env.send("create_book", raw)
        _below_500(answer, name, may_hang_up=len(raw) >= 100_000)
    packed = {"Content-Encoding": "gzip"}
    answer = await env.send("create_book", b"not packed at all", headers=packed)
    _below_500(answer, "a body that is not packed as it says", may_hang_up=True)
    answer = await env.call("create_book", new_book(env))
    answer.expect(STORED, "After hostile bodies the service does not store a book any more")
    await env.cache.flushdb()
    books = await env.call("list_books")
    books.expect({200}, "After hostile bodies the list of books does not answer any more")
    await listed_books(env)


def _below_500(answer: Answer, name: str, *, may_hang_up: bool) -> None:
    if answer.status is None and may_hang_up:
        return  # closing the door on a body that is too large is a way to refuse it
    if answer.status is None or answer.status >= 500:
        fail(
            f"{name[0].upper()}{name[1:]} in a body is not answered with a status below 500",
            expected="any answer below 500",
            observed=answer.summary(),
        )
