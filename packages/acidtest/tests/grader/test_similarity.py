"""Copies are seen through renaming and moving; what people wrote by themselves is left alone."""

import ast
import builtins
import json
import keyword
import os
import re
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from acidtest.catalogue.loader import catalogue_folder
from acidtest.grader import similarity
from acidtest.grader.reports.similarity_text import similarity_json, similarity_lines
from acidtest.grader.similarity import Similarity, similar
from acidtest.grader.stages.tree import SourceTree, read_tree

PROBLEMS = catalogue_folder() / "problems"
SERVICES = catalogue_folder().parent / "services"
FLASK = PROBLEMS / "book-reviews" / "submissions" / "flask-psycopg"
EXPRESS = PROBLEMS / "book-reviews" / "submissions" / "node-express"
STARTER = PROBLEMS / "book-reviews" / "starter" / "python-fastapi"
WORDS = re.compile(r"\b[a-z][A-Za-z]{3,}\b")
OF_JAVASCRIPT = {
    "async", "await", "break", "case", "catch", "class", "const", "continue", "default", "delete",
    "else", "export", "extends", "finally", "from", "function", "import", "instanceof", "return",
    "static", "super", "switch", "this", "throw", "true", "false", "null", "typeof", "undefined",
    "while", "with", "yield",
}  # fmt: skip


class _Renamer(ast.NodeTransformer):
    """Gives every name, argument and attribute another one, and every text other words."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.copy_location(ast.Name(_other(node.id), node.ctx), node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        self.generic_visit(node)
        node.arg = _other(node.arg)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = _other(node.attr)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.copy_location(ast.Constant("other words"), node) if _text(node) else node


def _text(node: ast.Constant) -> bool:
    return isinstance(node.value, str)


def _other(name: str) -> str:
    if keyword.iskeyword(name) or name in {"self", "cls"} or name in dir(builtins):
        return name
    return f"my_{name[::-1].strip('_')}"


def disguised(source: str) -> str:
    """`source` renamed throughout, its functions in the opposite order, written anew."""
    tree = ast.parse(source)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    others = [node for node in tree.body if node not in imports]
    for node in others:
        if isinstance(node, ast.ClassDef):
            node.body.reverse()
    tree.body = [*imports, *reversed(others)]
    return ast.unparse(ast.fix_missing_locations(_Renamer().visit(tree)))


def disguised_script(source: str) -> str:
    """JavaScript with every longer word that is not the language's renamed."""
    return WORDS.sub(
        lambda found: found[0] if found[0] in OF_JAVASCRIPT else f"{found[0]}Too", source
    )


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the stored one; ACIDTEST_UPDATE_SNAPSHOTS=1 stores it instead."""

    def compare(name: str, text: str) -> None:
        path = request.path.parent / "reports" / "snapshots" / name
        if os.environ.get("ACIDTEST_UPDATE_SNAPSHOTS") == "1":
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def copied(tmp_path: Path) -> SourceTree:
    """The Flask submission as somebody would hand it in who does not want to be noticed."""
    for number, path in enumerate(sorted((FLASK / "bookshelf").glob("*.py"))):
        (tmp_path / "app").mkdir(exist_ok=True)
        (tmp_path / "app" / f"part_{number}.py").write_text(disguised(path.read_text()))
    return read_tree(tmp_path)


def _one(told: Similarity) -> similarity.Pair:
    (pair,) = told.pairs
    return pair


def test_a_renamed_copy_with_moved_functions_is_signalled(copied: SourceTree) -> None:
    """Other names, other texts, another order and other files do not hide a copy."""
    pair = _one(similar({"first": read_tree(FLASK), "second": copied}))

    assert pair.suspicious
    # The tests of the first were not copied.
    assert pair.share > 2 * similarity.SUSPICIOUS - 0.05
    assert len(pair.places) > 3


def test_the_places_are_those_that_were_copied(tmp_path: Path) -> None:
    """A function that was put into another program is found at its lines on both sides."""
    source = (FLASK / "bookshelf" / "shelf.py").read_text()
    taken = max(
        (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef)),
        key=lambda node: (node.end_lineno or 0) - node.lineno,
    )
    lines = source.splitlines()[taken.lineno - 1 : taken.end_lineno]
    own = (SERVICES / "orders" / "src" / "orders" / "settings.py").read_text()
    (tmp_path / "mine.py").write_text(f"{own}\n\nclass Mine:\n" + "\n".join(lines) + "\n")
    begins = own.count("\n") + 4

    pair = _one(similar({"theirs": read_tree(FLASK), "mine": read_tree(tmp_path)}))

    place = max(pair.places, key=lambda one: one.fingerprints)
    assert place.one.file == "bookshelf/shelf.py"
    assert taken.lineno - 3 <= place.one.first <= place.one.last <= (taken.end_lineno or 0) + 3
    assert place.other.file == "mine.py"
    assert begins - 3 <= place.other.first <= place.other.last <= begins + len(lines) + 3


def test_a_renamed_script_is_signalled(tmp_path: Path) -> None:
    """JavaScript is compared as Python is."""
    for path in EXPRESS.rglob("*.js"):
        place = tmp_path / path.relative_to(EXPRESS)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(disguised_script(path.read_text()))

    pair = _one(similar({"first": read_tree(EXPRESS), "second": read_tree(tmp_path)}))

    assert pair.share > 0.8


def test_solutions_of_different_people_are_left_alone() -> None:
    """No services of this repository come near a signal, but for a module that two share."""
    apart = {
        "reviews": SERVICES / "book_reviews",
        "orders": SERVICES / "orders",
        "mended": SERVICES / "orders_fixed",
        "flask": FLASK,
        "express": EXPRESS,
        "aiohttp": PROBLEMS / "orders" / "submissions" / "python-aiohttp",
        "fastify": PROBLEMS / "orders" / "submissions" / "node-fastify",
    }

    told = similar({name: read_tree(folder) for name, folder in apart.items()})

    # These two keep one module in common, which is what the signal is for.
    (shared,) = [pair for pair in told.pairs if pair.suspicious]
    assert (shared.one, shared.other) == ("express", "fastify")
    assert {shared.places[0].one.file, shared.places[0].other.file} == {"src/migrate.js"}
    # Two services of one house are the most alike, and still far from the line.
    assert max(pair.share for pair in told.pairs) < similarity.SUSPICIOUS / 2


def test_what_the_starter_holds_does_not_count(tmp_path: Path) -> None:
    """Two who began with the starter and wrote nothing of each other's share nothing."""
    pieces = {"one": FLASK / "bookshelf", "two": PROBLEMS / "orders/submissions/python-aiohttp"}
    trees = {}
    for name, extra in pieces.items():
        folder = tmp_path / name
        for path in (*STARTER.rglob("*.py"), *extra.rglob("*.py")):
            root = STARTER if path.is_relative_to(STARTER) else extra
            place = folder / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(path.read_text())
        trees[name] = read_tree(folder)

    with_it = _one(similar(trees))
    told = similar(trees, common=[read_tree(STARTER)])

    assert with_it.fingerprints > similarity.LEAST
    assert all(pair.fingerprints <= 2 for pair in told.pairs)


def test_the_starter_alone_has_nothing_of_its_own() -> None:
    """Who handed in the starter is told apart from who copied."""
    starter = read_tree(STARTER)

    told = similar({"a": starter, "b": starter}, common=[starter])

    assert told.pairs == ()
    assert told.notes == (
        "a: nothing of its own is left to compare",
        "b: nothing of its own is left to compare",
    )


def _with_block(folder: Path, name: str, blocks: Sequence[str]) -> SourceTree:
    place = folder / name
    place.mkdir()
    (place / "code.py").write_text("\n".join(blocks))
    return read_tree(place)


def _program(number: int) -> str:
    """A program of its own shape for each number."""
    parts = []
    for part in range(12):
        digits = f"{(number + 1) * 7919 * (part + 3):b}"
        body = "\n".join(
            f"    if x > {i}:\n        y = x[{i}] + 1"
            if digit == "1"
            else f"    y -= f(x, y) * {i}"
            for i, digit in enumerate(digits)
        )
        parts.append(f"def part_{part}(x, y):\n{body}\n    return y\n")
    return "\n".join(parts)


def test_what_many_share_is_how_the_problem_is_solved(tmp_path: Path) -> None:
    """A block that more than a third of five have is taken off; one that two have is not."""
    everybody = (FLASK / "bookshelf" / "shelf.py").read_text()
    two = (FLASK / "bookshelf" / "rules.py").read_text()
    trees = {
        str(number): _with_block(
            tmp_path,
            str(number),
            [_program(number), everybody, two] if number < 2 else [_program(number), everybody],
        )
        for number in range(6)
    }

    told = similar(trees)

    assert [(pair.one, pair.other) for pair in told.pairs if pair.fingerprints > 5] == [("0", "1")]
    few = similar({name: tree for name, tree in trees.items() if name < "4"})
    assert len([pair for pair in few.pairs if pair.suspicious]) == 6


def test_one_long_place_is_worth_a_look_in_a_large_program(tmp_path: Path) -> None:
    """A file taken into a program many times its size is a small share, and still a signal."""
    taken = disguised((FLASK / "bookshelf" / "shelf.py").read_text())
    large = [path.read_text() for path in (SERVICES / "orders").rglob("*.py")]
    pair = _one(
        similar(
            {
                "a": _with_block(tmp_path, "a", [*large, taken]),
                "b": _with_block(
                    tmp_path,
                    "b",
                    [p.read_text() for p in (SERVICES / "book_reviews").rglob("*.py")] + [taken],
                ),
            }
        )
    )

    assert pair.suspicious == (
        pair.share >= similarity.SUSPICIOUS
        or max(place.fingerprints for place in pair.places) >= similarity.LONG
    )
    assert pair.suspicious


def test_comments_imports_and_spacing_do_not_count(tmp_path: Path) -> None:
    """Fingerprints are of what a program does."""
    source = (FLASK / "bookshelf" / "shelf.py").read_text()
    spaced = "import os, sys, json\n# a comment\n" + re.sub(r"\n\n", "\n\n# another\n\n", source)

    plain = similarity._prints(_with_block(tmp_path, "a", [source]), "a", [])
    other = similarity._prints(_with_block(tmp_path, "b", [spaced]), "b", [])

    assert plain.keys() == other.keys()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=200, max_size=400), st.data())
def test_every_copy_of_forty_tokens_is_seen(shape: list[int], data: st.DataObject) -> None:
    """Winnowing promises it: what is as long as K and a window shares a fingerprint."""
    length = similarity.K + similarity.WINDOW - 1
    begin = data.draw(st.integers(0, len(shape) - length))
    before = data.draw(st.lists(st.integers(4, 9), max_size=80))
    after = data.draw(st.lists(st.integers(4, 9), max_size=80))

    def prints(words: list[int]) -> set[int]:
        size = similarity.K
        hashes = [hash(tuple(words[at : at + size])) for at in range(len(words) - size + 1)]
        return {hashes[at] for at in similarity._winnow(hashes)}

    assert prints(shape) & prints([*before, *shape[begin : begin + length], *after])


def test_a_large_submission_is_read_in_part_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is handed in, the work is bounded."""
    monkeypatch.setattr(similarity, "_MOST_TOKENS", 500)
    trees = {name: _with_block(tmp_path, name, [_program(1)]) for name in ("a", "b")}

    told = similar(trees)

    assert len(told.notes) == 2
    assert "too large to be compared whole" in told.notes[0]
    assert all(size < 100 for size in told.sizes.values())


@pytest.mark.parametrize(
    "text",
    ["", "(" * 100_000, '"' * 99_999, "\\" * 99_999, "'''" + "a\n" * 40_000, "\x00\ud7ff" * 99],
)
def test_odd_files_break_nothing(tmp_path: Path, text: str) -> None:
    """A file that is no program has few fingerprints, or none."""
    folder = tmp_path / "odd"
    folder.mkdir()
    lines = "\n".join(text[at : at + 500] for at in range(0, len(text), 500))
    (folder / "odd.py").write_text(lines, encoding="utf-8", errors="replace")

    assert similar({"odd": read_tree(folder), "same": read_tree(folder)}) is not None


def test_the_words_in_the_terminal(
    copied: SourceTree, snapshot: Callable[[str, str], None]
) -> None:
    """What a person reads: the places, a share, and that it is a signal and no verdict."""
    told = similar({"first \x1b[31m": read_tree(FLASK), "second": copied})
    console = Console(file=StringIO(), width=100, markup=False, highlight=False, emoji=False)
    for line in similarity_lines(told):
        console.print(line)

    text = console.file.getvalue()  # type: ignore[attr-defined]  # a StringIO, see above
    assert "\x1b" not in text
    assert "A signal and no verdict" in text
    assert not re.search(r"plagiar|cheat|copied from|guilty", text, re.IGNORECASE)
    snapshot("similarity.txt", "\n".join(line.rstrip() for line in text.splitlines()) + "\n")


def test_the_json_holds_every_pair(copied: SourceTree) -> None:
    """Pairs that are no signal are there as well, each with its places."""
    told = similar({"first": read_tree(FLASK), "second": copied, "other": read_tree(EXPRESS)})

    document = json.loads(similarity_json(told))

    assert document["format"] == "acidtest/similarity/1"
    assert "no verdict" in document["meaning"]
    assert document["pairs"][0]["worth_a_look"] is True
    assert document["pairs"][0]["places"][0]["one"]["file"].startswith("bookshelf/")
