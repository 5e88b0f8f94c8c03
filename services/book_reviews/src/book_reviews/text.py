"""The kinds of input that both rooms take: text that means something, and ids that can exist."""

from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

LARGEST_ID = 2**63 - 1


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain the NUL character")
    return text


def _meaningful(text: str) -> str:
    if not text.strip():
        raise ValueError("must not consist of spaces only")
    return text


def _digits(text: object) -> object:
    # "1.0", " 1" and "1_0" would also be integers to the parser: many addresses for one book.
    if isinstance(text, str) and not (text.isascii() and text.isdigit()):
        raise ValueError("must be a positive whole number")
    return text


Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(_storable),
    AfterValidator(_meaningful),
]
Reviewer = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100),
    AfterValidator(_storable),
    AfterValidator(_meaningful),
]
Comment = Annotated[str, StringConstraints(max_length=5000), AfterValidator(_storable)]
BookId = Annotated[
    int,
    Path(description="The book's id.", ge=1, le=LARGEST_ID),
    BeforeValidator(_digits),
]
Rating = Annotated[int, Field(ge=1, le=5)]
