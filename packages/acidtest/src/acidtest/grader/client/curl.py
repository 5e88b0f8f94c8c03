"""The same request as a command that a person can paste."""

from acidtest.grader.client.message import Request


def curl_line(request: Request) -> str:
    """Return a command that sends `request` to the service at `$BASE`."""
    raise NotImplementedError
