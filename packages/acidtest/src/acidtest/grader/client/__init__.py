"""The judge's HTTP client: one request, one bounded reply, one record, whatever the server does.

A room of its own because a hostile server must be met in exactly one place, and because every
request that was ever sent has to be seen again as a command a person can paste.
"""

from acidtest.grader.client.curl import curl_line
from acidtest.grader.client.http_client import HttpClient
from acidtest.grader.client.message import Endpoint, Reply, Request, Trouble
from acidtest.grader.client.wire import accepts

__all__ = ["Endpoint", "HttpClient", "Reply", "Request", "Trouble", "accepts", "curl_line"]
