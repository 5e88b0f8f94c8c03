"""Beginning a draft: what is known of a body before the first one is sent.

A room of its own because that knowledge has many sources: `acidtest.toml`, the service's document,
what it called the same values elsewhere, and the problem's own contract.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from acidtest.catalogue.problem import OperationSpec, Problem
from acidtest.grader.contract.document import OpenApiDocument
from acidtest.grader.dialect.draft import Draft
from acidtest.grader.dialect.overrides import Overrides
from acidtest.grader.dialect.routes import Candidate
from acidtest.grader.dialect.signing_in import SigningIn
from acidtest.grader.dialect.spoken import Dialect


class Drafts:
    """Begins the bodies of operations."""

    def __init__(
        self,
        problem: Problem,
        *,
        told: Overrides,
        openapi: OpenApiDocument | None,
        rng: Random,
        schemas: Mapping[str, Mapping[str, Any]],
        known: Dialect,
        signing_in: SigningIn,
    ) -> None:
        self._problem = problem
        self._told = told
        self._openapi = openapi
        self._rng = rng
        self._schemas = schemas
        self._known = known
        self._signing_in = signing_in

    def begin(self, spec: OperationSpec, choice: Candidate) -> Draft:
        """The first draft of what `spec` sends, for the path `choice`."""
        noun = str(spec.sends)
        fields = self._problem.resources[noun].fields
        if self._problem.contract == "strict":
            fields = {n: f.model_copy(update={"names": f.names[:1]}) for n, f in fields.items()}
        given = self._signing_in.given(spec)
        schemas = self._schemas.get(noun, {})
        draft = Draft(noun, fields, schemas=schemas, rng=self._rng, given=given)
        if spec.method == "PATCH":
            # What a thing's fields are called is known from making it.
            draft.fix({n: w.sends for n, w in self._known.vocabulary[noun].items()}, {})
            return draft
        draft.fix(self._told.fields.get(noun, {}), self._told.extra.get(noun, {}))
        draft.hint(self._signing_in.hints(spec))
        if self._openapi is not None:
            operation = self._openapi.find(spec.method, choice.template)
            schema = self._openapi.request_schema(operation) if operation else None
            if operation is not None and schema is not None:
                flat = self._openapi.request_properties(operation)
                draft.read_schema({**schema, "properties": flat})
        return draft

    def wants_form(self, spec: OperationSpec, choice: Candidate) -> bool:
        """Whether the document says that the body is a form."""
        if self._openapi is None:
            return False
        operation = self._openapi.find(spec.method, choice.template)
        return operation is not None and self._openapi.takes_form(operation)
