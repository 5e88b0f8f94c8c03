"""Builds the service's objects and hands them to each other; the only place that does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from acidkit import create_app
from acidkit.cache import CacheAside, CacheLink, CacheMetrics, CacheSettings
from acidkit.db import Database, DatabaseSettings, make_engine
from acidkit.errors import Unavailable
from acidkit.limits import install_gate
from acidkit.observe import Redactor, configure_logs
from acidkit.webhooks import Verifier, WebhookMetrics, WebhookReceiver, verifying_keys
from orders_fixed.figures.routes import router as figures
from orders_fixed.figures.schemas import Figures
from orders_fixed.figures.service import FiguresCodec, FiguresService
from orders_fixed.health import HEALTH
from orders_fixed.health import router as health
from orders_fixed.orders.routes import router as orders
from orders_fixed.orders.service import OrderService
from orders_fixed.payments.routes import router as payments
from orders_fixed.settings import Settings

NAME = "orders_fixed"
# Entries of another shape must not be read: count this up when Figures changes.
SHAPE = 1
PROVIDER = "payments"


def build(settings: Settings | None = None) -> FastAPI:
    """Return the service; reads the environment unless `settings` are given."""
    settings = settings or Settings()
    configure_logs(redactor=Redactor(_secrets(settings)), level=settings.log_level, service=NAME)
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
    receiver = WebhookReceiver(
        PROVIDER,
        Verifier(verifying_keys(settings.webhook_secrets.get_secret_value())),
        database=database,
        metrics=WebhookMetrics(registry),
    )

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        cache = CacheSettings(url=settings.redis_url, ttl=settings.cache_ttl_seconds)
        link = CacheLink(cache, metrics=CacheMetrics(registry))
        kept: CacheAside[Figures] = CacheAside(
            link, name=f"{NAME}:{SHAPE}:figures", codec=FiguresCodec()
        )
        app.state.database = database
        app.state.orders = OrderService(database)
        app.state.figures = FiguresService(database, kept=kept)
        app.state.receiver = receiver
        await link.start()
        await _greet(database)
        try:
            yield
        finally:
            await kept.close()
            await link.close()
            await database.close()

    app = create_app(
        "Orders",
        [health, orders, figures, payments],
        version="1.0.0",
        registry=registry,
        resources=resources,
        probes={"database": database.warm_up},
    )
    # The bound on work: beyond it clients hear 503 at once instead of queueing for the pool.
    install_gate(app, settings.gate, registry=registry, unbounded=[HEALTH])
    return app


def _secrets(settings: Settings) -> list[str]:
    return [
        settings.database_url.get_secret_value(),
        settings.redis_url.get_secret_value(),
        *settings.webhook_secrets.get_secret_value().split(),
    ]


async def _greet(database: Database) -> None:
    # A service that starts before its database waits in readiness, not in a crash loop.
    try:
        await database.warm_up()
    except Unavailable as error:
        structlog.get_logger().warning("database_not_there_yet", detail=error.detail)
