"""Users of the service: registered with credentials nobody else has, and signed in.

A room of its own because only problems with accounts need it, and because every other check should
speak of a user and never of tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from acidtest.catalogue.problem import AccountsSpec
from acidtest.core.errors import PackageError
from acidtest.grader.dialect import Dialect, Item
from acidtest.grader.sdk._answer import Answer
from acidtest.grader.sdk._outcomes import Failed, unmet

_MADE = frozenset({200, 201})
_LASTS = 120.0
"""Seconds for which a token is trusted that does not say how long it lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The tokens of one log-in or refresh."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    """None where the answer has none."""
    seconds: float | None
    """How long the access token lasts, as far as the answer says."""
    born: float
    """When it came, on the run's clock."""

    def fresh(self, now: float) -> bool:
        """Whether half of its life is still to come."""
        lasts = self.seconds if self.seconds and self.seconds > 0 else _LASTS
        return now - self.born < lasts / 2


@dataclass(slots=True, kw_only=True)
class User:
    """One registered user and the session the judge asks with."""

    email: str
    password: str = field(repr=False)
    item: Item
    """The user as registration answered."""
    session: Session

    @property
    def id(self) -> object:
        """The user's id as the service says it."""
        return self.item.get("id")


By = User | Session | str
"""As whom a request is sent: a user, one session of theirs, or a bare token."""


def bearer(by: By | None) -> dict[str, str]:
    """The header that says so; none for nobody."""
    if by is None:
        return {}
    session = by.session if isinstance(by, User) else by
    token = session.access if isinstance(session, Session) else session
    return {"Authorization": f"Bearer {token}"}


class Asking(Protocol):
    """What registering and signing in need of a check's world."""

    dialect: Dialect

    def word(self, length: int = 12) -> str:
        """A word that nothing else in the run contains."""

    def now(self) -> float:
        """Seconds on the run's clock."""

    async def call(
        self, operation: str, body: Mapping[str, Any] | None = None, **options: Any
    ) -> Answer:
        """Ask for one operation."""


class Accounts:
    """Registers users and signs them in, in the words of the service."""

    def __init__(self, env: Asking, members: dict[str, User]) -> None:
        self._env = env
        self._members = members

    def new_email(self) -> str:
        """Draw an e-mail address that nobody has."""
        return f"{self._env.word(14)}@example.com"

    def new_password(self) -> str:
        """Draw a password that occurs nowhere else and that no rule of composition refuses."""
        return f"Kx7!{self._env.word(20)}"

    async def register(
        self,
        email: str | None = None,
        password: str | None = None,
        *,
        replica: int | None = None,
        deadline: float = 15.0,
    ) -> Answer:
        """Ask for a new user; credentials left out are drawn."""
        body = {"email": email or self.new_email(), "password": password or self.new_password()}
        name = self._names.register_with
        return await self._env.call(name, body, replica=replica, deadline=deadline)

    async def try_log_in(
        self, email: str, password: str, *, replica: int | None = None, deadline: float = 15.0
    ) -> Answer:
        """Ask to be signed in, whatever may come of it."""
        body = {"email": email, "password": password}
        name = self._names.log_in_with
        return await self._env.call(name, body, replica=replica, deadline=deadline)

    async def log_in(self, user: User, *, replica: int | None = None) -> Session:
        """Sign a user in anew; skips the check where the service does not."""
        answer = await self.try_log_in(user.email, user.password, replica=replica)
        return self.session_of(answer)

    async def sign_up(
        self,
        *,
        email: str | None = None,
        password: str | None = None,
        replica: int | None = None,
    ) -> User:
        """Register a user and sign them in; skips the check where the service does not."""
        email, password = email or self.new_email(), password or self.new_password()
        registered = await self.register(email, password, replica=replica)
        registered.given(_MADE, "This rests on: a user can be registered")
        try:
            item = registered.item
        except Failed as failed:
            unmet(f"This rests on: a user can be registered. {failed.claim}")
        signed_in = await self.try_log_in(email, password, replica=replica)
        session = self.session_of(signed_in)
        return User(email=email, password=password, item=item, session=session)

    async def member(self, name: str) -> User:
        """A user whom the checks of one world share under `name`, signed in and untouched.

        For checks that neither spend nor end sessions nor care what else the user did.
        """
        user = self._members.get(name)
        if user is None:
            user = self._members[name] = await self.sign_up()
        elif not user.session.fresh(self._env.now()):
            user.session = await self.log_in(user)
        return user

    def session_of(self, answer: Answer) -> Session:
        """The tokens in the answer to a log-in or refresh; skips the check without them."""
        answer.given(_MADE, "This rests on: a registered user can sign in")
        try:
            item = answer.item
        except Failed as failed:
            unmet(f"This rests on: a registered user can sign in. {failed.claim}")
        access, refresh = item.get(self._names.token), item.get(self._names.refresh_token)
        if not isinstance(access, str) or not access.isascii() or not access.isprintable():
            unmet("This rests on: signing in answers with an access token, and there is none")
        lasts = item.get("expires_in")
        return Session(
            access=access,
            refresh=refresh if isinstance(refresh, str) else None,
            seconds=lasts if isinstance(lasts, int | float) else None,
            born=self._env.now() - answer.seconds,
        )

    @property
    def _names(self) -> AccountsSpec:
        accounts = self._env.dialect.problem.accounts
        if accounts is None:
            raise PackageError(f"{self._env.dialect.problem.slug} declares no accounts")
        return accounts
