"""The dialect: how one submission says what the statement means.

Checks speak in operations and canonical field names; this room knows the submission's paths, field
names and envelopes, where they were found, and what could not be found.
"""

from acidtest.grader.dialect.discovery import discover
from acidtest.grader.dialect.mismatch import DecodeError, Mismatch
from acidtest.grader.dialect.paging import Offered
from acidtest.grader.dialect.spoken import Dialect, Item

__all__ = ["DecodeError", "Dialect", "Item", "Mismatch", "Offered", "discover"]
