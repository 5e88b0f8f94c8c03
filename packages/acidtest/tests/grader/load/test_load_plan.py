"""Plans, schedules and shots: the same seed gives the same load, and nothing unknown is sent."""

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from acidtest.grader.load import LoadPlan, LoadRequest
from acidtest.grader.load.arrivals import MAX_ARRIVALS, dispersion, schedule
from acidtest.grader.load.oracle import Oracle
from acidtest.grader.load.shots import Magazine, Shot


def _magazine(plan: LoadPlan, **options: Any) -> Magazine:
    return Magazine(plan, **{"mix": {}, "neutral": {"Accept": "*/*"}, "seed": 1, **options})


def _whole(shot: Shot) -> str:
    return (shot.head[0] + b"h:1" + shot.head[1]).decode()


@pytest.mark.parametrize("arrivals", ["uniform", "poisson"])
def test_a_schedule_holds_exactly_what_was_asked(arrivals: str) -> None:
    """Both kinds have the exact number, in order and inside the time; a seed repeats them."""
    first = schedule(250, 2.0, arrivals=arrivals, seed=3)

    assert len(first) == 500
    assert all(0 <= a <= b < 2.0 for a, b in pairwise(first))
    assert first == schedule(250, 2.0, arrivals=arrivals, seed=3)


def test_poisson_arrivals_scatter_and_even_ones_do_not() -> None:
    """The index of dispersion is about one for Poisson, about nought for even, large for bursts."""
    poisson = schedule(1000, 20.0, arrivals="poisson", seed=5)
    even = schedule(1000, 20.0, arrivals="uniform", seed=5)
    bursts = [float(second) for second in range(20) for _ in range(1000)]

    assert 0.8 < dispersion(poisson) < 1.2
    assert dispersion(even) < 0.2
    assert dispersion(bursts) > 100


@pytest.mark.parametrize("rate", [0.1, MAX_ARRIVALS * 2])
def test_a_schedule_is_bounded(rate: float) -> None:
    """A load of no requests or of too many is refused."""
    with pytest.raises(ValueError, match="requests"):
        schedule(rate, 1.0, arrivals="uniform", seed=1)


@pytest.mark.parametrize(
    "bad",
    [
        {"path": "/a\r\nX: 1"},
        {"headers": {"X": "a\nb"}},
        {"path": "/${nobody}"},
        {"method": "TRACE"},
        {"weight": 0},
        {"expect": [99]},
    ],
)
def test_a_plan_that_cannot_be_sent_is_refused(bad: dict[str, Any]) -> None:
    """Line ends in headers, unknown places and the like are errors of the plan."""
    with pytest.raises(ValidationError):
        LoadPlan.model_validate({"requests": [{"name": "a", "path": "/", **bad}]})


def test_a_place_must_be_known_for_every_user() -> None:
    """A value that only some users have is missing for the others."""
    request = LoadRequest(name="a", path="/${token}")

    with pytest.raises(ValidationError, match="nothing is given for token"):
        LoadPlan(requests=(request,), users=({"token": "a"}, {"name": "b"}))
    assert LoadPlan(requests=(request,), users=({"token": "a"},))


def test_a_seed_repeats_every_shot() -> None:
    """Two magazines of one seed make the same bytes, another seed makes others."""
    plan = LoadPlan(
        requests=(
            LoadRequest(name="a", path="/${uuid}/${order}", weight=2),
            LoadRequest(name="b", method="POST", path="/${word}", body="{}"),
        ),
        values={"order": tuple("abcdef")},
    )
    shots = [[_magazine(plan, seed=seed).make() for _ in range(1)] for seed in (1, 1, 2)]
    many = [[m.make() for _ in range(50)] for m in (_magazine(plan), _magazine(plan))]

    assert shots[0] == shots[1] != shots[2]
    assert many[0] == many[1]


def test_a_skew_makes_some_values_hot() -> None:
    """With an exponent of one, the first of a hundred values is taken about a fifth of the time."""
    plan = LoadPlan(
        requests=(LoadRequest(name="a", path="/${order}"),),
        values={"order": tuple(str(n) for n in range(100))},
        skew={"order": 1.0},
    )
    magazine = _magazine(plan)

    paths = Counter(_whole(magazine.make()).split(" ")[1] for _ in range(4_000))

    assert paths["/0"] / 4_000 == pytest.approx(1 / 5.19, rel=0.2)
    assert paths["/0"] > 5 * paths["/20"]


def test_a_request_says_its_true_length_and_keeps_its_own_headers() -> None:
    """A header of the request wins over the neutral one, whatever its case."""
    plan = LoadPlan(
        requests=(
            LoadRequest(name="a", method="POST", path="/", headers={"accept": "x"}, body="ä${n}"),
        )
    )

    text = _whole(_magazine(plan).make())

    assert text.startswith("POST / HTTP/1.1\r\nHost: h:1\r\n")
    assert "Content-Length: 3\r\n" in text
    assert text.lower().count("accept:") == 1
    assert text.endswith("\r\n\r\nä0")


def test_a_mix_of_strangers_is_refused() -> None:
    """A profile that names a request the plan does not have is an error."""
    plan = LoadPlan(requests=(LoadRequest(name="a", path="/"),))

    with pytest.raises(ValueError, match="mix"):
        _magazine(plan, mix={"a": 1.0, "b": 1.0})


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"data": {"id": 7, "tags": ["x"]}}, "good"),
        ({"data": {"id": "7", "tags": ["x"]}}, "good"),
        ({"data": {"id": 8, "tags": ["x"]}}, "the body has another data.id than was asked for"),
        ({"data": {"id": 7, "tags": []}}, "the body has no data.tags.0"),
        ([], "the body has no data.tags.0"),
        (None, "the body is not JSON"),
    ],
)
def test_a_body_is_compared_with_what_was_asked(body: Any, verdict: str) -> None:
    """Another's thing, a missing field and no JSON are each named."""
    request = LoadRequest(
        name="a", path="/", keys=("data.tags.0",), equals={"data.id": "7"}, capture="data.id"
    )
    shot = _magazine(LoadPlan(requests=(request,))).make()
    said = b"[" * 100_000 if body is None else json.dumps(body).encode()

    finding = Oracle((request,)).judge(shot, 200, said)

    assert finding.verdict == verdict
    assert (finding.captured == "7") == (verdict == "good")


def test_only_one_in_so_many_bodies_is_looked_at() -> None:
    """With `every`, the others pass by their status."""
    request = LoadRequest(name="a", path="/", keys=("id",), every=4)
    magazine = _magazine(LoadPlan(requests=(request,)))
    oracle = Oracle((request,))

    verdicts = [oracle.judge(magazine.make(), 200, b"{}").verdict for _ in range(8)]

    assert verdicts.count("good") == 6


def test_random_values_in_templates_survive() -> None:
    """Whatever printable text a value holds, it arrives as it is."""
    dice = random.Random(7)
    for _ in range(100):
        value = "".join(chr(dice.randrange(32, 127)) for _ in range(12))
        plan = LoadPlan(
            requests=(LoadRequest(name="a", path="/", headers={"X": "${v}"}),), values={"v": value}
        )
        assert f"X: {value}\r\n" in _whole(_magazine(plan).make())
