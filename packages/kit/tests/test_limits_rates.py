import json
from typing import Any

import http_sf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acidkit.errors import problem_response
from acidkit.limits import (
    Ask,
    LimitSettings,
    LocalBuckets,
    OnOutage,
    QuotaExceeded,
    Rate,
    Rule,
    Standing,
    _buckets,
    rate_limit_fields,
)

SECOND = 1_000_000


class Clock:
    """The microseconds that local buckets go by."""

    def __init__(self) -> None:
        self.now = 7 * SECOND

    def __call__(self) -> int:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands until the test moves it."""
    made = Clock()
    monkeypatch.setattr(_buckets, "_now", made)
    return made


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/1h", Rate(quota=100, window=3600, burst=100)),
        ("100/h", Rate(quota=100, window=3600, burst=100)),
        (" 5 / 10 s ; burst=2", Rate(quota=5, window=10, burst=2)),
        ("9/m;shadow", Rate(quota=9, window=60, burst=9, shadow=True)),
        ("9/2d;on_outage=deny", Rate(quota=9, window=172_800, burst=9, on_outage=OnOutage.DENY)),
    ],
)
def test_rate_is_read_from_text(text: str, rate: Rate) -> None:
    """A rate in words is the rate in numbers."""
    assert Rate.parse(text) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "100",
        "100/",
        "100/60",
        "0/s",
        "1/0s",
        "-1/s",
        "1/w",
        "1/s;burst",
        "1/s;burst=0",
        "1/s;burst=x",
        "1/s;shadow=1",
        "1/s;loud",
        "1/s;on_outage=shrug",
        "2000001/s",
        "\u0661/s",
    ],
)
def test_what_is_not_a_rate_is_refused(text: str) -> None:
    """Nothing is guessed: a text that is not a rate stops the service at its start."""
    with pytest.raises(ValueError, match=r"."):
        Rate.parse(text)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator declares limits, proxies and bounds in plain words, or turns a limit off."""
    monkeypatch.setenv("RATE_LIMIT_IP", "3/1m;burst=2")
    monkeypatch.setenv("RATE_LIMIT_USER", "off")
    monkeypatch.setenv("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1")
    monkeypatch.setenv("MAX_IN_FLIGHT", "3")
    found = LimitSettings()
    assert found.rate_limit_ip == Rate(quota=3, window=60, burst=2)
    assert found.rate_limit_user is None
    assert found.rate_limit_login is not None
    assert found.gate.in_flight == 3
    client = found.proxies.client_of(
        {"client": ("10.1.1.1", 1), "headers": [(b"x-forwarded-for", b"192.0.2.9")]}
    )
    assert str(client) == "192.0.2.9"


@pytest.mark.parametrize(
    ("name", "value"),
    [("RATE_LIMIT_IP", "many"), ("TRUSTED_PROXIES", "our.proxy"), ("FORWARDED_HEADER", "x-me")],
)
def test_unreadable_setting_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A limit that cannot be read is not a limit that is off."""
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=name.lower()):
        LimitSettings()


@given(
    quota=st.integers(1, 40),
    window=st.integers(1, 90),
    burst=st.integers(1, 30),
    steps=st.lists(
        st.tuples(st.integers(0, 30 * SECOND), st.integers(1, 4)), min_size=1, max_size=60
    ),
)
@settings(deadline=None, max_examples=60)
def test_no_span_holds_more_than_the_rate_promises(
    quota: int, window: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    """Between any two moments at most burst + time · quota / window units have passed."""
    clock = Clock()
    rate = Rate(quota=quota, window=window, burst=burst)
    taken: list[tuple[int, int]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_buckets, "_now", clock)
        buckets = LocalBuckets()
        for pause, weight in steps:
            clock.now += pause
            if not buckets.take([Ask("ip", rate, "a", weight)]).refused:
                taken.append((clock.now, weight))
    for begin, (first, _) in enumerate(taken):
        total = 0
        for at, weight in taken[begin:]:
            total += weight
            assert total * window * SECOND <= burst * window * SECOND + (at - first) * quota


def test_waiting_as_told_is_enough_and_needed(clock: Clock) -> None:
    """A client that waits its seconds passes; one microsecond earlier it does not."""
    buckets, rate = LocalBuckets(), Rate.parse("7/1m;burst=4")
    ask = Ask("ip", rate, "a", 3)
    assert not buckets.take([ask]).refused
    refusal = buckets.take([ask])
    wait = round(refusal.standings[0].seconds * SECOND)
    clock.now += wait - 1
    assert buckets.take([ask]).refused
    clock.now += 1
    assert not buckets.take([ask]).refused


def test_units_are_due_a_little_late_rather_than_early() -> None:
    """Where a quota does not divide its window, the rest is rounded in nobody's favour."""
    rate = Rate.parse("7/1m")
    assert rate.interval * 7 >= 60 * SECOND > (rate.interval - 1) * 7


def test_what_was_seen_of_shared_buckets_is_gone_on_from(clock: Clock) -> None:
    """After a refusal in Redis, every bucket holds what it held before, also the one to blame."""
    assert clock.now
    buckets, rate = LocalBuckets(), Rate.parse("10/1m")
    wide, narrow = Ask("wide", rate, "a", 4), Ask("narrow", rate, "a", 4)
    buckets.learn([wide, narrow], [2 * rate.interval, -rate.interval], passes=False)
    assert not buckets.take([wide._replace(weight=6)]).refused
    assert buckets.take([wide._replace(weight=1)]).refused
    assert not buckets.take([narrow._replace(weight=3)]).refused
    assert buckets.take([narrow._replace(weight=1)]).refused


def test_no_edge_at_which_a_client_has_twice_its_due(clock: Clock) -> None:
    """Who used the quota just before a full minute has next to nothing just after it."""
    buckets, ask = LocalBuckets(), Ask("ip", Rate.parse("60/1m"), "a")
    clock.now = 60 * SECOND - 1
    assert sum(not buckets.take([ask]).refused for _ in range(100)) == 60
    clock.now = 61 * SECOND
    assert sum(not buckets.take([ask]).refused for _ in range(100)) == 1


def test_local_buckets_take_bounded_memory(clock: Clock) -> None:
    """However many clients come, only so many buckets are kept, and those used last."""
    assert clock.now
    buckets, rate = LocalBuckets(size=100), Rate.parse("1/1h")
    for number in range(1000):
        buckets.take([Ask("ip", rate, "steady"), Ask("ip", rate, str(number))])
        buckets.take([Ask("ip", rate, f"other {number}")])
    assert len(buckets) == 100
    assert buckets.take([Ask("ip", rate, "other 999")]).refused
    assert not buckets.take([Ask("ip", rate, "other 1")]).refused


# The examples of draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4, without partition keys.
EXAMPLES = [
    ("RateLimit-Policy", [("burst", 100, 60), ("daily", 1000, 86_400)]),
    ("RateLimit-Policy", [("default", 100, 10)]),
]


@pytest.mark.parametrize(("name", "policies"), EXAMPLES)
def test_policies_are_written_as_in_the_draft(
    name: str, policies: list[tuple[str, int, int]]
) -> None:
    """Our fields, parsed by a library of structured fields, are those of the draft's examples."""
    standings = [
        Standing(title, Rate(quota=quota, window=window, burst=quota), 1, 0.0, violated=False)
        for title, quota, window in policies
    ]
    text = ",".join(f'"{title}";q={quota};w={window}' for title, quota, window in policies)
    ours: Any = http_sf.parse(rate_limit_fields(standings)[name].encode(), tltype="list")
    assert ours == http_sf.parse(text.encode(), tltype="list")


def test_standing_is_written_as_in_the_draft() -> None:
    """Fifty left and more after thirty seconds is what the draft's first example says."""
    rate = Rate(quota=100, window=3600, burst=100)
    fields = rate_limit_fields([Standing("default", rate, 50, 29.2, violated=False)])
    assert fields["RateLimit"] == '"default";r=50;t=30'


def test_refusal_is_the_drafts_problem() -> None:
    """A refusal has the registered type, names what was violated and never says "too early"."""
    rate = Rate(quota=1, window=60, burst=1)
    broken = [
        Standing(name, rate, 0, seconds, violated=True)
        for name, seconds in (("a", 0.2), ("b", 9.1))
    ]
    answer = problem_response(QuotaExceeded(broken))
    body = json.loads(bytes(answer.body))
    assert body["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert (body["status"], body["violated-policies"]) == (429, ["a", "b"])
    waits: Any = http_sf.parse(answer.headers["ratelimit"].encode(), tltype="list")
    assert int(answer.headers["retry-after"]) == max(member[1]["t"] for member in waits) == 10


@pytest.mark.parametrize("name", ["", "Ip", "a b", 'a"b', "x" * 33, "a\n"])
def test_names_that_do_not_fit_a_field_are_refused(name: str) -> None:
    """A limit's name can be put into a header and into a key as it is."""
    with pytest.raises(ValueError, match="not a name"):
        Rule(name=name, rate=Rate.parse("1/s"), by="ip")


def test_rule_knows_its_requests_and_their_weight() -> None:
    """A rule is about the requests it names, templates included, and weighs each."""
    rule = Rule(
        name="some",
        rate=Rate.parse("10/s"),
        by="ip",
        costs={"POST /orders": 5, "GET /orders/{id}": 2, "/login": 1},
    )
    asked = [("POST", "/orders"), ("GET", "/orders/7"), ("PUT", "/login"), ("GET", "/orders")]
    assert [rule.cost(*each) for each in asked] == [5, 2, 1, None]
    with pytest.raises(ValueError, match="more than some ever lets pass"):
        Rule(name="some", rate=Rate.parse("10/s"), by="ip", costs={"/": 11})
