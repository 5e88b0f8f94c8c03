"""Runs the service: `python -m orders_fixed`."""

from acidkit import ServerSettings, serve
from orders_fixed.app import build
from orders_fixed.settings import Settings


def main() -> None:
    """Serve until told to stop."""
    settings = Settings()
    serve(
        build(settings),
        ServerSettings(host=settings.host, port=settings.port, drain=settings.drain_seconds),
    )


if __name__ == "__main__":
    main()
