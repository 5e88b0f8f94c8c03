"""Fetching a repository from elsewhere into an empty one of ours."""

import re

from acidtest.core.errors import InfrastructureError, SubmissionError
from acidtest.grader.lab.intake.gitcommand import Git
from acidtest.grader.lab.intake.pathname import shown

_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_SCP_LIKE = re.compile(r"^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:(?!/?\\)")
_ALLOWED = frozenset({"https", "ssh", "git", "file"})
_TRANSPORT = re.compile(r"^[a-z0-9]+::", re.IGNORECASE)
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/+-]*$")
_MACHINE_TROUBLE = re.compile(
    r"could not resolve host|connection timed out|connection refused|network is unreachable"
    r"|the requested url returned error: 5\d\d|no space left|temporary failure"
    r"|server certificate verification failed|ssl certificate problem",
    re.IGNORECASE,
)


def is_url(source: str) -> bool:
    """Say whether `source` is spelled like something to fetch rather than a path."""
    return bool(_SCHEME.match(source) or _SCP_LIKE.match(source) or _TRANSPORT.match(source))


def split_commit(source: str) -> tuple[str, str | None]:
    """Split `where@commit`; an `@` that belongs to a user name or a host stays where it is."""
    at = source.rfind("@")
    if at <= 0 or at < max(source.rfind(":"), source.find("://") + 2):
        return source, None
    where, name = source[:at], source[at + 1 :]
    host_part = is_url(where) and "/" not in where.partition("://")[2]
    if not _NAME.match(name) or host_part:
        return source, None
    return where, name


def fetch(git: Git, url: str, name: str | None) -> str:
    """Fetch one commit of `url` (its HEAD when `name` is None) and return what to look up.

    Raises:
        SubmissionError: the address is not allowed, or there is no such repository or commit.
        InfrastructureError: the network failed us.
    """
    scheme = _SCHEME.match(url)
    if _TRANSPORT.match(url) or (scheme and scheme[1].lower() not in _ALLOWED):
        raise SubmissionError(
            f"repositories are fetched by https, ssh, git or file, not by `{shown(url)}`"
        )
    wanted = name or "HEAD"
    shallow = git.run("fetch", "--quiet", "--no-tags", "--depth=1", "--", url, wanted)
    if shallow.code == 0:
        return "FETCH_HEAD"
    _raise_for_machine(url, shallow.stderr)
    if name is not None:
        # Servers hand out an abbreviated or unadvertised commit only with the whole history.
        everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        whole = git.run("fetch", "--quiet", "--no-tags", "--", url, *everything)
        _raise_for_machine(url, whole.stderr)
        if whole.code == 0:
            return name
    raise SubmissionError(
        f"the repository `{shown(url)}` or its commit `{shown(wanted)}` cannot be fetched; "
        "is it public and spelled right?",
        log=shallow.stderr.decode("utf-8", "replace"),
    )


def _raise_for_machine(url: str, stderr: bytes) -> None:
    text = stderr.decode("utf-8", "replace")
    if _MACHINE_TROUBLE.search(text):
        raise InfrastructureError(
            f"the network failed while fetching `{shown(url)}`: {shown(text.strip())}"
        )
