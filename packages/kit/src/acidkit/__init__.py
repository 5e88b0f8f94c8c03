"""The production FastAPI kit: what every service needs and no service should write twice."""

from acidkit.app import create_app
from acidkit.server import ServerSettings, serve
from acidkit.settings import EnvironmentSettings

__all__ = ["EnvironmentSettings", "ServerSettings", "create_app", "serve"]
