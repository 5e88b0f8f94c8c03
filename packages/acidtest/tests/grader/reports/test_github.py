"""What GitHub shows: a summary in which hostile text is dead, and annotations that stay in line."""

import re
from collections.abc import Callable, Iterator
from types import ModuleType
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from acidtest.core.finding import Finding, Place, Severity, numbered
from acidtest.core.judgement import Outcome
from acidtest.grader.reports import github
from acidtest.grader.reports.inert import one_line

_COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")
_OURS = {"text", "softbreak", "code_inline", "strong_open", "strong_close"}


def _leaves(text: str) -> Iterator[Token]:
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        yield token
        yield from token.children or ()


@pytest.fixture(scope="module")
def summary(sample: ModuleType, coded: ModuleType) -> str:
    """The summary of the sample whose files were read."""
    return github.render_summary(coded.judgement(sample))


@pytest.fixture(scope="module")
def annotations(sample: ModuleType, coded: ModuleType) -> str:
    """The annotations of the same."""
    return github.render_annotations(coded.judgement(sample), folder="services/books")


def test_the_words_of_the_summary(summary: str, snapshot: Callable[[str, str], None]) -> None:
    """Everything a person reads of a run whose files were read."""
    snapshot("github-summary.md.txt", summary)


def test_the_summary_without_a_profile(
    sample: ModuleType, snapshot: Callable[[str, str], None]
) -> None:
    """Where nothing was weighed by a profile, the groups of checks are the table."""
    plain = sample.judgement().model_copy(update={"assessment": None, "findings": ()})

    snapshot("github-summary-checks.md.txt", github.render_summary(plain))


@pytest.mark.parametrize("outcome", [Outcome.NOT_BUILT, Outcome.NOT_STARTED, Outcome.VOID])
def test_a_run_without_checks_is_explained(
    sample: ModuleType, snapshot: Callable[[str, str], None], outcome: Outcome
) -> None:
    """What could not be judged says why, in both."""
    unjudged = sample.unjudged(outcome)

    snapshot(f"github-{outcome}.md.txt", github.render_summary(unjudged))
    lines = github.render_annotations(unjudged).splitlines()
    assert all(_COMMAND.fullmatch(line) for line in lines)
    assert outcome is not Outcome.VOID or len(lines) == 1


def test_hostile_text_is_dead_in_the_summary(summary: str) -> None:
    """No HTML, no link and no picture is made of it; mentions and addresses are code."""
    tokens = list(_leaves(summary))

    kinds = {token.type for token in tokens if token.level and token.type in _inline(tokens)}
    assert kinds <= _OURS
    words = "".join(token.content for token in tokens if token.type == "text")
    assert not re.search(r"@\w|https?://|www\.|[\w/-]#\d", words)
    code = "".join(token.content for token in tokens if token.type == "code_inline")
    assert "@octocat [a](http://evil.example)" in code
    assert "⟨ESC⟩" in code


def _inline(tokens: list[Token]) -> set[str]:
    return {child.type for token in tokens for child in token.children or ()}


@pytest.mark.parametrize(
    "text",
    ["`", "``", "` `` ```", "|", "\\", "a|b\\", "<b>", "&lt;", "- x", "# x", "\n\n# x", "x`" * 50],
)
def test_anybodys_words_end_where_we_say(text: str) -> None:
    """Whatever is quoted, the code span holds all of it and nothing after it."""
    tokens = list(_leaves(f"- **1** {github._code(text)} after"))

    spans = [token.content for token in tokens if token.type == "code_inline"]
    assert [span.strip() for span in spans] == [text.replace("\n", "⟨LF⟩").strip()]
    assert tokens[-1].type == "bullet_list_close"
    assert any(token.type == "text" and token.content == " after" for token in tokens)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.one_of(st.sampled_from("`|\\<>&[]()!*_#@~-\n "), st.characters())))
def test_nothing_leaves_its_code_span(text: str) -> None:
    """Of whatever words, nothing but our own stands outside of the span."""
    tokens = [t for t in _leaves(f"- **1** {github._code(text)} after") if not t.children]

    kinds = {token.type for token in tokens if token.type in {*_OURS, "html_inline", "link_open"}}
    assert kinds <= _OURS
    words = " ".join(token.content for token in tokens if token.type == "text")
    assert words.split() == ["1", "after"]


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet=st.one_of(st.sampled_from("%:,\r\n#[]=\u2028 "), st.characters())), st.text()
)
def test_a_command_says_what_it_was_given_and_no_more(message: str, title: str) -> None:
    """A runner that decodes it gets the words back, shown inert, as one message and one title."""
    command = github._command("error", {"title": title}, message)

    found = _COMMAND.fullmatch(command.removesuffix("\n"))
    assert found
    assert "##[" not in command
    value = found[2].removeprefix("title=")
    assert "," not in value
    assert unquote(value) == one_line(title, limit=300).replace("##[", "## [")
    assert unquote(found[3]) == one_line(message, limit=600).replace("##[", "## [")


@pytest.mark.parametrize(
    "text", ["a*b*", "a|b", "<b>&amp;", "@x", "[a](b)", "![a](b)", "_x_", "#1", "`x`"]
)
def test_our_own_words_are_no_markdown(text: str) -> None:
    """A title of a problem or a check is shown as it is."""
    (inline,) = [token for token in _leaves(github._text(text)) if token.type == "inline"]

    assert {child.type for child in inline.children or ()} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children or ()) == text


def test_the_words_of_the_annotations(
    annotations: str, snapshot: Callable[[str, str], None]
) -> None:
    """Everything that is shown at lines of a pull request."""
    snapshot("github-annotations.txt", annotations)


def test_each_annotation_is_one_command(annotations: str) -> None:
    """No text of a submission ends a line, a property or a command, or begins another."""
    lines = annotations.removesuffix("\n").split("\n")

    parsed = [_COMMAND.fullmatch(line) for line in lines]
    assert all(parsed)
    assert "\r" not in annotations
    assert "##[" not in annotations
    for found in parsed:
        assert found
        names = [part.partition("=")[0] for part in found[2].split(",")]
        assert set(names) <= {"file", "line", "endLine", "title"}
        assert len(names) == len(set(names))


def test_a_file_is_named_below_its_repository(annotations: str) -> None:
    """A finding stands at its lines; what is only in the history, and a check, stands nowhere."""
    assert (
        "file=services/books/app/books.py,line=41,endLine=43,title=errors.swallowed" in annotations
    )
    assert "old/" not in annotations
    assert "%2Cb%3Ac" in annotations


def test_what_its_author_silenced_is_not_shown(annotations: str, summary: str) -> None:
    """A decision that was taken is no annotation and no row."""
    assert "silenced" not in annotations + summary


def test_no_more_than_ten_of_a_level(sample: ModuleType) -> None:
    """Of many findings the first ten of each level are shown, the others are in the report."""
    many = numbered(
        Finding(
            rule="a.b",
            criterion="code.style",
            severity=severity,
            message=f"{number}",
            place=Place(file="x.py", line=number + 1),
        )
        for severity in Severity
        for number in range(30)
    )
    judgement = sample.judgement().model_copy(update={"findings": many})

    text = github.render_annotations(judgement)

    levels = [found[1] for found in map(_COMMAND.fullmatch, text.splitlines()) if found]
    assert {level: levels.count(level) for level in levels} == {
        "error": 10, "warning": 10, "notice": 10
    }  # fmt: skip
    assert "more, in the report" in github.render_summary(judgement)
