"""Signing in while a dialect is being found: fresh tokens for whatever needs them.

A room of its own because most operations know nothing of users, and those that do must each find a
session that nothing before has spent or ended.
"""

import uuid
from collections.abc import Mapping, MutableMapping
from random import Random
from typing import Any
from urllib.parse import urlencode

from acidtest.catalogue.problem import OperationSpec, Problem
from acidtest.grader.client.message import Reply, Request
from acidtest.grader.dialect.asking import Asking
from acidtest.grader.dialect.mismatch import DecodeError
from acidtest.grader.dialect.spoken import FORM, Dialect

Made = MutableMapping[str, dict[str, Any]]
"""Things that exist by then, by noun, under canonical names."""


class SigningIn:
    """Knows the one user of a discovery, and signs them in where that is needed."""

    def __init__(self, problem: Problem, known: Dialect, made: Made, rng: Random) -> None:
        self._problem = problem
        self._known = known
        self._made = made
        self._rng = rng

    def given(self, spec: OperationSpec) -> dict[str, Any] | None:
        """Values that the operation's body must carry; None while one of them is not known."""
        found = {}
        for name, noun, field in self._fields(spec):
            if field not in self._made.get(noun, {}):
                return None
            found[name] = self._made[noun][field]
        return found

    def hints(self, spec: OperationSpec) -> dict[str, str]:
        """What the service called the same values where it took or gave them before."""
        words = self._known.vocabulary
        return {name: words[noun][field].sends for name, noun, field in self._fields(spec)}

    def needed(self, spec: OperationSpec) -> bool:
        """Whether the operation wants a session, as a bearer token or in its body."""
        accounts = self._problem.accounts
        if accounts is None:
            return False
        session = self._problem.operations[accounts.log_in_with].returns
        spends = any(noun == session for _, noun, _ in self._fields(spec))
        return spec.auth is not None or spends

    async def refresh(self, asking: Asking) -> None:
        """Sign the user in anew, so that what spends or ends a session ends one of its own."""
        accounts = self._problem.accounts
        if accounts is None or accounts.log_in_with not in self._known.offered:
            return
        name = accounts.log_in_with
        spec = self._problem.operations[name]
        given = self.given(spec)
        if given is None or not spec.sends or not spec.returns:
            return
        body = self._known.encode(spec.sends, given)
        path = self._known.path(name)
        request = sent_as(spec, path, body, form=name in self._known.forms, headers={})
        reply = await asking.ask(request)
        if reply.ok:
            self._made[spec.returns] = _session(self._known, name, reply)

    def headers(self, spec: OperationSpec) -> dict[str, str]:
        """What a request of the operation carries beyond the neutral headers."""
        headers = {"Accept": "application/json"}
        accounts = self._problem.accounts
        if spec.auth == "bearer" and accounts is not None:
            session = self._problem.operations[accounts.log_in_with].returns or ""
            token = self._made.get(session, {}).get(accounts.token)
            if isinstance(token, str) and token.isascii() and token.isprintable():
                headers["Authorization"] = f"Bearer {token}"
        if spec.keyed:
            headers["Idempotency-Key"] = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        return headers

    def _fields(self, spec: OperationSpec) -> list[tuple[str, str, str]]:
        """Fields of the body with a value that is known, and the noun and field it is of."""
        fields = self._problem.resources[spec.sends].fields if spec.sends else {}
        told = [(name, field.known.partition(".")) for name, field in fields.items() if field.known]
        return [(name, noun, inner) for name, (noun, _, inner) in told]


def _session(known: Dialect, name: str, reply: Reply) -> dict[str, Any]:
    try:
        return dict(known.decode_one(name, reply.json()))
    except (ValueError, DecodeError):
        return {}


def sent_as(
    spec: OperationSpec,
    path: str,
    body: Mapping[str, Any],
    *,
    form: bool,
    headers: Mapping[str, str],
) -> Request:
    """A request that says `body` as JSON, or as a form where the service wants one."""
    if not form:
        return Request.json(spec.method, path, body, headers=headers)
    typed = {"Content-Type": FORM, **headers}
    return Request(spec.method, path, headers=typed, body=urlencode(body).encode())
