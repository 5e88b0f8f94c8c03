"""Copied blocks: found once each, whatever surrounds them, and never by their shape alone."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from acidtest.grader.stages.quality.copies import WINDOW, copies
from acidtest.grader.stages.tree import Language, SourceFile, SourceTree


def tree_of(*texts: str) -> SourceTree:
    """A program of these files."""
    files = tuple(
        SourceFile(f"f{n}.py", Language.PYTHON, text, test=False, generated=False)
        for n, text in enumerate(texts)
    )
    return SourceTree(Path(), files, outer=Path(), notes=())


def block(name: str, lines: int) -> str:
    """Lines that all say something else."""
    return "".join(f"{name}_{n} = call_{n}({name})\n" for n in range(lines))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 30), st.integers(0, 6), st.integers(0, 6))
def test_a_copy_is_one_finding_as_long_as_it_is(length: int, before: int, after: int) -> None:
    """A block of enough lines is found once, whole; a shorter one is not."""
    copy = block("copied", length)
    tree = tree_of(block("a", before) + copy + block("b", after), copy + block("c", after))

    hits, copied = copies(tree)

    assert len(hits) == (length >= WINDOW)
    assert copied == (length if hits else 0)
    if hits:
        assert hits[0].end_line is not None
        assert hits[0].line is not None
        assert hits[0].end_line - hits[0].line + 1 == length
        assert hits[0].related == (("f1.py", 1, length),)


def test_the_same_shape_with_other_names_is_no_copy() -> None:
    """Two endpoints that are alike are not copied from each other."""
    assert not copies(tree_of(block("orders", 20), block("books", 20))).hits


def test_imports_and_lists_of_names_are_no_copy() -> None:
    """What two modules need from a third is written the same way in both."""
    names = "from kit import (\n" + "".join(f"    name_{n},\n" for n in range(20)) + ")\n"

    assert not copies(tree_of(names, names)).hits


def test_endless_repetition_ends() -> None:
    """A file of one line a hundred thousand times is neither a copy nor a burden."""
    same = "value = value + 1\n" * 100_000
    waves = "".join(f"value_{n % 6} = step_{n % 6}()\n" for n in range(30_000))

    assert not copies(tree_of(same)).hits
    assert len(copies(tree_of(waves)).hits) <= 6
