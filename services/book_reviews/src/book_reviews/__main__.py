"""Runs the service: `python -m book_reviews`."""

from acidkit import ServerSettings, serve
from book_reviews.app import build
from book_reviews.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(
        build(settings),
        ServerSettings(host=settings.host, port=settings.port, drain=settings.drain_seconds),
    )


if __name__ == "__main__":
    main()
