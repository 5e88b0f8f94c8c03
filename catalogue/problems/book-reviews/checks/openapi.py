"""The OpenAPI document: there, valid, complete and true."""

from acidtest.grader.sdk import Env, check, expect_described, expect_valid_document, unmet

from ._shelf import BASE, add_book, new_book, new_review, unknown_id, without

_OPERATIONS = ("list_books", "create_book", "list_reviews", "create_review")


@check("R8", group="contract", weight=2)
async def the_openapi_document_is_valid_and_whole(env: Env) -> None:
    """The service has an OpenAPI 3 document that is valid and holds the four operations.

    Looked for at the usual addresses, then as a file in the repository. Names of path parameters
    do not matter.
    """
    if env.openapi is not None:
        known = await env.call("list_books")
        known.given({200}, "This rests on: GET /books answers 200")
    await expect_valid_document(env, _OPERATIONS)


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
            await expect_described(env, answer)


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
            await expect_described(env, answer)
