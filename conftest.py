"""What holds for every test of the repository."""

import signal


def pytest_configure() -> None:
    """Let Ctrl-C mean something in tests, however they were started.

    A shell that runs a job in the background makes it ignore SIGINT, and so does all it starts; the
    tests of what an interrupted run leaves behind would then wait for a signal nobody hears.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
