"""What a build may know of the host: an allow-list of names, and the files they point at.

A room of its own because this list is the whole border between the grader's secrets and a program
that may reach the network. Credentials never belong here.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import cast, get_args

from acidtest.core.errors import UsageError
from acidtest.grader.lab.sandbox import Mount, Pull

_CERTIFICATES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "NPM_CONFIG_CAFILE",
    "npm_config_cafile",
)
_PLAIN = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_SYSTEM_CERTS",
    "UV_NATIVE_TLS",
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
    "GOPROXY",
    "GONOSUMDB",
    "GONOSUMCHECK",
    "GOSUMDB",
)
_ALREADY_SEEN = ("/usr/", "/etc/ssl/certs", "/etc/pki", "/etc/ca-certificates")
"""What every sandbox shows anyway."""


def passed_environment(host: Mapping[str, str]) -> dict[str, str]:
    """Return what a build gets of the host's environment: certificates, proxies, indexes."""
    return {name: host[name] for name in (*_CERTIFICATES, *_PLAIN) if host.get(name)}


def certificate_mounts(host: Mapping[str, str]) -> tuple[Mount, ...]:
    """Return the certificate files that must be shown so that the passed names are true."""
    paths = {host[name] for name in _CERTIFICATES if host.get(name)}
    wanted = sorted(path for path in paths if not path.startswith(_ALREADY_SEEN))
    return tuple(
        Mount(source=Path(path), target=path)
        for path in wanted
        if Path(path).is_absolute() and Path(path).exists()
    )


def pull_policy(host: Mapping[str, str]) -> Pull:
    """Return when an image build fetches the images it starts from, as ACIDTEST_PULL says.

    Raises:
        UsageError: it says none of the known words.
    """
    said = host.get("ACIDTEST_PULL") or "missing"
    for known in get_args(Pull):
        if said == known:
            return cast("Pull", known)
    raise UsageError(f"ACIDTEST_PULL is {said[:40]!r}; it can be {', '.join(get_args(Pull))}.")


def build_network(host: Mapping[str, str]) -> str | None:
    """Return the network of an image build's steps, or None for what the engine takes by itself."""
    return host.get("ACIDTEST_BUILD_NETWORK") or None


def host_environment() -> Mapping[str, str]:
    """Return the grader's own environment, the only place of building that reads it."""
    return os.environ
