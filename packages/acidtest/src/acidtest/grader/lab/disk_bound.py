"""The bound on what a submission may store in its database: the disk behind it is the host's.

No quota of the server covers tables, so the files are looked at every second.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from acidtest.core.errors import SubmissionError
from acidtest.grader.lab.postgres import Cluster

MOST_BYTES = 1024 * 1024 * 1024
"""A thousand times what the checks themselves put there."""
_LOOK_EVERY = 0.5


@asynccontextmanager
async def bounded_disk(cluster: Cluster, *, limit: int = MOST_BYTES) -> AsyncIterator[None]:
    """End the block when the files of `cluster` grow beyond `limit`; the server is killed first.

    Raises:
        SubmissionError: they did.
    """
    owner = asyncio.current_task()
    full = False

    async def watch() -> None:
        nonlocal full
        while await cluster.disk_bytes() <= limit:  # noqa: ASYNC110 - files announce no growth
            await asyncio.sleep(_LOOK_EVERY)
        full = True
        # Whoever writes has no server any more, and so no way to go on.
        await cluster.kill()
        if owner is not None:
            owner.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except BaseException as error:
        if not full:
            raise
        if owner is not None and isinstance(error, asyncio.CancelledError):
            owner.uncancel()
        raise SubmissionError(
            f"It filled its database: more than {limit // 2**20} MiB on disk. The run was ended."
        ) from error
    finally:
        watching.cancel()
        await asyncio.wait([watching])
