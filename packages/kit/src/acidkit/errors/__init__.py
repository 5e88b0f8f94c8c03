"""Errors that a client sees: RFC 9457 problem details, one class per kind, one renderer."""

from acidkit.errors._problems import (
    BadCursor,
    Busy,
    Conflict,
    InternalError,
    InvalidInput,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Problem,
    Unavailable,
    UnsupportedMediaType,
)
from acidkit.errors._render import install_error_handlers, problem_response
from acidkit.errors._schema import ProblemBody, problem_responses

__all__ = [
    "BadCursor",
    "Busy",
    "Conflict",
    "InternalError",
    "InvalidInput",
    "MalformedBody",
    "MethodNotAllowed",
    "NotFound",
    "PayloadTooLarge",
    "Problem",
    "ProblemBody",
    "Unavailable",
    "UnsupportedMediaType",
    "install_error_handlers",
    "problem_response",
    "problem_responses",
]
