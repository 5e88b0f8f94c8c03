"""Brings the database to the current schema, as often as one likes."""

import os

from wire import Postgres

connection = Postgres(os.environ["DATABASE_URL"])
connection.run(
    "create table if not exists notes"
    " (id integer generated always as identity primary key, text text not null)"
)
connection.close()
