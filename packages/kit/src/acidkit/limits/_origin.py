"""Which network address a request comes from, when only some of the machines in between are ours.

It is a room of its own because this is where limits are got around: whatever a client can write
into a header must not decide which bucket it is counted in.
"""

import itertools
from collections.abc import Iterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Literal

from starlette.datastructures import Headers
from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ForwardingHeader = Literal["x-forwarded-for", "forwarded"]

MOST_HOPS = 16
SITE_PREFIX = 64  # one customer's network; an address of its own costs nobody anything
UNKNOWN = "unknown"
COUNT = "hops="


class TrustedProxies:
    """Knows which proxies are ours; nobody is unless it is said.

    Either `networks` (every proxy's address) or `hops` (how many of our proxies every request
    passes) may be given. The client is then the right-most address that none of ours vouches for
    being one of ours. Only one header is read: a proxy that writes one lets the other through.

    Raises:
        ValueError: both or more hops than anybody has.
    """

    def __init__(
        self,
        *,
        networks: Sequence[Network] = (),
        hops: int = 0,
        header: ForwardingHeader = "x-forwarded-for",
    ) -> None:
        if (networks and hops) or not 0 <= hops <= MOST_HOPS:
            raise ValueError(f"name networks or up to {MOST_HOPS} hops, not both")
        self._networks = tuple(networks)
        self._hops = hops
        self._header = header

    @classmethod
    def parse(cls, text: str, *, header: ForwardingHeader = "x-forwarded-for") -> "TrustedProxies":
        """Read `10.0.0.0/8, 192.168.1.7`, `hops=1`, or nothing, which trusts nobody.

        Raises:
            ValueError: the text is none of these.
        """
        given = text.strip()
        if given.startswith(COUNT):
            return cls(hops=int(given.removeprefix(COUNT)), header=header)
        names = [name.strip() for name in given.split(",") if name.strip()]
        return cls(networks=[ip_network(name) for name in names], header=header)

    def client_of(self, scope: Scope) -> Address | None:
        """Return who sent this request; None when nothing vouches for any address."""
        peer = _address(scope["client"][0]) if scope.get("client") else None
        if self._hops:
            claimed = next(itertools.islice(self._claims(scope), self._hops - 1, None), None)
            # Fewer entries than proxies: it came around them.
            return _address(claimed) if claimed and _address(claimed) else peer
        at = peer
        for claim in self._claims(scope) if self._networks else ():
            before = _address(claim)
            if at is None or before is None or not self._trusts(at):
                break
            at = before
        return at

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _claims(self, scope: Scope) -> Iterator[str]:
        """Yield what each hop says of the one before it, the one next to us first."""
        text = ",".join(Headers(scope=scope).getlist(self._header))
        # From the right, and blind to quotes: a client cannot hide our proxy's entry in its own.
        for part in text.rsplit(",", MOST_HOPS)[: -MOST_HOPS - 1 : -1]:
            yield _forwarded_for(part) if self._header == "forwarded" else part


def bucket_of(address: Address | None) -> str:
    """Return the name of an address's bucket: itself, or the /64 of an IPv6 address."""
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), SITE_PREFIX), strict=False))
    return str(address)


def _forwarded_for(element: str) -> str:
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return value.strip().strip('"')
    return ""


def _address(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped
    return found
