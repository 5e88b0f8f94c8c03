"""The kind of id that both lists take: one that PostgreSQL can hold."""

from typing import Annotated

from fastapi import Path

LARGEST_ID = 2**63 - 1

RowId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
