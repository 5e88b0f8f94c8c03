"""Which driver is used: asked for by name, or the first isolating one that works here."""

from acidtest.core.errors import InfrastructureError, UsageError

from ._bwrap import BwrapDriver
from ._container import docker, podman
from ._protocol import Driver
from ._unsafe import UnsafeDriver


def drivers() -> tuple[Driver, ...]:
    """Return all drivers, the preferred first."""
    return (BwrapDriver(), podman(), docker(), UnsafeDriver())


async def choose_driver(name: str | None = None, *, allow_unsafe: bool = False) -> Driver:
    """Return the driver called `name`, or bwrap where it works.

    Args:
        name: the driver asked for; None means the default one.
        allow_unsafe: whether a driver that isolates nothing may be returned, even by name.

    Raises:
        UsageError: there is no driver of that name, or it isolates nothing and that is not allowed.
        InfrastructureError: the driver does not work on this machine.
    """
    known = {driver.name: driver for driver in drivers()}
    wanted = name or "bwrap"
    driver = known.get(wanted)
    if driver is None:
        raise UsageError(f"There is no sandbox driver {wanted!r}; known: {', '.join(known)}.")
    if not driver.isolated and not allow_unsafe:
        raise UsageError(
            f"The driver {wanted!r} isolates nothing; it is for code you trust and must be allowed"
            " explicitly."
        )
    probe = await driver.probe()
    if not probe.ok:
        raise InfrastructureError(
            f"The sandbox driver {wanted!r} does not work on this machine: {probe.reason}"
            " Code you wrote yourself can be graded without isolation with --driver local-unsafe."
        )
    return driver
