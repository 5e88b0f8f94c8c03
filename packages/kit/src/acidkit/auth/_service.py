"""What can be done about an account: register, log in, stay logged in, and be put out again.

These methods own their transactions: a wrong password must be counted and a stolen session must
end although the answer is an error, and an error would roll a request's unit of work back.
"""

import asyncio
import uuid
from contextlib import suppress
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from acidkit.auth._access import AccessTokens, Principal
from acidkit.auth._accounts import Account, Accounts
from acidkit.auth._attempts import Attempts, GuessesPendingError
from acidkit.auth._errors import InvalidCredentials, InvalidRefreshToken, InvalidToken
from acidkit.auth._events import EventKind, Events
from acidkit.auth._keys import SigningKeys
from acidkit.auth._mail import claimed_mail, mail_hash
from acidkit.auth._passwords import Passwords
from acidkit.auth._sessions import Grant, Refusal, RefusalReason, Sessions
from acidkit.auth._settings import AuthSettings, Clock, utc_now
from acidkit.auth._sweeping import Sweeper, stopped
from acidkit.auth._tables import AuthTables
from acidkit.db import Database
from acidkit.errors import Busy

GUESS_PAUSE = 0.02
SWEEP_EVERY = 60.0


class TokenPair(NamedTuple):
    """What a login is answered with; printing it shows no token."""

    access_token: str
    refresh_token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"TokenPair(expires_in={self.expires_in})"


class _Guess(NamedTuple):
    """A reserved guess, and what is known about the account it is aimed at."""

    key: bytes
    account: Account | None


class Auth:
    """The accounts of one service; put it on `app.state.auth`, `start` it, `close` it at the end.

    Raises:
        KeysUnusableError: the settings hold no key to sign with.
    """

    def __init__(
        self,
        settings: AuthSettings,
        *,
        database: Database,
        tables: AuthTables,
        clock: Clock = utc_now,
    ) -> None:
        self.keys = SigningKeys.of(settings)
        self._tokens = AccessTokens(settings, keys=self.keys, clock=clock)
        self._passwords = Passwords(settings)
        self._patience = settings.hash_wait
        self._database = database
        self._clock = clock
        self._accounts = Accounts(tables.users)
        self._attempts = Attempts(settings, table=tables.login_attempts)
        self._sessions = Sessions(settings, tables=tables)
        self._events = Events(tables.auth_events)
        self.sweeper = Sweeper(database, tables=tables, clock=clock)
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take away what has expired, once in a while."""
        self._sweeping = asyncio.create_task(self.sweeper.run(every=SWEEP_EVERY))

    async def close(self) -> None:
        """End what runs in the background."""
        await stopped(self._sweeping)
        self._passwords.close()

    async def register(self, email: str, password: str) -> Account:
        """Store a new user; `email` is in its normal form.

        Raises:
            EmailTaken: somebody has this address.
            Busy: too many passwords are being hashed.
        """
        hashed = await self._passwords.hash(password)
        now = self._clock()
        async with self._database.unit_of_work() as unit:
            made = await self._accounts.add(unit.session, email, password_hash=hashed, now=now)
            await self._events.note(unit.session, EventKind.REGISTERED, at=now, user_id=made.id)
        return made

    async def login(self, email: str, password: str) -> TokenPair:
        """Begin a session.

        Raises:
            InvalidCredentials: there is no such account, it is disabled, or has another password.
            AccountLocked: there were too many wrong guesses, whoever made them.
            Busy: too many passwords are being looked at.
        """
        claim = claimed_mail(email)
        guess = await self._reserve(claim)
        right, renewed = await self._look(guess, password)
        grant: Grant | None = None
        async with self._database.unit_of_work() as unit:
            if await self._settle(unit.session, guess, right=right):
                grant = await self._begin(unit.session, guess.account, renewed)
        if grant is None:
            raise InvalidCredentials
        return self._pair(grant)

    async def refresh(self, token: str) -> TokenPair:
        """Continue a session.

        Raises:
            InvalidRefreshToken: it cannot be continued; if the token was a copy, the session ended.
        """
        now = self._clock()
        async with self._database.unit_of_work() as unit:
            outcome = await self._sessions.rotate(unit.session, token, now=now)
            if isinstance(outcome, Refusal) and outcome.reason is RefusalReason.REUSED:
                await self._events.note(
                    unit.session,
                    EventKind.REFRESH_REUSED,
                    at=now,
                    user_id=outcome.user_id,
                    session_id=outcome.session_id,
                )
        # Raised here, after the commit: inside, the end of the family would be rolled back.
        if isinstance(outcome, Refusal):
            raise InvalidRefreshToken
        return self._pair(outcome)

    async def logout(self, token: str) -> None:
        """End the session of a refresh token; like RFC 7009, says nothing about unknown ones."""
        now = self._clock()
        async with self._database.unit_of_work() as unit:
            owner = await self._sessions.owner(unit.session, token)
            if owner:
                user_id, session_id = owner
                await self._sessions.end(unit.session, session_id, now=now)
                await self._events.note(
                    unit.session,
                    EventKind.LOGGED_OUT,
                    at=now,
                    user_id=user_id,
                    session_id=session_id,
                )

    async def logout_everywhere(self, user_id: uuid.UUID) -> None:
        """End every session of a user."""
        await self._end_all(user_id, EventKind.LOGGED_OUT_EVERYWHERE)

    async def change_password(self, user_id: uuid.UUID, *, current: str, new: str) -> None:
        """Give a user another password and end every session.

        Raises:
            InvalidCredentials: `current` is not the password.
            AccountLocked: there were too many wrong guesses; they count like those of a login.
            Busy: too many passwords are being looked at.
        """
        account = await self.account(user_id)
        guess = await self._reserve(account.email)
        right, _ = await self._look(guess, current)
        hashed = await self._passwords.hash(new) if right else ""
        now = self._clock()
        changed = False
        async with self._database.unit_of_work() as unit:
            if await self._settle(unit.session, guess, right=right):
                await self._accounts.set_password(unit.session, user_id, hashed)
                await self._sessions.end_all(unit.session, user_id, now=now)
                await self._events.note(
                    unit.session, EventKind.PASSWORD_CHANGED, at=now, user_id=user_id
                )
                changed = True
        if not changed:
            raise InvalidCredentials

    async def disable(self, user_id: uuid.UUID) -> None:
        """Keep a user out from now on, and end every session."""
        await self._end_all(user_id, EventKind.DISABLED)

    def authenticate(self, token: str) -> Principal:
        """Return whom an access token speaks for; asks nobody, so it may be some minutes late.

        Raises:
            InvalidToken: it is not one of ours, or no longer valid.
        """
        return self._tokens.read(token)

    async def confirm(self, principal: Principal) -> None:
        """Ask the database whether a session still goes on.

        Raises:
            InvalidToken: it was ended, or its user disabled or deleted.
        """

        async def question(session: AsyncSession) -> bool:
            return await self._sessions.is_live(session, principal.session_id, now=self._clock())

        if not await self._database.read(question):
            raise InvalidToken

    async def account(self, user_id: uuid.UUID) -> Account:
        """Return a user.

        Raises:
            InvalidToken: there is none any more.
        """

        async def question(session: AsyncSession) -> Account | None:
            return await self._accounts.by_id(session, user_id)

        found = await self._database.read(question)
        if found is None:
            raise InvalidToken
        return found

    async def _reserve(self, claim: str) -> _Guess:
        key = mail_hash(claim)
        clock = asyncio.get_running_loop().time
        # For guesses at the same account that are being looked at: as long as they may wait, too.
        give_up = clock() + self._patience
        while True:
            try:
                async with self._database.unit_of_work() as unit:
                    await self._attempts.reserve(unit.session, key, now=self._clock())
                    return _Guess(key, await self._accounts.by_mail(unit.session, claim))
            except GuessesPendingError:
                if clock() >= give_up:
                    raise Busy("Too many logins of this account at once.") from None
            await asyncio.sleep(GUESS_PAUSE)

    async def _look(self, guess: _Guess, password: str) -> tuple[bool, str | None]:
        """Return whether a password is right, and a new hash of it where the old one is dated."""
        stored = guess.account.password_hash if guess.account else None
        try:
            match = await self._passwords.verify(password, stored)
        except Busy:
            async with self._database.unit_of_work() as unit:
                await self._attempts.give_back(unit.session, guess.key, now=self._clock())
            raise
        renewed = None
        if match.right and match.outdated:
            with suppress(Busy):  # the next login will do it
                renewed = await self._passwords.hash(password)
        return match.right, renewed

    async def _settle(self, session: AsyncSession, guess: _Guess, *, right: bool) -> bool:
        """Count a guess; return whether it lets its maker in."""
        now = self._clock()
        if right and guess.account and await self._accounts.hold(session, guess.account):
            await self._attempts.succeed(session, guess.key, now=now)
            return True
        if await self._attempts.fail(session, guess.key, now=now):
            user_id = guess.account.id if guess.account else None
            await self._events.note(session, EventKind.ACCOUNT_LOCKED, at=now, user_id=user_id)
        return False

    async def _begin(
        self, session: AsyncSession, account: Account | None, renewed: str | None
    ) -> Grant | None:
        if account is None:
            return None
        now = self._clock()
        if renewed:
            await self._accounts.set_password(session, account.id, renewed)
        grant = await self._sessions.start(session, account.id, now=now)
        await self._events.note(
            session,
            EventKind.LOGGED_IN,
            at=now,
            user_id=account.id,
            session_id=grant.session_id,
        )
        return grant

    async def _end_all(self, user_id: uuid.UUID, kind: EventKind) -> None:
        now = self._clock()
        async with self._database.unit_of_work() as unit:
            if kind is EventKind.DISABLED:
                await self._accounts.disable(unit.session, user_id, now=now)
            await self._sessions.end_all(unit.session, user_id, now=now)
            await self._events.note(unit.session, kind, at=now, user_id=user_id)

    def _pair(self, grant: Grant) -> TokenPair:
        access = self._tokens.issue(user_id=grant.user_id, session_id=grant.session_id)
        return TokenPair(access, grant.refresh_token, self._tokens.lifetime)
