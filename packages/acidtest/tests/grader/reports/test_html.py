"""The page: one inert file that a person, a phone, a printer and a screen reader can read."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from types import ModuleType

import pytest

from acidtest.core.judgement import Outcome
from acidtest.grader.reports import render_html

_VOID = {"meta", "br", "img", "link", "input", "hr", "base"}
_LEAVES = {"rect", "line", "polyline"}
_HEADINGS = ("h1", "h2", "h3", "h4")


class _Reader(HTMLParser):
    """Collects what the tests ask about, and fails on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    @property
    def in_moments(self) -> bool:
        """Whether the reader is inside the table of a timeline, too long for a snapshot."""
        tables = [given for tag, given in self.tags if tag == "table"]
        return "table" in self.open and tables[-1].get("class") == "moments"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _LEAVES
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        unseen = {"style", "svg"} & {*self.open} or self.in_moments
        if not unseen and data.strip():
            self.words.append(" ".join(data.split()))

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


@pytest.fixture(scope="module")
def page(sample: ModuleType) -> str:
    """The rendered sample."""
    return render_html(sample.judgement())


@pytest.fixture(scope="module")
def reader(page: str) -> _Reader:
    """The rendered sample, parsed."""
    return _read(page)


def test_the_words_of_the_page(reader: _Reader, snapshot: Callable[[str, str], None]) -> None:
    """Everything a person reads on the page, in order."""
    snapshot("html.txt", "\n".join(reader.words) + "\n")


@pytest.mark.parametrize("outcome", [Outcome.NOT_BUILT, Outcome.NOT_STARTED, Outcome.VOID])
def test_a_run_without_checks_is_explained(
    sample: ModuleType, snapshot: Callable[[str, str], None], outcome: Outcome
) -> None:
    """What could not be judged has a page that says why and what to do."""
    reader = _read(render_html(sample.unjudged(outcome)))

    snapshot(f"html-{outcome}.txt", "\n".join(reader.words) + "\n")


def test_nothing_runs_and_nothing_is_loaded(page: str, reader: _Reader) -> None:
    """There is no script, no handler, no address to load, and a policy that forbids all three."""
    tags = {tag for tag, _ in reader.tags}
    attributes = {name for _, given in reader.tags for name in given}
    policies = [m["content"] for m in reader.attributes("meta") if "http-equiv" in m]

    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
    assert not [name for name in attributes if name.startswith("on") or name in {"style", "src"}]
    assert all(a["href"].startswith("#") for a in reader.attributes("a"))
    assert not re.search(r"url\(|@import", page.split("</style>", maxsplit=1)[0])
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]


def test_hostile_text_is_shown_and_inert(page: str, reader: _Reader) -> None:
    """What tries to leave its place is there as text, with its hidden characters named."""
    words = " ".join(reader.words)

    assert "<script>document.title='owned'</script>" in words
    assert "{{7*7}} {% raw %}" in words
    assert "⟨ESC⟩[31mred" in words
    assert "⟨U+202E⟩desrever" in words
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e]", page)


def test_every_reference_inside_the_page_leads_somewhere(reader: _Reader) -> None:
    """Ids are unique, and every link and label names one that exists."""
    ids = [given["id"] for _, given in reader.tags if "id" in given]
    links = [given["href"].removeprefix("#") for given in reader.attributes("a")]
    labels = [name for _, given in reader.tags for name in given.get("aria-labelledby", "").split()]

    assert len(ids) == len(set(ids))
    assert set(links) | set(labels) <= set(ids)


def test_headings_are_in_order(reader: _Reader) -> None:
    """There is one h1, and no heading skips a level downwards."""
    levels = [int(tag[1]) for tag, _ in reader.tags if tag in _HEADINGS]

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_screen_reader_finds_its_way(reader: _Reader) -> None:
    """Landmarks, a skip link, captioned tables, scoped headers and described pictures are there."""
    tags = [tag for tag, _ in reader.tags]

    assert {"header", "nav", "main", "footer"} <= set(tags)
    assert reader.attributes("html")[0]["lang"] == "en"
    assert reader.attributes("a")[0]["href"] == "#main"
    assert tags.count("caption") == tags.count("table")
    assert all(given.get("scope") in {"col", "row"} for given in reader.attributes("th"))
    pictures = [g for g in reader.attributes("svg") if g.get("aria-hidden") != "true"]
    assert len(pictures) == 7
    assert all(g["role"] == "img" and g["aria-labelledby"] for g in pictures)
    assert all(g.get("tabindex") == "0" for g in reader.attributes("pre"))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_colour_has_contrast_in_light_and_dark(page: str) -> None:
    """Each colour of text reaches 4.5 on each ground it stands on, in both schemes."""
    roots = re.findall(r":root \{(.*?)\}", page, flags=re.DOTALL)[:2]
    pairs = [
        *((ink, ground) for ink in ("ink", "soft", "link", "red", "green", "amber", "http", "sql",
                                    "redis", "log", "fault")
          for ground in ("paper", "card")),
        ("ink", "well"), ("soft", "well"), ("soft", "grey-wash"), ("red", "red-wash"),
        ("amber", "amber-wash"), ("fault", "fault-wash"), ("http", "blue-wash"),
        ("ink", "amber-wash"), ("ink", "fault-wash"),
    ]  # fmt: skip

    weak = [
        (number, pair)
        for number, root in enumerate(roots)
        for colours in [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", root))]
        for pair in pairs
        for light, dark in [sorted((_luminance(colours[name]) for name in pair), reverse=True)]
        if (light + 0.05) / (dark + 0.05) < 4.5
    ]

    assert len(roots) == 2
    assert weak == []


def test_the_score_is_never_rounded_up_to_a_hundred(sample: ModuleType) -> None:
    """A score of 99.97 reads as 99.9."""
    judgement = sample.judgement()
    score = judgement.score.model_copy(update={"points": 99.97})

    words = _read(
        render_html(judgement.model_copy(update={"score": score, "assessment": None}))
    ).words

    assert "99.9" in words


def test_a_run_without_findings_says_so(sample: ModuleType) -> None:
    """Where nothing was found, the page says it in a sentence."""
    judgement = sample.judgement()
    passed = tuple(row for row in judgement.results if row.status == "pass")

    words = _read(render_html(judgement.model_copy(update={"results": passed}))).words

    assert "Nothing was found that costs a point." in words


def test_a_page_stays_small_whatever_the_evidence(sample: ModuleType) -> None:
    """Ten thousand moments of hostile text still make a page of bounded size."""
    judgement = sample.judgement()
    rows = list(judgement.results)
    index = next(i for i, row in enumerate(rows) if row.check == "errors_give_nothing_away")
    evidence = rows[index].evidence
    assert evidence
    moments = tuple(
        moment.model_copy(update={"at": moment.at + n})
        for n in range(2_000)
        for moment in evidence.timeline
    )
    evidence = evidence.model_copy(update={"timeline": moments})
    rows[index] = rows[index].model_copy(update={"evidence": evidence})

    page = render_html(judgement.model_copy(update={"results": tuple(rows)}))

    assert len(page) < 1_500_000
    assert "more moments in judgement.json" in page
