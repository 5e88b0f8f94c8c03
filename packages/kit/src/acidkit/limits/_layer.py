"""The limits as a layer around the application: before a body is read or a route is found."""

from collections.abc import Callable, Sequence

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from acidkit.edge import QUIET_ROUTES
from acidkit.errors import Problem, problem_response
from acidkit.limits._decision import QuotaExceeded, Standing, rate_limit_fields
from acidkit.limits._limiter import Limiter
from acidkit.limits._origin import Address, TrustedProxies, bucket_of
from acidkit.limits._rule import Ask, Rule

STATE = "acidkit.limits"

Identify = Callable[[Headers], str | None]


def install_limits(
    app: FastAPI,
    rules: Sequence[Rule],
    *,
    limiter: Limiter,
    proxies: TrustedProxies,
    identify: Identify | None = None,
) -> None:
    """Judge every request of `app` by `rules`, all in one step, before anything else is done.

    Health checks and metrics are never limited. Call it before `install_gate`: who asks too much
    is to be refused without taking anybody's place.

    Args:
        app: An application that does not run yet.
        rules: The limits; names are unique.
        limiter: Decides; its link must be started and closed with the application.
        proxies: Says which address a request comes from.
        identify: Returns the user whom valid credentials in the headers name, else None; it does
            not raise and asks nobody. Rules by user wait for it.

    Raises:
        ValueError: two rules share a name.
    """
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError("two limits have one name")
    app.user_middleware.append(
        Middleware(_RateLimits, rules=rules, limiter=limiter, proxies=proxies, identify=identify)
    )


async def charge(request: Request, *asks: Ask, limiter: Limiter) -> None:
    """Take from further buckets in the middle of a request, such as one known after a look-up.

    What the layer has taken before stays taken. Their standings join the answer's fields.

    Raises:
        QuotaExceeded: a bucket has too little; nothing was taken from any of `asks`.
        Unavailable: Redis cannot be asked and a limit's policy is to deny.
    """
    decision = await limiter.take(asks)
    if decision.refused:
        raise QuotaExceeded(decision.shown)
    request.scope.get(STATE, []).extend(decision.shown)


class _RateLimits:
    def __init__(
        self,
        app: ASGIApp,
        *,
        rules: Sequence[Rule],
        limiter: Limiter,
        proxies: TrustedProxies,
        identify: Identify | None,
    ) -> None:
        self._app = app
        self._rules = rules
        self._limiter = limiter
        self._proxies = proxies
        self._identify = identify

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET_ROUTES:
            await self._app(scope, receive, send)
            return
        try:
            standings = await self._admit(scope)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)
            return
        scope[STATE] = standings

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in rate_limit_fields(standings).items():
                    # A refusal further inside has said what it is about.
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, tell)

    async def _admit(self, scope: Scope) -> list[Standing]:
        client = self._proxies.client_of(scope)
        if client:
            # Whoever asks further inside is to hear of the client, not of our proxy.
            scope["client"] = (str(client), 0)
        decision = await self._limiter.take(self._asks(scope, client))
        if decision.refused:
            raise QuotaExceeded(decision.shown)
        return list(decision.shown)

    def _asks(self, scope: Scope, client: Address | None) -> list[Ask]:
        found = [
            (rule, weight)
            for rule in self._rules
            if (weight := rule.cost(scope["method"], scope["path"])) is not None
        ]
        kinds = {rule.by for rule, _ in found}
        keys: dict[str, str | None] = {}
        if "ip" in kinds:
            keys["ip"] = bucket_of(client)
        if "user" in kinds and self._identify:
            keys["user"] = self._identify(Headers(scope=scope))
        return [
            Ask(rule.name, rule.rate, key, weight)
            for rule, weight in found
            if (key := keys.get(rule.by)) is not None
        ]
