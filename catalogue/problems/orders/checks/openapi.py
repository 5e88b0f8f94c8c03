"""The OpenAPI document and the health endpoint."""

from acidtest.grader.sdk import Env, check, expect_described, expect_valid_document, fail, unmet

from ._desk import BASE, add_order, new_order, unknown_id
from ._health import health_path


@check("R25", group="contract", weight=2)
async def the_openapi_document_is_valid_and_whole(env: Env) -> None:
    """The service has an OpenAPI 3 document that is valid and holds the operations.

    Looked for at the usual addresses, then as a file in the repository. Names of path parameters
    do not matter.
    """
    user = await env.accounts.member("buyer")
    known = await env.call("list_orders", by=user)
    known.given({200}, "This rests on: GET /orders answers 200")
    await expect_valid_document(env, env.dialect.problem.operations)


@check("R25", group="contract", weight=1.5, requires=(BASE,))
async def the_openapi_document_is_true_of_answers(env: Env) -> None:
    """What is answered to well-formed requests is what the OpenAPI document describes.

    Compares status, content type and body of every operation with the document.
    """
    if env.openapi is None:
        unmet("There is no OpenAPI document")
    user = await env.accounts.sign_up()
    order = await add_order(env, user)
    email, password = env.accounts.new_email(), env.accounts.new_password()
    refresh = {"refresh_token": user.session.refresh}
    answers = [
        await env.accounts.register(email, password),
        await env.accounts.try_log_in(email, password),
        await env.call("create_order", new_order(env), by=user),
        await env.call("list_orders", by=user),
        await env.call("get_order", by=user, order_id=order["id"]),
        await env.call("change_order", {"status": "paid"}, by=user, order_id=order["id"]),
        await env.call("refresh", refresh),
    ]
    for answer in answers:
        if answer.ok:
            await expect_described(env, answer)


@check("R25", group="contract", requires=(BASE,))
async def the_openapi_document_is_true_of_errors(env: Env) -> None:
    """The errors that are answered are those the OpenAPI document describes.

    A refused body, a taken address, a missing token, an unknown order, a change that is not
    allowed: each status must be described for its operation (a `default` or `4XX` counts), and the
    body must follow the description.
    """
    if env.openapi is None:
        unmet("There is no OpenAPI document")
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    await env.call("change_order", {"status": "paid"}, by=user, order_id=order["id"])
    answers = [
        await env.accounts.register(user.email),
        await env.call("register", {"email": "nobody", "password": "Kx7!nobody"}),
        await env.accounts.try_log_in(env.accounts.new_email(), "Kx7!nobody"),
        await env.call("create_order", new_order(env, total_cents=-1), by=user),
        await env.call("create_order", new_order(env), by=user, key=False),
        await env.call("create_order", new_order(env)),
        await env.call("list_orders"),
        await env.call("get_order", by=user, order_id=unknown_id(env)),
        await env.call("change_order", {"status": "pending"}, by=user, order_id=order["id"]),
        await env.call("refresh", {"refresh_token": env.word(40)}),
    ]
    for answer in answers:
        if answer.status is not None and 400 <= answer.status < 500:
            await expect_described(env, answer)


@check("R25", group="contract", weight=0.5, requires=(BASE,))
async def a_health_endpoint_answers_200(env: Env) -> None:
    """A health endpoint answers 200 while the service is ready, without a token.

    The one that `acidtest.toml` names, or one of the usual paths.
    """
    if await health_path(env) is None:
        fail(
            "No health endpoint answers 200",
            expected="the path of acidtest.toml, or /health, /healthz, /health/ready, /ready, …",
            observed="no such path answers 200",
        )
