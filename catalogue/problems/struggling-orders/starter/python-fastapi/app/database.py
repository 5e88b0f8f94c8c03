"""The connection to PostgreSQL."""

import os

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

url = os.environ["DATABASE_URL"]
for scheme in ("postgresql+psycopg://", "postgresql://", "postgres://"):
    if url.startswith(scheme):
        url = "postgresql+psycopg://" + url[len(scheme):]
        break

engine = create_engine(url, pool_size=5, max_overflow=10, pool_timeout=4)
Session = sessionmaker(engine, expire_on_commit=False)
