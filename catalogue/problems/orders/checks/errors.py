"""Errors speak one language, can be found in the log, and no input is the service's own fault."""

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

from ._desk import BASE, STORED, add_order, cursor_name, limit_name, new_order, unknown_id
from ._traces import trace_id_of

_LOGGED_WITHIN = 3.0
_HUGE = 100_000


@check("R17", group="validation", weight=2, requires=(BASE,))
async def errors_are_json_of_one_shape(env: Env) -> None:
    """Every error answer is a JSON object of one shape with a message and a trace id.

    Collects a 401, an unknown order, a refused value, broken JSON, a taken address, a missing key,
    a change that is not allowed, an unknown path and an unknown method. One shape means that all
    have the field with the message in common; more fields may differ.
    """
    shapes: list[tuple[str, ErrorShape]] = []
    for name, answer in (await _errors(env)).items():
        if answer.status is None or answer.status < 400:
            continue  # whether it is an error at all is asked by other checks
        problem = error_problem(answer)
        if problem or trace_id_of(answer) is None:
            fail(
                f"The answer to {name} is not a JSON object with a message and a trace id:"
                f" {problem or 'it has no trace id'}",
                expected="a JSON object with a message and a trace_id, as for every other error",
                observed=answer.summary(),
            )
        shapes.append((name, error_shape(answer.json)))
    if len(shapes) < 5:
        unmet("Fewer than five kinds of errors could be brought about")
    if not frozenset.intersection(*(shape.messages for _, shape in shapes)):
        described = "; ".join(f"{name}: {', '.join(sorted(shape.keys))}" for name, shape in shapes)
        fail(
            "The errors have no shape in common",
            expected="one field that holds the message in every error",
            observed=described,
        )


async def _errors(env: Env) -> dict[str, Answer]:
    """Bring about one error of each kind."""
    user = await env.accounts.member("buyer")
    order = await add_order(env, user)
    await env.call("change_order", {"status": "paid"}, by=user, order_id=order["id"])
    reply = await env.get(f"/{env.word(8)}", by=user)
    again = {"status": "pending"}
    errors = {
        "a request without a token": await env.call("list_orders"),
        "an unknown order": await env.call("get_order", by=user, order_id=unknown_id(env)),
        "a negative amount": await env.call(
            "create_order", new_order(env, total_cents=-1), by=user
        ),
        "broken JSON": await env.send("create_order", b'{"total_cents": ', by=user),
        "a missing key": await env.call("create_order", new_order(env), by=user, key=False),
        "a taken address": await env.accounts.register(user.email),
        "a wrong password": await env.accounts.try_log_in(env.accounts.new_email(), "Kx7!nobody"),
        "a change that is not allowed": await env.call(
            "change_order", again, by=user, order_id=order["id"]
        ),
        "an unknown path": Answer(reply, operation="list_orders", dialect=env.dialect),
    }
    method = _unknown_method(env)
    if method is not None:
        errors["an unknown method"] = await env.send("list_orders", method=method, by=user)
    return errors


@check("R17", group="validation", requires=(BASE,))
async def a_method_a_path_does_not_know_is_405(env: Env) -> None:
    """A method that a path does not know is answered with 405, by a signed-in user.

    Tried on the path of the orders with a method that neither the statement nor the service's own
    OpenAPI document describes, after GET was answered there.
    """
    user = await env.accounts.member("buyer")
    known = await env.call("list_orders", by=user)
    known.given({200}, "This rests on: GET on the path of the orders answers 200")
    method = _unknown_method(env)
    if method is None:
        not_applicable("The service describes every method for the path of the orders")
    answer = await env.send("list_orders", method=method, by=user)
    answer.expect({405}, f"{method} on the path of the orders is not answered with 405")


def _unknown_method(env: Env) -> str | None:
    """A method for the path of the orders that nobody describes; the most harmless one."""
    path = env.dialect.path("list_orders")
    document = env.openapi
    methods = ("PUT", "DELETE", "PATCH")
    if document is None:
        return methods[0]
    return next((method for method in methods if not document.describes(method, path)), None)


@check("R17", group="validation", weight=3, requires=(BASE,))
async def the_trace_id_is_in_the_log(env: Env) -> None:
    """The trace id of an error is in a line of the log, and is the one of a `traceparent` given.

    Asked with and without a valid `traceparent`; a request with a broken one is answered with a
    trace id of its own.
    """
    user = await env.accounts.member("buyer")
    given = "".join(env.rng.choices("0123456789abcdef", k=32))
    broken = "00-" + "0" * 32 + "-0123456789abcdef-01"
    for header in (None, f"00-{given}-{'0123456789abcdef'}-01", broken):
        headers = {} if header is None else {"traceparent": header}
        answer = await env.call(
            "get_order", by=user, headers=headers, order_id=unknown_id(env), replica=0
        )
        trace_id = trace_id_of(answer)
        if trace_id is None:
            fail(
                "An error has no trace id",
                expected="a field trace_id or the like",
                observed=answer.summary(),
            )
        if header and header != broken and given not in trace_id.replace("-", "").lower():
            fail(
                "The trace id of an error is not the one of the traceparent that was sent",
                expected=given,
                observed=trace_id,
            )
        if set(trace_id) <= set("0-"):
            fail(
                "An invalid traceparent is taken over",
                expected="a trace id of its own",
                observed=trace_id,
            )
        await _expect_logged(env, trace_id)


async def _expect_logged(env: Env, trace_id: str) -> None:
    async def logged() -> bool:
        return any(trace_id in line.text for line in env.log())

    if not await env.until(logged, within=_LOGGED_WITHIN):
        lines = env.log()
        fail(
            "The trace id of an error is in no line of the log",
            expected=f"a line with {trace_id}",
            observed=f"{len(lines)} lines without it"
            + (f", the last one {lines[-1].text}" if lines else ""),
        )


@check("R17", group="validation", weight=2, requires=(BASE,))
async def hostile_json_is_never_a_5xx(env: Env) -> None:
    """No JSON, however hostile, is answered with a 5xx, and the service works on afterwards.

    Numbers out of every range, NaN, a thousand levels of nesting, double keys, a megabyte of text,
    bytes that are no UTF-8, in orders and in registrations. Any answer below 500 is fine.
    """
    user = await env.accounts.member("buyer")
    order = new_order(env, total_cents=123_454_321)
    good = dump_json(env.dialect.encode("order", order))
    bodies = {
        f"the amount {name}": good.replace(b"123454321", raw)
        for name, raw in hostile_numbers().items()
    }
    bodies |= hostile_objects(good)
    currency = dump_json(order["currency"])
    bodies["a currency of a megabyte"] = good.replace(currency, b'"' + b"x" * 1_000_000 + b'"')
    bodies["bytes that are no UTF-8"] = good.replace(currency, b'"\xff\xfe\x80"')
    for name, raw in bodies.items():
        answer = await env.send("create_order", raw, by=user)
        _below_500(answer, name, may_hang_up=len(raw) >= _HUGE)
    await _hostile_accounts(env)
    packed = {"Content-Encoding": "gzip"}
    answer = await env.send("create_order", b"not packed at all", by=user, headers=packed)
    _below_500(answer, "a body that is not packed as it says", may_hang_up=True)
    answer = await env.call("create_order", new_order(env), by=user)
    answer.expect(STORED, "After hostile bodies the service does not store an order any more")


async def _hostile_accounts(env: Env) -> None:
    fields = {"email": f"HOSTILE{env.word(8)}@example.com", "password": "Kx7!HOSTILE-password"}
    good, _ = env.dialect.body("register", fields)
    bodies: Mapping[str, bytes] = {
        **{name: good.replace(b"HOSTILE", raw) for name, raw in unstorable_texts().items()},
        "an address of a megabyte": good.replace(b"HOSTILE", b"x" * 1_000_000),
        **hostile_objects(good),
    }
    for name, raw in bodies.items():
        for operation in ("register", "login"):
            answer = await env.send(operation, raw)
            _below_500(answer, name, may_hang_up=len(raw) >= _HUGE)


@check("R17", group="validation", requires=(BASE,))
async def hostile_text_is_never_a_5xx(env: Env) -> None:
    """Text that PostgreSQL cannot store, and odd headers, are never answered with a 5xx.

    NUL characters and half surrogate pairs in fields and in paths, keys and cursors of odd bytes, a
    very long key. Any answer below 500 is fine.
    """
    user = await env.accounts.member("buyer")
    good = dump_json(env.dialect.encode("order", new_order(env, currency="HOSTILE")))
    for name, raw in unstorable_texts().items():
        answer = await env.send("create_order", good.replace(b"HOSTILE", raw), by=user)
        _below_500(answer, name)
    for odd in ("a\x00b", "%00", "\ud800".encode("utf-8", "replace").decode(), "é" * 40, "../../x"):
        answer = await env.call("get_order", by=user, order_id=odd)
        _below_500(answer, f"the id {odd!a}")
        # One at a time: what refuses the limit would keep the cursor from being looked at.
        for what, name in (("cursor", cursor_name(env)), ("limit", limit_name(env))):
            answer = await env.call("list_orders", by=user, query={name: odd})
            _below_500(answer, f"the {what} {odd!a}")
    for key in ("é", "x" * 4_000, '"', '""', '"a', "a b", "\t", "a,b;c=1", "?1", ":YWJj:"):
        answer = await env.call("create_order", new_order(env), by=user, key=key)
        _below_500(answer, f"the key {key[:20]!a}", may_hang_up=len(key) > 1_000)


def _below_500(answer: Answer, name: str, *, may_hang_up: bool = False) -> None:
    if answer.status is None and may_hang_up:
        return  # closing the door on what is too large is a way to refuse it
    if answer.status is None or answer.status >= 500:
        fail(
            f"{name[0].upper()}{name[1:]} is not answered with a status below 500",
            expected="any answer below 500",
            observed=answer.summary(),
        )
