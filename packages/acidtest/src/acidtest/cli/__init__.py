"""The command `acidtest`: one file per command, all thin over the grader and its reports."""

from acidtest.cli.program import main

__all__ = ["main"]
