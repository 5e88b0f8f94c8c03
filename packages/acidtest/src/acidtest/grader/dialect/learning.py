"""Learning a dialect by asking: one operation after the other, each building on those before."""

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

from acidtest.catalogue.problem import FieldSpec, OperationSpec, Problem
from acidtest.core.evidence import clip
from acidtest.grader.client.message import Reply, Request
from acidtest.grader.contract.document import OpenApiDocument
from acidtest.grader.dialect.answers import Found, flattened, list_in, object_in
from acidtest.grader.dialect.asking import MOVED, Asking
from acidtest.grader.dialect.complaints import complaints
from acidtest.grader.dialect.draft import Draft
from acidtest.grader.dialect.drafting import Drafts
from acidtest.grader.dialect.mismatch import Mismatch
from acidtest.grader.dialect.names import spellings
from acidtest.grader.dialect.overrides import Overrides
from acidtest.grader.dialect.paging import Offered
from acidtest.grader.dialect.routes import Candidate, candidates, prefix_of
from acidtest.grader.dialect.signing_in import SigningIn, sent_as
from acidtest.grader.dialect.spoken import Dialect, Extra, Route, Source, Word, read_fields

_MAX_DRAFTS = 24
"""Bodies tried for one operation; strict services name one unknown field at a time."""
_ABSENT = {404, 405, 501}
_REFUSED = {400, 409, 415, 422}
_OK = 200


class Learner:
    """What is known of a dialect so far, and how to find out more."""

    def __init__(
        self,
        problem: Problem,
        *,
        told: Overrides,
        openapi: OpenApiDocument | None,
        probe: Callable[[Request], Awaitable[Reply]],
        rng: Random,
        schemas: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self._problem = problem
        self._told = told
        self._openapi = None if problem.contract == "strict" else openapi
        self._asking = Asking(probe)
        self._made: dict[str, dict[str, Any]] = {}
        self._shown: dict[str, Offered] = {}
        self._mismatches: list[Mismatch] = []
        self._known = Dialect.canonical(problem)
        self._signing_in = SigningIn(problem, self._known, self._made, rng)
        self._known.envelopes.update(told.envelopes)
        for noun, extras in told.extra.items():
            self._known.extras[noun] = {name: Extra(value) for name, value in extras.items()}
        self._drafts = Drafts(
            problem,
            told=told,
            openapi=self._openapi,
            rng=rng,
            schemas=schemas,
            known=self._known,
            signing_in=self._signing_in,
        )
        for name, (method, template) in told.paths.items():
            self._known.routes[name] = Route(method, template, Source.TOML)
        for noun, names in told.fields.items():
            self._tell(noun, names)

    @property
    def silent(self) -> bool:
        """Whether the service has stopped answering at all."""
        return self._asking.silent

    def note(self, mismatch: Mismatch) -> None:
        """Remember what did not fit."""
        self._mismatches.append(mismatch)

    def missing(self) -> list[str]:
        """Operations that were not found though their path was; they may be asked for again."""
        if self.silent:
            return []
        lost = {m.subject for m in self._mismatches} & self._problem.operations.keys()
        paths = {op.path for name, op in self._problem.operations.items() if self._found(name)}
        again = [name for name in sorted(lost) if self._problem.operations[name].path in paths]
        self._mismatches = [m for m in self._mismatches if m.subject not in again]
        return again

    def dialect(self) -> Dialect:
        """What was found out."""
        self._known.mismatches = tuple(self._mismatches)
        return self._known

    def _tell(self, noun: str, names: Mapping[str, str]) -> None:
        known = self._known.vocabulary[noun]
        for name, theirs in names.items():
            others = [n for n in known[name].answers if n != theirs]
            known[name] = Word(theirs, (theirs, *others), Source.TOML)

    async def learn(self, name: str, spec: OperationSpec) -> None:
        """Find out one operation: its path, and what it shows of names and envelopes."""
        choices = self._choices(name, spec)
        if self._lacks_ids(spec) or self._signing_in.given(spec) is None:
            # Without a thing to name in it a request cannot be told apart from a wrong one.
            self._assume(name, spec)
            return
        if self._signing_in.needed(spec):
            await self._signing_in.refresh(self._asking)
        if spec.sends:
            found = await self._find_by_sending(name, spec, choices)
        else:
            found = await self._find_by_reading(name, spec, choices)
        if found is not None:
            self._known.routes[name] = Route(spec.method, found.template, found.source)
            self._offer(name, spec, found)
            return
        tried = tuple(choice.template for choice in choices)
        self._assume(name, spec)
        reason = "no request was answered" if self.silent else "no path tried leads to it"
        self.note(Mismatch(name, tried, reason))

    def _lacks_ids(self, spec: OperationSpec) -> bool:
        nouns = [noun for noun in self._problem.resources if f"{{{noun}_id}}" in spec.path]
        return any("id" not in self._made.get(noun, {}) for noun in nouns)

    def _assume(self, name: str, spec: OperationSpec) -> None:
        if name not in self._told.paths:
            template = f"{next(iter(self._prefixes()), '')}{spec.path}"
            self._known.routes[name] = Route(spec.method, template, Source.ASSUMED)

    def _choices(self, name: str, spec: OperationSpec) -> list[Candidate]:
        if name in self._told.paths:
            return [Candidate(self._told.paths[name][1], Source.TOML)]
        if self._problem.contract == "strict":
            return [Candidate(spec.path, Source.STATEMENT)]
        found = candidates(name, spec, openapi=self._openapi, known=self._prefixes())
        twins = [
            Candidate(route.template, route.source)
            for other, route in self._known.routes.items()
            if other != name
            and self._problem.operations[other].path == spec.path
            and self._found(other)
        ]
        return list({choice.template: choice for choice in [*twins, *found]}.values())

    def _found(self, name: str) -> bool:
        return name in self._known.offered

    def _prefixes(self) -> list[str]:
        found = [
            prefix_of(self._known.routes[name].template, spec)
            for name, spec in self._problem.operations.items()
            if self._found(name)
        ]
        return list(dict.fromkeys(prefix for prefix in found if prefix is not None))

    def _offer(self, name: str, spec: OperationSpec, found: Candidate) -> None:
        names: tuple[str, ...] = ()
        if self._openapi is not None:
            operation = self._openapi.find(spec.method, found.template.partition("?")[0])
            names = self._openapi.query_parameters(operation) if operation else ()
        shown = self._shown.get(name, Offered())
        self._known.offered[name] = Offered.among(names).or_else(shown)

    async def _find_by_reading(
        self, name: str, spec: OperationSpec, choices: list[Candidate]
    ) -> Candidate | None:
        async def send(path: str) -> Reply:
            headers = self._signing_in.headers(spec)
            return await self._asking.ask(Request(spec.method, path, headers=headers))

        second: Candidate | None = None
        for choice in choices:
            if self.silent:
                break
            found, reply = await self._asking.follow(choice, send, self._made)
            if reply.ok and spec.returns is None:
                return found
            if reply.status == _OK and self._read_list(name, spec, reply):
                return found
            if reply.status not in {None, 404, *MOVED} and second is None:
                second = found
        return second

    def _read_list(self, name: str, spec: OperationSpec, reply: Reply) -> bool:
        """Take in a list; False when the answer holds none."""
        value = _json_of(reply)
        found = list_in(value, noun=spec.returns or "") if spec.many else _whole(value)
        if found is None:
            return False
        self._shown[name] = Offered.shown_by(value)
        if found.keys and name not in self._told.envelopes:
            self._known.envelopes[name] = found.keys
        things = found.value if spec.many else []
        if spec.returns and things and isinstance(things[0], dict):
            self._look_at(spec.returns, flattened(things[0]))
            first = read_fields(things[0], self._known.vocabulary[spec.returns])
            self._made.setdefault(spec.returns, first)
        return True

    async def _find_by_sending(
        self, name: str, spec: OperationSpec, choices: list[Candidate]
    ) -> Candidate | None:
        for choice in choices:
            if self.silent:
                return None
            draft = self._drafts.begin(spec, choice)
            found, reply = await self._teach(name, spec, choice, draft)
            if reply.status in _ABSENT | MOVED or reply.status is None:
                continue
            self._take_over(name, spec, found, draft, reply)
            return found
        return None

    async def _teach(
        self, name: str, spec: OperationSpec, choice: Candidate, draft: Draft
    ) -> tuple[Candidate, Reply]:
        """Send bodies until one is taken as meant, or nothing more can be learned."""
        noun = str(spec.sends)
        known = {n for f in self._problem.resources[noun].fields.values() for n in spellings(f)}
        form = self._drafts.wants_form(spec, choice)
        refused = _REFUSED | {401} if self._signing_in.given(spec) else _REFUSED
        found, taken = choice, None
        for _ in range(_MAX_DRAFTS):
            body = draft.body()

            async def send(path: str, body: dict[str, Any] = body) -> Reply:
                headers = self._signing_in.headers(spec)
                return await self._asking.ask(sent_as(spec, path, body, form=form, headers=headers))

            found, reply = await self._asking.follow(found, send, self._made)
            if reply.ok:
                taken = reply
                thing = self._thing(name, noun, reply)
                if not draft.read_echo(thing):
                    break
            elif reply.status in refused:
                if not draft.heed(complaints(reply, known=known, sent=body)) and not draft.widen():
                    break
            elif reply.status in _ABSENT | MOVED or reply.status is None or not draft.widen():
                break
        return found, taken if taken is not None else reply

    def _thing(self, name: str, noun: str, reply: Reply) -> dict[str, Any]:
        """What a create answered with, as the service wrote it; empty when it shows nothing."""
        value = _json_of(reply)
        returns = self._problem.operations[name].returns
        thing = self._known.unwrap(name, value) if returns == noun else None
        return flattened(thing or {})

    def _take_over(
        self, name: str, spec: OperationSpec, found: Candidate, draft: Draft, reply: Reply
    ) -> None:
        noun = str(spec.sends)
        if not reply.ok:
            self.note(_refused(name, draft, reply))
            return
        if spec.method != "PATCH":
            self._known.vocabulary[noun].update(draft.settle())
            self._known.extras[noun] = draft.extras
        if self._drafts.wants_form(spec, found):
            self._known.forms.add(name)
        if spec.returns and not spec.many:
            inner = object_in(_json_of(reply), noun=spec.returns, known=self._names(spec.returns))
            if inner is not None and inner.keys and not {name, noun} & self._told.envelopes.keys():
                self._known.envelopes[name] = inner.keys
        self._remember(name, spec, draft, reply)
        lost = draft.lost() if spec.method != "PATCH" else {}
        for field, tried in lost.items():
            self.note(Mismatch(f"{noun}.{field}", tried, "what is sent does not come back"))

    def _remember(self, name: str, spec: OperationSpec, draft: Draft, reply: Reply) -> None:
        """Keep what was made, with what of it is sent and never comes back."""
        noun = spec.returns
        if noun is None:
            return
        thing = self._thing(name, noun, reply)
        self._look_at(noun, thing)
        made = dict(self._known.decode_one(name, _json_of(reply))) if thing else {}
        said = draft.said() if noun == spec.sends else {}
        before = self._made.get(noun, {}) if spec.method == "PATCH" else {}
        self._made[noun] = {**before, **said, **made}

    def _names(self, noun: str) -> set[str]:
        return {n for word in self._known.vocabulary[noun].values() for n in word.answers}

    def _look_at(self, noun: str, thing: Mapping[str, Any]) -> None:
        fields = self._problem.resources[noun].fields
        _look(thing, {n: f for n, f in fields.items() if f.produced}, self._known.vocabulary[noun])


def _look(
    thing: Mapping[str, Any], fields: Mapping[str, FieldSpec], known: dict[str, Word]
) -> None:
    """Learn what the fields that only the service sets are called."""
    for name, field in fields.items():
        word = known[name]
        if word.source is Source.TOML:
            continue
        shown = next((n for n in word.answers if n in thing), None)
        if shown is None:
            known[name] = Word(word.sends, word.answers, Source.UNSEEN)
            continue
        others = [n for n in word.answers if n != shown]
        source = Source.STATEMENT if shown == field.names[0] else Source.ANSWER
        known[name] = Word(shown, (shown, *others), source)


def _refused(name: str, draft: Draft, reply: Reply) -> Mismatch:
    tried = tuple(theirs for names in draft.lost().values() for theirs in names)
    return Mismatch(
        f"{name} body", tried, f"a well-formed body was refused: {clip(str(reply), 300)}"
    )


def _json_of(reply: Reply) -> Any:
    try:
        return reply.json()
    except ValueError:
        return None


def _whole(value: Any) -> Found | None:
    return Found((), value) if isinstance(value, dict) else None
