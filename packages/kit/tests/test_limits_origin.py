import pytest

from acidkit.limits import TrustedProxies, bucket_of


def client(
    trust: TrustedProxies, peer: str | None, *headers: str, name: str = "x-forwarded-for"
) -> str:
    """Return the bucket of a request with these forwarding headers."""
    raw = [(name.encode(), header.encode("latin-1")) for header in headers]
    return bucket_of(
        trust.client_of({"client": (peer, 5) if peer else None, "headers": raw, "type": "http"})
    )


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded"])
def test_nobody_is_believed_unless_it_is_said(header: str) -> None:
    """By default whatever a client writes about itself has no effect."""
    trust = TrustedProxies()
    found = client(trust, "198.51.100.9", "for=1.2.3.4", "1.2.3.4", name=header)
    assert found == "198.51.100.9"


CHAINS = [
    # peer, headers, client
    ("10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
    ("10.0.0.1", ["6.6.6.6, 203.0.113.5"], "203.0.113.5"),
    ("10.0.0.1", ["6.6.6.6", "203.0.113.5, 10.0.0.2"], "203.0.113.5"),
    ("10.0.0.1", ["203.0.113.5:4711"], "203.0.113.5"),
    ("10.0.0.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
    ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
    ("10.0.0.1", ["203.0.113.5, nonsense"], "10.0.0.1"),
    ("10.0.0.1", [""], "10.0.0.1"),
    ("10.0.0.1", [], "10.0.0.1"),
    ("::ffff:10.0.0.1", ["203.0.113.5"], "203.0.113.5"),
    ("198.51.100.9", ["203.0.113.5"], "198.51.100.9"),
    ("198.51.100.9", ["203.0.113.5, 10.0.0.2"], "198.51.100.9"),
    ("10.0.0.1", ["6.6.6.6, " + "10.0.0.2, " * 40 + "10.0.0.2"], "10.0.0.2"),
    ("10.0.0.1", [","], "10.0.0.1"),
    ("10.0.0.1", ["203.0.113.5, \xe9"], "10.0.0.1"),
]


@pytest.mark.parametrize(("peer", "headers", "expected"), CHAINS)
def test_client_is_the_right_most_address_that_is_not_ours(
    peer: str, headers: list[str], expected: str
) -> None:
    """Only what our own proxies say of their neighbour counts, from our end on."""
    trust = TrustedProxies.parse("10.0.0.0/8")
    assert client(trust, peer, *headers) == expected


@pytest.mark.parametrize(
    ("hops", "header", "expected"),
    [
        (1, "6.6.6.6, 203.0.113.5", "203.0.113.5"),
        (2, "6.6.6.6, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
        (2, "203.0.113.5", "10.0.0.1"),
        (1, "unknown", "10.0.0.1"),
    ],
)
def test_client_is_as_many_hops_away_as_there_are_proxies(
    hops: int, header: str, expected: str
) -> None:
    """With a number of proxies, entries that a client put in front of theirs do not count."""
    assert client(TrustedProxies.parse(f"hops={hops}"), "10.0.0.1", header) == expected


# The examples of RFC 7239, section 4, and what a client might do with quotes.
FORWARDED = [
    ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
    ('For="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::/64"),
    ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
    ('for="_gazonk"', "10.0.0.1"),
    ("for=unknown", "10.0.0.1"),
    ('for="6.6.6.6, for=198.51.100.17', "198.51.100.17"),
    ("proto=http", "10.0.0.1"),
]


@pytest.mark.parametrize(("header", "expected"), FORWARDED)
def test_forwarded_is_read_where_it_is_what_our_proxies_write(header: str, expected: str) -> None:
    """The standard header works like the other one, and only one of them is read."""
    trust = TrustedProxies.parse("10.0.0.1", header="forwarded")
    assert client(trust, "10.0.0.1", header, name="forwarded") == expected
    assert client(trust, "10.0.0.1", "1.2.3.4") == "10.0.0.1"


def test_one_customers_ipv6_network_is_one_client() -> None:
    """Addresses of one /64 share a bucket, neighbours do not, and IPv4 in IPv6 is IPv4."""
    trust = TrustedProxies()
    one, same = client(trust, "2001:db8:0:1::1"), client(trust, "2001:db8:0:1:ffff::2")
    assert one == same != client(trust, "2001:db8:0:2::1")
    assert client(trust, "fe80::1%eth0") == "fe80::/64"
    assert client(trust, "::ffff:192.0.2.1") == client(trust, "192.0.2.1")
    assert client(trust, None) == client(trust, "testclient") == "unknown"


@pytest.mark.parametrize("text", ["hops=x", "hops=-1", "hops=99", "10.0.0.0/99", "proxy"])
def test_unreadable_trust_is_refused(text: str) -> None:
    """Nobody is trusted by a mistake in the configuration."""
    with pytest.raises(ValueError, match=r"."):
        TrustedProxies.parse(text)
