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
from acidkit.observe import Redactor, configure_logs, start_spans
from book_reviews.books.routes import router as books
from book_reviews.books.schemas import BookPage
from book_reviews.books.service import BookPageCodec, BookService
from book_reviews.reviews.routes import router as reviews
from book_reviews.reviews.service import ReviewService
from book_reviews.settings import Settings

NAME = "book_reviews"
# Entries of another shape must not be read: count this up when BookPage changes.
SHAPE = 1


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

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncIterator[None]:
        cache = CacheSettings(url=settings.redis_url, ttl=settings.cache_ttl_seconds)
        link = CacheLink(cache, metrics=CacheMetrics(registry))
        pages: CacheAside[BookPage] = CacheAside(
            link, name=f"{NAME}:{SHAPE}:books", codec=BookPageCodec()
        )
        app.state.database = database
        app.state.books = BookService(database, pages=pages)
        app.state.reviews = ReviewService(database, pages=pages)
        await link.start()
        await _greet(database)
        try:
            yield
        finally:
            await pages.close()
            await link.close()
            await database.close()

    return create_app(
        "Book reviews",
        [books, reviews],
        version="1.0.0",
        registry=registry,
        resources=resources,
        probes={"database": database.warm_up},
        tracer=start_spans(service=NAME, endpoint=settings.otel_exporter_otlp_endpoint),
    )


async def _greet(database: Database) -> None:
    # A service that starts before its database waits in readiness, not in a crash loop.
    try:
        await database.warm_up()
    except Unavailable as error:
        structlog.get_logger().warning("database_not_there_yet", detail=error.detail)
