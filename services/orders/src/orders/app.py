"""Builds the service's objects and hands them to each other; the only place that does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from acidkit import create_app
from acidkit.auth import Auth, AuthSettings, auth_router, jwks_router
from acidkit.cache import CacheLink, CacheMetrics, CacheSettings
from acidkit.db import Database, DatabaseSettings, make_engine
from acidkit.errors import Unavailable
from acidkit.idempotency import Idempotency, Reaper
from acidkit.observe import Redactor, configure_logs, start_spans
from orders.admission import PATIENCE, install_admission
from orders.keys import derived_key, derived_signing_key
from orders.routes import router as orders
from orders.service import OrderService
from orders.settings import Settings
from orders.tables import AUTH

NAME = "orders"


def build(settings: Settings | None = None) -> FastAPI:
    """Return the service; reads the environment unless `settings` are given."""
    settings = settings or Settings()
    secrets = [settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()]
    configure_logs(redactor=Redactor(secrets), level=settings.log_level, service=NAME)
    registry = CollectorRegistry()
    database = Database(
        make_engine(
            DatabaseSettings(
                url=settings.database_url,
                application_name=NAME,
                pool_size=settings.database_pool_size,
            )
        )
    )
    link = CacheLink(
        CacheSettings(url=settings.redis_url, budget=PATIENCE), metrics=CacheMetrics(registry)
    )
    auth = Auth(_auth_settings(settings), database=database, tables=AUTH)
    keys = Idempotency(database)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = database
        app.state.auth = auth
        cursor_key = derived_key(settings.secret_key.get_secret_value(), "cursors")
        app.state.orders = OrderService(database, keys=keys, cursor_key=cursor_key)
        await link.start()
        await _greet(database)
        auth.start()
        reaping = asyncio.create_task(Reaper(database, keys.store).run())
        try:
            yield
        finally:
            reaping.cancel()
            await asyncio.wait([reaping])
            await auth.close()
            await link.close()
            await database.close()

    app = create_app(
        "Orders",
        [auth_router(), jwks_router(), orders],
        version="1.0.0",
        registry=registry,
        resources=resources,
        probes={"database": database.warm_up},
        tracer=start_spans(service=NAME, endpoint=settings.otel_exporter_otlp_endpoint),
    )
    install_admission(app, settings, link=link, auth=auth, registry=registry)
    return app


def _auth_settings(settings: Settings) -> AuthSettings:
    derived = SecretStr(derived_signing_key(settings.secret_key.get_secret_value()))
    return AuthSettings(
        issuer=NAME,
        audience=NAME,
        signing_keys=settings.signing_keys or derived,
        access_ttl=settings.access_token_seconds,
        clock_leeway=1,
        # A client may ask again for an answer that it did not hear, and for no earlier one.
        refresh_reach=1,
        lockout_window=settings.lockout_seconds,
        lockout_duration=settings.lockout_seconds,
    )


async def _greet(database: Database) -> None:
    # A service that starts before its database waits in readiness, not in a crash loop.
    try:
        await database.warm_up()
    except Unavailable as error:
        structlog.get_logger().warning("database_not_there_yet", detail=error.detail)
