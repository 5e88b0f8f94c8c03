"""Books and what people think of them; `create_app` builds the service from its environment."""

import atexit
import os

from flask import Flask

from bookshelf.cache import Cache
from bookshelf.database import Database
from bookshelf.revision import Revision, listen
from bookshelf.shelf import Shelf
from bookshelf.store import Store
from bookshelf.web import build


def create_app() -> Flask:
    """The service as its environment describes it; called once in each worker process."""
    url = os.environ["DATABASE_URL"]
    database = Database(url)
    atexit.register(database.close)
    revision = Revision()
    listen(url, revision)
    store = Store(database)
    return build(store, Shelf(store, Cache(os.environ["REDIS_URL"]), revision))
