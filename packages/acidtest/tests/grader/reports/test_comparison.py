"""A comparison tells differences: scores side by side, what only one has, what was measured."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import StringIO
from types import ModuleType

import pytest
from rich.console import Console

from acidtest.core.errors import UsageError
from acidtest.core.finding import Place
from acidtest.core.judgement import Judgement, Outcome
from acidtest.core.verdict import Status
from acidtest.grader.reports import compare_judgements, comparison_lines, render_comparison
from acidtest.grader.reports.comparison import Cell, Comparison, Row

_VOID = {"meta", "line", "circle", "br"}


class _Reader(HTMLParser):
    """Collects tags and words, and fails on tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and "style" not in self.open:
            self.words.append(" ".join(data.split()))


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert not reader.open
    return reader


@pytest.fixture(scope="module")
def first(sample: ModuleType, coded: ModuleType) -> Judgement:
    """The sample whose files were read."""
    judgement: Judgement = coded.judgement(sample)
    return judgement


@pytest.fixture(scope="module")
def second(first: Judgement, coded: ModuleType) -> Judgement:
    """The same with one race mended, one check more broken, and slower under load."""
    results = []
    for row in first.results:
        changed = row
        if row.check == "isbn_race_has_one_winner":
            changed = row.model_copy(
                update={"status": Status.PASS, "message": "", "evidence": None}
            )
        elif row.check == "keys_expire":
            words = "A key never expires: " + coded.MARKDOWN
            changed = row.model_copy(update={"status": Status.FAIL, "message": words})
        elif row.check == "sigterm_finishes_requests":
            assert row.evidence
            (load,) = row.evidence.loads
            slower = {key: value * 20 for key, value in load.percentiles.items()}
            slow = load.model_copy(update={"percentiles": slower})
            evidence = row.evidence.model_copy(update={"loads": (slow,)})
            changed = row.model_copy(update={"evidence": evidence})
        results.append(changed)
    where = Place(file="src/elsewhere.py", line=3)
    findings = tuple(
        one.model_copy(update={"place": where})
        for one in first.findings
        if one.rule in {"errors.swallowed", "style.hostile"}
    )
    return first.model_copy(
        update={
            "run": "20261122-090000-0b0b",
            "results": tuple(results),
            "findings": findings,
            "submission": first.submission.model_copy(update={"label": "other-service"}),
        }
    )


@pytest.fixture(scope="module")
def told(first: Judgement, second: Judgement, sample: ModuleType) -> Comparison:
    """Both of them, and one that did not start."""
    broken = sample.unjudged(Outcome.NOT_STARTED).model_copy(update={"findings": (), "marks": ()})
    return compare_judgements(
        [first, second, broken], titles={"errors.swallowed": "An error is caught and forgotten"}
    )


def test_what_only_one_has_is_told_of_it_alone(told: Comparison) -> None:
    """A check or rule that one of them breaks is under its letter, wherever its lines are."""
    one, two, three = ([loss.rule for loss in found] for found in told.alone)

    assert set(one) == {
        "isbn_race_has_one_winner", "duplication.block", "errors.blind", "made_up.rule",
        "readme.missing",
    }  # fmt: skip
    assert two == ["keys_expire"]
    assert three == []
    shared = {row.title for row in told.shared}
    assert {"An error is caught and forgotten", "style.hostile"} <= shared


def test_scores_stand_in_the_order_given(told: Comparison) -> None:
    """Each area and group has a cell for each submission, empty where nobody could tell."""
    assert [column.letter for column in told.columns] == ["A", "B", "C"]
    assert [column.points for column in told.columns] == [49, 49, None]
    assert told.columns[2].headline == "The service did not start"
    assert {row.title for row in told.areas} == {"Functionality", "Code quality", "Security"}
    assert all(len(row.cells) == 3 for row in (*told.areas, *told.groups))
    assert all(row.cells[2] is None for row in told.groups)


def test_the_best_of_a_row_is_marked_where_they_differ() -> None:
    """The most points are told from the others; where all have the same, none stands out."""
    assert Row("x", (Cell(3, 5), None, Cell(4, 5), Cell(4, 5))).best == "4.0"
    assert not Row("x", (Cell(4, 5), None, Cell(4, 5))).best


def test_loads_are_drawn_on_one_axis(told: Comparison) -> None:
    """The slower one lies to the right, in the order of time, inside the picture."""
    (load,) = [m for m in told.measures if m.name.startswith("sigterm_finishes_requests")]

    quick, slow = load.spreads
    assert (quick.letter, slow.letter) == ("A", "B")
    assert all(a < b for a, b in zip(quick.x, slow.x, strict=True))
    assert list(slow.x) == sorted(slow.x)
    assert 0 <= min(quick.x) <= max(slow.x) <= 740
    assert load.values == (31.8, 31.8 * 20, None)


def test_what_was_counted_in_the_files_is_beside_it(told: Comparison) -> None:
    """Figures of the stages are rows, without a value where there is none."""
    (figure,) = [m for m in told.measures if m.name == "code.errors: handlers"]

    assert figure.values == (12.0, 12.0, None)


def test_the_words_in_the_terminal(told: Comparison, snapshot: Callable[[str, str], None]) -> None:
    """Everything a person reads in a terminal of 100 columns."""
    console = Console(file=StringIO(), width=100, markup=False, highlight=False, emoji=False)
    for line in comparison_lines(told):
        console.print(line)

    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO, see above
    assert "\x1b" not in text
    snapshot("comparison.txt", "\n".join(line.rstrip() for line in text.splitlines()) + "\n")


def test_the_words_of_the_page(told: Comparison, snapshot: Callable[[str, str], None]) -> None:
    """Everything a person reads on the page, in order."""
    snapshot("comparison-html.txt", "\n".join(_read(render_comparison(told)).words) + "\n")


def test_the_page_is_as_inert_as_the_report(told: Comparison) -> None:
    """One file with the same policy, no script, no address, hostile characters by name."""
    page = render_comparison(told)
    reader = _read(page)

    tags = {tag for tag, _ in reader.tags}
    names = {name for _, given in reader.tags for name in given}
    policies = [given["content"] for tag, given in reader.tags if "http-equiv" in given]
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
    assert not [name for name in names if name.startswith("on") or name in {"style", "src"}]
    assert all(g["href"].startswith("#") for tag, g in reader.tags if tag == "a")
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "unsafe" not in policies[0]
    assert "<img src=x>" in " ".join(reader.words)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e]", page)


def test_a_screen_reader_finds_its_way(told: Comparison) -> None:
    """Every table has a caption, every picture a name, and headings skip no level."""
    reader = _read(render_comparison(told))

    tags = [tag for tag, _ in reader.tags]
    assert tags.count("caption") == tags.count("table")
    ids = [given["id"] for _, given in reader.tags if "id" in given]
    labels = [given["aria-labelledby"] for _, given in reader.tags if "aria-labelledby" in given]
    assert len(ids) == len(set(ids))
    assert set(labels) <= set(ids)
    assert tags.count("h1") == 1


def test_another_problem_is_refused(first: Judgement, second: Judgement) -> None:
    """Judgements of two problems have nothing to compare, and the error names them."""
    other = second.model_copy(
        update={"problem": second.problem.model_copy(update={"slug": "orders"})}
    )

    with pytest.raises(UsageError, match="A of book-reviews, B of orders"):
        compare_judgements([first, other])


def test_one_or_too_many_are_refused(first: Judgement) -> None:
    """There is nothing beside one, and nobody reads a table of thirty columns."""
    for count in (0, 1, 21):
        with pytest.raises(UsageError):
            compare_judgements([first] * count)


def test_what_differs_besides_the_submissions_is_warned_of(
    first: Judgement, second: Judgement, sample: ModuleType
) -> None:
    """Other versions, profiles and options make numbers differ, and it is said."""
    other = second.model_copy(
        update={
            "problem": second.problem.model_copy(update={"version": "2.0"}),
            "acidtest_version": "9.9",
            "options": second.options.model_copy(update={"quick": True, "only": ("x",)}),
        }
    )

    told = compare_judgements([first, other, sample.unjudged(Outcome.VOID)])

    said = " ".join(told.warnings)
    assert "The versions of the problem differ: A 1.0, B 2.0." in told.warnings
    for part in ("versions of AcidTest", "B quick", "B was asked chosen checks", "C is void"):
        assert part in said
    assert compare_judgements([first, second]).warnings == ()
