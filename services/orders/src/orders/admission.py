"""Who is let in, how often, and how much at once: the limits of this service's settings."""

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.datastructures import Headers

from acidkit.auth import Auth, Unauthenticated
from acidkit.cache import CacheLink
from acidkit.limits import (
    GateSettings,
    Limiter,
    LimitMetrics,
    Rate,
    Rule,
    TrustedProxies,
    install_gate,
    install_limits,
)
from orders.settings import Settings

MINUTE = 60  # seconds
# Seconds that a request may lose to Redis. Giving up sooner would make limits inexact whenever the
# machine is busy: instances count each for itself then.
PATIENCE = 0.25
BEARER = "bearer "


def install_admission(
    app: FastAPI, settings: Settings, *, link: CacheLink, auth: Auth, registry: CollectorRegistry
) -> None:
    """Put the rate limits that were set, and the bound on work, in front of `app`."""
    rules = []
    if settings.rate_limit_per_ip:
        rules.append(Rule(name="address", rate=_rate(settings.rate_limit_per_ip), by="ip"))
    if settings.rate_limit_per_user:
        rules.append(Rule(name="user", rate=_rate(settings.rate_limit_per_user), by="user"))
    if rules:
        install_limits(
            app,
            rules,
            limiter=Limiter(link, name="orders", metrics=LimitMetrics(registry), patience=PATIENCE),
            proxies=TrustedProxies.parse(settings.trusted_proxies),
            identify=lambda headers: _user_of(headers, auth),
        )
    install_gate(app, GateSettings(waiting=256, wait=1.0), registry=registry)


def _rate(quota: int) -> Rate:
    return Rate(quota=quota, window=MINUTE, burst=quota)


def _user_of(headers: Headers, auth: Auth) -> str | None:
    text = headers.get("authorization", "")
    if not text.lower().startswith(BEARER):
        return None
    try:
        return str(auth.authenticate(text[len(BEARER) :].strip()).user_id)
    except Unauthenticated:
        return None
