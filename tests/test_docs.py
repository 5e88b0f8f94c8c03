"""What the pages of the documentation promise is there: links, names, options and lines of code."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from acidtest.catalogue.expectations import load_expectations
from acidtest.catalogue.loader import load_problem, problem_slugs
from acidtest.grader.plan import ordered_checks
from acidtest.grader.verify import cases_of

ROOT = Path(__file__).resolve().parent.parent
CODE = ("packages", "services", "catalogue", "tools", "benchmarks")
KINDS = frozenset({"reference", "submission", "suspect", "junk"})
LONG_NAME = 3  # underscores; what is called in so many words here is a check or a suspect
LARGEST = 1024 * 1024
OF_LINUX = frozenset({"no_new_privs"})

LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"\]\(#([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NAMED_LINK = re.compile(r"\[`([a-z0-9_]+)`\]\(([^)\s]+/checks/\w+\.py)\)")
NAME = re.compile(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+)+)`")
ONLY = re.compile(r"--only (\S+)")
PLACE = re.compile(rf"(?<![\w./-])((?:{'|'.join((*CODE, 'docs', 'tests'))})/[\w./-]*\w)")
EXCERPT = re.compile(r"^```python\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pages() -> list[str]:
    """Every page, by its path."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def text_of(page: str) -> str:
    """The text of a page or of a file that it speaks of."""
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def asked() -> frozenset[str]:
    """All that `--only` may name: checks, cases and their kinds."""
    names = set(KINDS)
    for slug in problem_slugs():
        problem = load_problem(slug)
        names |= {check.info.id for check in ordered_checks(problem)}
        names |= {case.name for case in cases_of(problem, load_expectations(problem))}
    return frozenset(names)


@cache
def written() -> frozenset[str]:
    """Every word of the code and the packages."""
    words: set[str] = set()
    for path in sources():
        words |= set(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace")))
    return frozenset(words)


def sources() -> Iterator[Path]:
    """The files of the code and the packages."""
    for part in CODE:
        for path in (ROOT / part).rglob("*"):
            if path.is_file() and path.suffix != ".pyc" and path.stat().st_size < LARGEST:
                yield path


@pytest.mark.parametrize("page", pages())
def test_links_and_paths_lead_somewhere(page: str) -> None:
    """What a page links to is there, and so is each file that it names from the top."""
    text = text_of(page)
    links = [link for link in LINK.findall(text) if "://" not in link]
    places = [(ROOT / page).parent / link for link in links]
    places += [ROOT / path for path in PLACE.findall(LINK.sub("]()", text))]

    assert [str(place) for place in places if not place.exists()] == []
    assert set(ANCHOR.findall(text)) <= {anchor(title) for title in HEADING.findall(text)}


def anchor(title: str) -> str:
    """What a heading is called in a link."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", pages())
def test_names_are_those_of_the_code(page: str) -> None:
    """What a page calls by name is called so; a long name is that of a check or a suspect."""
    text = text_of(page)
    named = set(NAME.findall(text))
    long = {name for name in named if name.count("_") >= LONG_NAME}

    assert {name for name in ONLY.findall(text) if name.isidentifier()} - asked() == set()
    assert long - asked() == set()
    assert named - long - written() - OF_LINUX == set()


@pytest.mark.parametrize("page", pages())
def test_checks_are_in_the_files_that_pages_send_to(page: str) -> None:
    """A check that a page links to by its name is defined in that file."""
    for name, link in NAMED_LINK.findall(text_of(page)):
        source = ((ROOT / page).parent / link).read_text(encoding="utf-8")

        assert f"async def {name}(" in source, f"{name} is not in {link}"


@pytest.mark.parametrize("page", pages())
def test_shown_code_is_the_code(page: str) -> None:
    """Of an excerpt that names its file, each line stands in that file, in this order."""
    for path, shown in EXCERPT.findall(text_of(page)):
        rest = iter([line.strip() for line in text_of(path).splitlines()])
        for line in filter(None, map(str.strip, shown.splitlines())):
            assert line == "..." or line in rest, f"not in {path}, or not in this order: {line}"
