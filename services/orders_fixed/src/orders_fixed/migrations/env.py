"""Where Alembic begins: this service's tables, at the address in its environment."""

import os

from acidkit.db.migrations import run_migrations
from orders_fixed.tables import metadata

run_migrations(metadata, url=os.environ["DATABASE_URL"])
