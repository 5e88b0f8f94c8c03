"""Telling a submission that does not build from a network or registry that failed."""

import re

from acidtest.core.errors import AcidTestError, InfrastructureError, SubmissionError

_MACHINE_TROUBLE = re.compile(
    r"dns error|failed to lookup address|temporary failure in name resolution"
    r"|could not resolve host|name or service not known"
    r"|\bE(?:NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH)\b"
    r"|tcp connect error|error sending request for url|operation timed out"
    r"|network is unreachable|invalid peer certificate|UnknownIssuer"
    r"|SELF_SIGNED_CERT|UNABLE_TO_GET_ISSUER_CERT"
    r"|status server error \(5\d\d|\bE5\d\d\b|50[0234] (?:Internal Server Error|Bad Gateway"
    r"|Service Unavailable|Gateway Time-?out)|no space left on device",
    re.IGNORECASE,
)
_OUTSIDE = re.compile(r"path could not be normalized: (\S+)")
_ENGINE_SAYS = re.compile(r"^(?:Error|ERROR|error): .*$", re.MULTILINE)
_NO_BASE = re.compile(
    r"image not known|no such image|did not resolve|short-name|initializing source docker://"
    r"|pinging container registry|failed to resolve source metadata|pull access denied"
    r"|manifest unknown|requested access to the resource is denied|reading manifest",
    re.IGNORECASE,
)
_NO_SUCH_BASE = re.compile(
    r"manifest unknown|pull access denied|access to the resource is denied", re.IGNORECASE
)
_MOST_QUOTED = 300
_LAST_LINES = 15


def looks_like_the_network(log: str) -> bool:
    """Say whether the output of an installer shows that the network or the registry failed."""
    return bool(_MACHINE_TROUBLE.search(log))


def of_installing(log: str, code: int) -> AcidTestError:
    """Return the error for an installer that ended with `code`."""
    found = _MACHINE_TROUBLE.search(log)
    if found:
        line = next((line for line in log.splitlines() if found[0] in line), found[0])
        return InfrastructureError(
            "the dependencies could not be fetched; the network or the package registry failed: "
            f"{line.strip()[:_MOST_QUOTED]}"
        )
    if outside := _OUTSIDE.search(log):
        return SubmissionError(
            f"a dependency, {outside[1][:_MOST_QUOTED]}, lies outside of what was handed in; for a"
            " service inside a larger repository hand in the repository and name the service's"
            " folder with --subdir",
            log=log,
        )
    return SubmissionError(f"its dependencies do not install (exit status {code})", log=log)


def of_command(command: str, log: str, code: int) -> AcidTestError:
    """Return the error for a build command of the submission's own that ended with `code`."""
    shown = command[:_MOST_QUOTED]
    return SubmissionError(f"its build command `{shown}` failed (exit status {code})", log=log)


def of_image(log: str, code: int) -> AcidTestError:
    """Return the error for an image build that ended with `code`."""
    said = (_ENGINE_SAYS.findall(log) or [""])[-1][:_MOST_QUOTED]
    if _NO_SUCH_BASE.search(said):
        return SubmissionError(f"the image its Dockerfile starts from is not to be had: {said}")
    if _NO_BASE.search(said):
        return InfrastructureError(
            f"the image its Dockerfile starts from could not be fetched: {said} "
            "(put it on this machine first, or see what ACIDTEST_PULL says)"
        )
    # Not the whole log: a step that met and mended such trouble on the way is not why it failed.
    if looks_like_the_network("\n".join(log.splitlines()[-_LAST_LINES:])):
        return of_installing(log, code)
    return SubmissionError(f"its image does not build (exit status {code})", log=log)
