"""Takes away what nobody will ask for again, a little at a time."""

import asyncio

from orders import log
from orders.database import Database
from orders.errors import Refusal

EVERY_SECONDS = 900

# Keys hold for 24 hours; twice that is kept.
CHORES = (
    """DELETE FROM idempotency_keys WHERE ctid IN (
        SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '48 hours' LIMIT 5000)""",
    """DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE expires_at < now() - interval '1 day' LIMIT 1000)""",
    "DELETE FROM login_guards WHERE touched_at < now() - interval '2 days'",
)


async def do_for_ever(database: Database) -> None:
    """Until cancelled."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        try:
            for chore in CHORES:
                await database.rows(chore)
        except Refusal as error:
            log.say("the chores were put off", level="warning", **log.about(error))
