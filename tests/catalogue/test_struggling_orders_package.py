"""The Struggling orders package: what its checks are made of, and that its parts fit together."""

import importlib
import random
from datetime import UTC, datetime
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from standardwebhooks import Webhook

from acidtest.catalogue.history import history_of_starter
from acidtest.catalogue.loader import load_problem
from acidtest.core.evidence import SqlStatement
from acidtest.grader.plan import ordered_checks

SLUG = "struggling-orders"
FOLDER = load_problem(SLUG).folder
ROOT = FOLDER.parents[2]


@cache
def part(name: str) -> ModuleType:
    """Return a module of the package; the checks have to be loaded once before."""
    ordered_checks(load_problem(SLUG))
    return importlib.import_module(f"acidtest_checks_struggling_orders.{name}")


def test_the_old_data_is_the_same_for_all() -> None:
    """The fixed service keeps the very files that the starter and the judge make the data of."""
    ours = FOLDER / "starter" / "python-fastapi" / "database"
    kept = ROOT / "services" / "orders_fixed" / "database"

    assert {path.name: path.read_text() for path in ours.glob("*.sql")} == {
        path.name: path.read_text() for path in kept.glob("*.sql")
    }


def test_the_leaked_secrets_are_those_of_the_history() -> None:
    """What the checks look for is what the starter's second commit wrote."""
    history = history_of_starter(FOLDER / "starter" / "python-fastapi")
    assert history is not None
    written = "".join(text for commit in history.commits for text in commit.write.values())

    leaked = part("_leaked").leaked()
    assert set(leaked) == {"DATABASE_URL", "WEBHOOK_SECRET", "PAYMENT_API_KEY", "SMTP_PASSWORD"}
    assert all(secret in written and "//" not in secret for secret in leaked.values())


def test_events_are_signed_as_the_standard_says() -> None:
    """The library of the standard's authors believes our signatures."""
    provider = part("_provider")
    secret = provider.leaked_secret()
    env: Any = SimpleNamespace(word=lambda _count: "abc", secrets=(secret,))
    body = provider.event(17)

    told = Webhook(secret).verify(body, provider.signed(env, body))
    assert told == {"type": "payment.succeeded", "data": {"order_id": 17}}


@pytest.mark.parametrize(
    ("found", "wanted", "said"),
    [
        ({"a": 1, "more": 2}, {"a": 1}, ""),
        ({"a": "2025-01-01T01:00:00+01:00"}, {"a": datetime(2025, 1, 1, tzinfo=UTC)}, ""),
        ({"a": "2025-01-01T00:00:00Z"}, {"a": "2025-01-01T00:00:00+00:00"}, ""),
        ({"a": True}, {"a": 1}, "a is True, not 1"),
        ({}, {"a": None}, "a is missing"),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, "a[0].b is 1, not 2"),
        ({"a": [1]}, {"a": [1, 2]}, "a has 1 entries, not 2"),
        ([], {"a": 1}, "the answer is [], not an object"),
    ],
)
def test_a_difference_names_its_place(found: Any, wanted: Any, said: str) -> None:
    """Further fields do not matter, times are moments, and types do matter."""
    assert part("_shop").difference(found, wanted) == said


def test_statements_under_way_are_counted_at_their_peak() -> None:
    """Two that overlap count as two, one that begins where another ends does not."""
    spans = [(0.0, 2.0), (1.0, 1.0), (2.0, 1.0), (2.5, None)]
    statements = [
        SqlStatement(at=at, connection=1, text="select 1", seconds=seconds) for at, seconds in spans
    ]

    assert part("bounds")._under_way(statements) == 2


def test_ten_kinds_of_secrets_are_drawn_anew() -> None:
    """Each kind is another text for another seed, in a file that says something else besides."""
    kinds = part("leaks")._KINDS
    one, two = (
        [
            make(SimpleNamespace(rng=random.Random(seed), word=lambda: "w"))
            for make in kinds.values()
        ]
        for seed in (1, 2)
    )

    assert len(kinds) == 10
    assert not set(one) & set(two)
