"""A draft of a request body: the names its fields go under, as far as known, and what it learns.

Values are distinct per name, so that one answer tells which of several names took effect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from acidtest.catalogue.problem import FieldSpec
from acidtest.grader.dialect.complaints import Complaint
from acidtest.grader.dialect.names import capitals, is_spelling, spellings, words
from acidtest.grader.dialect.samples import UNIQUE, distinct_value, mended, sample
from acidtest.grader.dialect.spoken import Extra, Source, Word

_MAX_EXTRAS = 12


@dataclass
class _Guess:
    """What is thought of one field."""

    spec: FieldSpec
    names: list[str]
    """Names still possible, the likeliest first."""
    source: Source
    fixed: bool = False
    """Whether the candidate said so."""
    sure: bool = False
    """Whether its value came back under this name."""
    spread: bool = False
    """Whether every possible name is sent at once."""
    narrowing: bool = False
    """Whether every name was sent at once and taken, and each is now tried alone."""
    answer: str | None = None
    """The name under which it came back."""
    refused: list[str] = field(default_factory=list)

    @property
    def sending(self) -> list[str]:
        return self.names if self.spread and not self.sure else self.names[:1]

    def prefer(self, name: str, source: Source) -> None:
        self.names = [name, *(other for other in self.names if other != name)]
        self.source = source

    def refuse(self, name: str) -> bool:
        if self.fixed or name not in self.names:
            return False
        self.names.remove(name)
        self.refused.append(name)
        self.source = Source.TRIED
        return True


class Draft:
    """The body of one resource, while its names are being found."""

    def __init__(
        self,
        noun: str,
        fields: Mapping[str, FieldSpec],
        *,
        schemas: Mapping[str, Mapping[str, Any]],
        rng: Random,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin with the names of the statement.

        Args:
            noun: what the body is of.
            fields: its fields.
            schemas: what the problem's contract says of them.
            rng: draws their values.
            given: values that must be sent as they are, such as a token.
        """
        self.noun = noun
        self._given = given or {}
        self.extras: dict[str, Extra] = {}
        self._schemas = schemas
        self._rng = rng
        self._theirs: Mapping[str, Any] = {}
        self._guesses = {
            name: _Guess(spec, list(spellings(spec)), Source.STATEMENT)
            for name, spec in fields.items()
            if not spec.produced
        }
        self._unwanted: set[str] = set()
        self._bare = False
        self._sent: dict[str, tuple[str, Any]] = {}

    def fix(self, names: Mapping[str, str], extras: Mapping[str, Any]) -> None:
        """Take over what `acidtest.toml` says."""
        for name, theirs in names.items():
            if name in self._guesses:
                guess = self._guesses[name]
                guess.names, guess.source, guess.fixed = [theirs], Source.TOML, True
        for name, value in extras.items():
            self.extras[name] = Extra(value, source=Source.TOML)

    def hint(self, names: Mapping[str, str]) -> None:
        """Begin with what the service calls the same values elsewhere."""
        for name, theirs in names.items():
            guess = self._guesses.get(name)
            if guess is not None and not guess.fixed and theirs in guess.names:
                same = theirs == guess.spec.names[0]
                guess.prefer(theirs, Source.STATEMENT if same else Source.TRIED)

    def read_schema(self, schema: Mapping[str, Any]) -> None:
        """Take over what the service's own document says of the body."""
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return
        self._theirs = properties
        free = [name for name in properties if name not in self.extras]
        for guess in self._guesses.values():
            found = next((n for n in guess.names if n in free), None) or next(
                (n for n in free if is_spelling(n, guess.spec, noun=self.noun)), None
            )
            if found is not None and not guess.fixed:
                same = found == guess.spec.names[0]
                guess.prefer(found, Source.STATEMENT if same else Source.OPENAPI)
            if found is not None:
                free.remove(found)
        required = schema.get("required")
        for name in required if isinstance(required, list) else []:
            if isinstance(name, str) and name in free:
                self._add_extra(name, Source.OPENAPI)

    def body(self) -> dict[str, Any]:
        """The next body to send, with values unlike any before."""
        self._sent = {}
        for name, guess in self._guesses.items():
            if self._bare and not guess.spec.required:
                continue
            schema = self._schemas.get(name, {})
            for turn, theirs in enumerate(guess.sending):
                value = (
                    self._given[name]
                    if name in self._given
                    else distinct_value(name, schema, self._rng, turn)
                )
                self._sent.setdefault(theirs, (name, value))
        body = {theirs: value for theirs, (_, value) in self._sent.items()}
        for name, extra in self.extras.items():
            body.setdefault(name, extra.draw())
        return body

    def said(self) -> dict[str, Any]:
        """The values of the last body under canonical names."""
        return dict(reversed(self._sent.values()))

    def heed(self, said: Iterable[Complaint]) -> bool:
        """Change the draft by what a refusal complains of; False when it taught nothing."""
        lessons = [self._heed_one(complaint) for complaint in said]
        return any(lessons)

    def _heed_one(self, complaint: Complaint) -> bool:
        name = complaint.name
        if name in self._sent:
            guess = self._guesses[self._sent[name][0]]
            doubtful = complaint.unknown or len(guess.sending) > 1
            return doubtful and not guess.sure and guess.refuse(name)
        if name in self.extras:
            return self._mend(name, complaint)
        if complaint.unknown:
            return False
        for guess in self._guesses.values():
            if not guess.fixed and name not in guess.refused and self._means(name, guess):
                guess.prefer(name, Source.COMPLAINT)
                guess.spread = False
                self._bare = self._bare and guess.spec.required
                return True
        return self._add_extra(name, Source.COMPLAINT)

    def _means(self, name: str, guess: _Guess) -> bool:
        return name in guess.names or is_spelling(name, guess.spec, noun=self.noun)

    def _mend(self, name: str, complaint: Complaint) -> bool:
        extra = self.extras[name]
        if extra.source is Source.TOML:
            return False
        if complaint.unknown:
            del self.extras[name]
            self._unwanted.add(name)
            return True
        value = mended(name, complaint.message)
        if value is None or value == extra.value:
            return False
        extra.value = value
        return True

    def _add_extra(self, name: str, source: Source) -> bool:
        if len(self.extras) >= _MAX_EXTRAS or name in self.extras or name in self._unwanted:
            return False
        schema = self._theirs.get(name)
        value = sample(name, schema if isinstance(schema, Mapping) else {})
        unique = isinstance(value, str) and bool(UNIQUE & set(words(name)))
        self.extras[name] = Extra(value, unique=unique, source=source)
        return True

    def widen(self) -> bool:
        """Send every possible name of what is unsure; then only what is required; then give up."""
        narrowing = next((g for g in self._guesses.values() if g.narrowing and not g.sure), None)
        if narrowing is not None:
            return len(narrowing.names) > 1 and narrowing.refuse(narrowing.names[0])
        unsure = [g for g in self._guesses.values() if not (g.sure or g.fixed or g.spread)]
        if unsure:
            for guess in unsure:
                guess.spread = True
            return True
        optional = any(not guess.spec.required for guess in self._guesses.values())
        if self._bare or not optional:
            return False
        self._bare = True
        return True

    def read_echo(self, thing: Mapping[str, Any]) -> bool:
        """Learn from what came back; True when another body is needed to be sure."""
        again = False
        for name, guess in self._guesses.items():
            sent = {theirs: v for theirs, (own, v) in self._sent.items() if own == name}
            if not sent or guess.sure:
                continue
            if guess.spec.secret:
                again |= self._taken_in_silence(guess, several=len(sent) > 1)
                continue
            again |= not self._came_back(guess, sent, thing) and self._reconsider(guess, thing)
        return again

    def _taken_in_silence(self, guess: _Guess, *, several: bool) -> bool:
        """Learn from a body that was taken, of a field that never comes back."""
        if not several:
            guess.sure = True
            return False
        # Which of the names it was shows only when each is sent alone, and one field at a time.
        if not any(other.narrowing and not other.sure for other in self._guesses.values()):
            guess.narrowing, guess.spread = True, False
        return True

    def _came_back(self, guess: _Guess, sent: Mapping[str, Any], thing: Mapping[str, Any]) -> bool:
        likely = dict.fromkeys([*sent, *guess.names, *thing])
        pairs = [(key, theirs) for key in likely if key in thing for theirs in sent]
        for key, theirs in pairs:
            if self._same(key, thing[key], sent[theirs], guess):
                if theirs != guess.names[0]:
                    guess.prefer(theirs, Source.TRIED)
                guess.sure, guess.answer = True, key
                return True
        return False

    def _same(self, key: str, seen: Any, sent: Any, guess: _Guess) -> bool:
        if isinstance(sent, str):
            return isinstance(seen, str) and seen.strip() == sent
        # Small numbers meet by chance, so the name must fit as well.
        return seen == sent and type(seen) is type(sent) and self._means(key, guess)

    def _reconsider(self, guess: _Guess, thing: Mapping[str, Any]) -> bool:
        if guess.fixed or guess.spread:
            return False
        shown = next((n for n in guess.names[1:] if n in thing), None)
        if shown is not None and guess.names[0] not in thing:
            guess.prefer(shown, Source.ANSWER)
        guess.spread = True
        return True

    def settle(self) -> dict[str, Word]:
        """What each field is called, as far as was found out."""
        settled = {}
        for name, guess in self._guesses.items():
            first = guess.names[0] if guess.names else guess.spec.names[0]
            if guess.spread and not (guess.sure or guess.fixed):
                first = guess.spec.names[0]
            looked = [guess.answer, first, *guess.names, *guess.refused]
            source = guess.source
            if source is not Source.TOML and first == guess.spec.names[0]:
                source = Source.STATEMENT
            elif source is Source.STATEMENT:
                source = Source.TRIED
            answers = [n for n in looked if n is not None]
            settled[name] = Word(
                first, tuple(dict.fromkeys([*answers, *capitals(answers)])), source
            )
        return settled

    def lost(self) -> dict[str, tuple[str, ...]]:
        """Fields whose value never came back, with the names tried."""
        return {
            name: tuple(dict.fromkeys([*guess.refused, *guess.names]))
            for name, guess in self._guesses.items()
            if not guess.sure
        }
