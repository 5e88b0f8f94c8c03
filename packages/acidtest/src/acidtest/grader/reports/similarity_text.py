"""Similar code in the terminal: the places first, and what they do not mean."""

import json
from collections.abc import Iterator

from rich.text import Text

from acidtest.grader.reports import wording
from acidtest.grader.reports.console_text import line, safe
from acidtest.grader.similarity import Likeness, Pair, Similarity, Span

MEANING = (
    "A signal and no verdict. Alike code has innocent reasons: the same tutorial, the same "
    "framework, an editor that completes lines. Read both places, and ask the people, before you "
    "conclude anything."
)
_MOST = 20
_NAME = 60


def similarity_lines(told: Similarity) -> Iterator[Text]:
    """Yield what `told` says for a terminal."""
    shown = [pair for pair in told.pairs if pair.suspicious]
    for pair in shown[:_MOST]:
        yield from _pair(pair)
    if len(shown) > _MOST:
        yield line(f"and {len(shown) - _MOST} more pairs")
    rest = len(told.sizes) * (len(told.sizes) - 1) // 2 - len(shown)
    found = (
        f"{wording.plural(len(shown), 'pair')} worth a look" if shown else "No pair is worth a look"
    )
    others = f"; {wording.plural(rest, 'other')} share little beyond what is common."
    ending = others if shown and rest else "."
    yield line((found, "bold"), ending)
    if shown:
        yield line(MEANING)
    for note in told.notes:
        yield line(("Notice  ", "bold yellow"), note)


def similarity_json(told: Similarity) -> str:
    """Return `told` as JSON, every pair with its places."""
    document = {
        "format": "acidtest/similarity/1",
        "meaning": MEANING,
        "own_fingerprints": dict(told.sizes),
        "pairs": [
            {
                "one": pair.one,
                "other": pair.other,
                "share": round(pair.share, 4),
                "fingerprints": pair.fingerprints,
                "worth_a_look": pair.suspicious,
                "places": [
                    {
                        "one": place.one._asdict(),
                        "other": place.other._asdict(),
                        "fingerprints": place.fingerprints,
                    }
                    for place in pair.places
                ],
            }
            for pair in told.pairs
        ],
        "notes": list(told.notes),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _pair(pair: Pair) -> Iterator[Text]:
    yield line(
        (f"{round(100 * pair.share):>3} % ", "bold yellow"),
        (safe(pair.one, limit=_NAME).plain, "bold"),
        " and ",
        (safe(pair.other, limit=_NAME).plain, "bold"),
        ": so much of the smaller one's own code reads alike, here",
    )
    for place in pair.places:
        yield line(f"      {_place(place)}")
    yield Text()


def _place(place: Likeness) -> str:
    return f"{_span(place.one)}  ~  {_span(place.other)}"


def _span(span: Span) -> str:
    lines = f"{span.first}-{span.last}" if span.last > span.first else f"{span.first}"
    return f"{span.file}:{lines}"
