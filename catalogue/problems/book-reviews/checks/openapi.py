"""The OpenAPI document: there, valid, complete and true."""

from acidtest.grader.sdk import (
    Answer,
    Env,
    Unexaminable,
    check,
    clip,
    fail,
    unknown,
    unmet,
)

from ._shelf import BASE, add_book, new_book, new_review, unknown_id, without

_OPERATIONS = ("list_books", "create_book", "list_reviews", "create_review")

_LONGEST = 300


@check("R8", group="contract", weight=2)
async def the_openapi_document_is_valid_and_whole(env: Env) -> None:
    """The service has an OpenAPI 3 document that is valid and holds the four operations.

    Looked for at the usual addresses, then as a file in the repository. Names of path parameters
    do not matter.
    """
    if env.openapi is None:
        fail(
            "There is no OpenAPI document",
            expected="an OpenAPI 3 document at /openapi.json or the like, or openapi.yaml",
            observed="none at the usual addresses and none in the repository",
        )
    known = await env.call("list_books")
    known.given({200}, "This rests on: GET /books answers 200")
    try:
        mistakes = await env.examiner.validate(env.openapi)
    except Unexaminable as error:
        unknown(f"The document could not be judged: {error}")
    if mistakes:
        fail(
            "The OpenAPI document is not valid",
            expected="a document that follows the OpenAPI specification",
            observed="; ".join(clip(mistake, 300) for mistake in mistakes[:5]),
        )
    for operation in _OPERATIONS:
        method, path = env.dialect.method(operation), env.dialect.template(operation)
        if not env.openapi.describes(method, path):
            fail(
                f"The OpenAPI document does not describe {method} {path}",
                expected="all four operations",
                observed=f"{env.openapi.source} without it",
            )


@check("R8", group="contract", weight=1.5, requires=(BASE,))
async def the_openapi_document_is_true_of_answers(env: Env) -> None:
    """What is answered to well-formed requests is what the OpenAPI document describes.

    Compares status, content type and body of all four operations with the document.
    """
    if env.openapi is None:
        unmet("There is no OpenAPI document")
    book = await add_book(env)
    answers = [
        await env.call("create_book", new_book(env)),
        await env.call("create_book", without(new_book(env), "isbn", "published_year")),
        await env.call("list_books"),
        await env.call("create_review", new_review(env), book_id=book["id"]),
        await env.call("create_review", without(new_review(env), "comment"), book_id=book["id"]),
        await env.call("list_reviews", book_id=book["id"]),
    ]
    for answer in answers:
        if answer.ok:
            await _expect_described(env, answer)


@check("R8", group="contract", requires=(BASE,))
async def the_openapi_document_is_true_of_errors(env: Env) -> None:
    """The errors that are answered are those the OpenAPI document describes.

    A refused body, a taken ISBN, an unknown book: each status must be described for its operation
    (a `default` or `4XX` counts), and the body must follow the description.
    """
    if env.openapi is None:
        unmet("There is no OpenAPI document")
    body = new_book(env)
    await env.call("create_book", body)
    book = await add_book(env)
    nowhere = unknown_id(env, book["id"])
    answers = [
        await env.call("create_book", without(body, "title")),
        await env.call("create_book", new_book(env, isbn=body["isbn"])),
        await env.call("create_review", new_review(env, rating=9), book_id=book["id"]),
        await env.call("create_review", new_review(env), book_id=nowhere),
        await env.call("list_reviews", book_id=nowhere),
    ]
    for answer in answers:
        if answer.status is not None and 400 <= answer.status < 500:
            await _expect_described(env, answer)


async def _expect_described(env: Env, answer: Answer) -> None:
    document, status = env.openapi, answer.status
    if document is None or status is None:
        return
    method, path = env.dialect.method(answer.operation), env.dialect.template(answer.operation)
    if not document.documents(method, path, status):
        fail(
            f"The OpenAPI document does not know that {method} {path} answers {status}",
            expected=f"a response {status} in {document.source}",
            observed=answer.summary(),
        )
    try:
        departures = await env.examiner.conforms(
            document,
            method,
            path,
            status=status,
            content_type=answer.reply.headers.get("Content-Type", ""),
            body=answer.reply.body,
        )
    except Unexaminable as error:
        unknown(f"The answer could not be compared with the document: {error}")
    if departures:
        fail(
            f"An answer of {method} {path} is not as the OpenAPI document describes it",
            expected=f"what {document.source} describes for {status}",
            observed=f"{'; '.join(map(_both_ends, departures[:3]))}: {answer.summary()}",
        )


def _both_ends(departure: str) -> str:
    """Shorten a departure in the middle: it begins with the value and ends with what is wrong."""
    if len(departure) <= _LONGEST:
        return departure
    return f"{departure[:40]} … {departure[-180:]}"
