"""The program: builds the parts, listens, and stops without dropping a request."""

import asyncio
import os
import signal
import sys

from aiohttp import web

from orders import chores, keys, log, settings
from orders.accounts import Accounts
from orders.database import Database
from orders.errors import Refusal, answer
from orders.guard import Guard
from orders.limits import Limits
from orders.passwords import Passwords
from orders.sessions import Sessions
from orders.settings import BadSettings, Settings
from orders.store import Store
from orders.trace import trace_id_of
from orders.web import Api, application

LINGER_SECONDS = 0.25  # clients that are about to reuse a connection still get their answer
ACCEPTED_SECONDS = 0.1  # connections that were just accepted get to say what they want
STOP_SECONDS = 7.0  # what is not finished by then is cut off


class Connection(web.RequestHandler):
    """Answers what is not even HTTP in the shape of all other errors."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is under way already")
        trace_id = trace_id_of(request.headers.get("traceparent"))
        log.say("request", trace_id=trace_id, status=status, **(log.about(exc) if exc else {}))
        known = status < 500
        told = "This is not a request that can be read." if known else "Something went wrong on our side."
        response = answer(Refusal(status, "unreadable" if known else "unexpected", told), trace_id)
        response.force_close()
        return response


async def serve(told: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    database = Database(told.database_url)
    limits = Limits(told.redis_url)
    passwords = Passwords()
    sessions = Sessions(database, told.access_life)
    accounts = Accounts(database, passwords, Guard(database, told.lockout), sessions)
    cursor_key = keys.derive(told.secret, "cursor")
    api = Api(told, database, accounts, sessions, Store(database), limits, cursor_key)
    await database.open()
    await limits.open()

    runner = web.AppRunner(application(api, stop.is_set), access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    options = {"access_log": None, "keepalive_timeout": 75.0, "auto_decompress": False}
    listener = await loop.create_server(
        lambda: Connection(runner.server, loop=loop, **options), "0.0.0.0", told.port, backlog=512
    )
    log.say("listening", port=told.port)
    work = asyncio.create_task(chores.do_for_ever(database))

    await stop.wait()
    log.say("stopping")
    await asyncio.sleep(LINGER_SECONDS)
    listener.close()
    await asyncio.sleep(ACCEPTED_SECONDS)
    work.cancel()
    await runner.cleanup()
    passwords.close()
    await limits.close()
    await database.close()
    log.say("stopped")


if __name__ == "__main__":
    try:
        asyncio.run(serve(settings.read(os.environ)))
    except BadSettings as error:
        sys.exit(str(error))
