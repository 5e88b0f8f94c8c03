"""Python source as a syntax tree, from text that may be wrong or hostile; nothing is imported."""

import ast
import warnings


def parsed(text: str) -> ast.Module:
    """Return the tree of `text`; an empty one when it is no Python we can parse."""
    try:
        with warnings.catch_warnings():
            # Odd escapes in somebody's strings are theirs, not a warning of ours.
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return ast.Module(body=[], type_ignores=[])
