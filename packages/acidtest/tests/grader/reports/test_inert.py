"""Hostile text is shown, never obeyed."""

import unicodedata

import pytest

from acidtest.grader.reports import one_line, visible


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[2J", "⟨ESC⟩[2J"),
        ("\x00", "⟨NUL⟩"),
        ("\x7f", "⟨U+007F⟩"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("\u202eabc\u2066", "⟨U+202E⟩abc⟨U+2066⟩"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\u2028", "⟨U+2028⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\ufffe", "⟨U+FFFE⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("over\rwritten", "over⟨CR⟩written"),
        ("two\r\nlines", "two\nlines"),
    ],
)
def test_hidden_characters_are_named(hostile: str, shown: str) -> None:
    """A character that acts or hides is replaced by its name."""
    assert visible(hostile) == shown


def test_ordinary_text_stays_as_it_is() -> None:
    """Letters of any script, line breaks and tabs are left alone."""
    text = "Bücher · 本 · ספרים\n\tжизнь"

    assert visible(text) == text


def test_no_control_character_survives() -> None:
    """Of all characters of the basic plane none that is hidden is left."""
    every = "".join(map(chr, range(0x10000)))

    left = {unicodedata.category(c) for c in visible(every) if c not in "\n\t"}

    assert not left & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_a_tower_of_marks_is_cut() -> None:
    """More marks on one letter than any language uses are cut and said."""
    assert visible("e" + "\u0301" * 50) == "e" + "\u0301" * 4 + "⟨more marks⟩"


def test_long_text_says_what_was_cut() -> None:
    """A cut text says how many characters are missing."""
    assert visible("x" * 100, limit=10) == "x" * 10 + "… [90 more characters]"


def test_one_line_has_no_line_break() -> None:
    """A line break inside a line is shown as its name."""
    assert one_line("a\nb\tc") == "a⟨LF⟩b c"
