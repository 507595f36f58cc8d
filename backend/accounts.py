"""Accounts: who has one, which password opens it, and how it ends."""

from datetime import UTC, datetime

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.exc import IntegrityError

from backend.db import Database
from backend.ids import new_id
from backend.models import User, UtcTime
from backend.schemas import AccountDraft
from backend.utils.password_rules import PasswordRules
from backend.utils.security import Passwords
from sealring.clock import Clock
from sealring.errors import Conflict, CredentialsInvalid, NotFound, SubjectInactive, ValidationFailed


class Accounts:
    """The accounts of the application.

    Args:
        database: where they are.
        passwords: hashes and verifies.
        rules: object to new passwords.
        clock: tells the time.
    """

    def __init__(self, database: Database, passwords: Passwords, rules: PasswordRules, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._rules = rules
        self._clock = clock

    async def register(self, draft: AccountDraft) -> User:
        """Make an account.

        Raises:
            ValidationFailed: the password is one that everybody tries first.
            Conflict: the e-mail address has an account already.
        """
        password = draft.password.get_secret_value()
        self._refuse_weak(password, field="password", email=draft.email, name=draft.name)
        hashed = await self._passwords.hash(password)
        now = self._clock.now()
        user = User(
            id=new_id(now),
            email=draft.email,
            name=draft.name,
            password_hash=hashed,
            created_at=datetime.fromtimestamp(now, UTC),
            disabled_at=None,
        )
        try:
            async with self._database.write() as session:
                session.add(user)
        except IntegrityError as error:
            raise Conflict("the e-mail address has an account") from error
        return user

    async def active(self, user_id: str) -> User | None:
        """Return an account, or None when it is deleted or disabled."""
        async with self._database.read() as session:
            user = await session.get(User, user_id)
        return user if user is not None and user.is_active else None

    async def id_of(self, email: str) -> str:
        """Return the id of the account with an e-mail address, or one that nobody has when there is none."""
        async with self._database.read() as session:
            found = await session.scalar(select(User.id).where(User.email == email))
        return found or new_id(self._clock.now())

    async def authenticate(self, user_id: str, password: str) -> User | None:
        """Return the active account that a password opens; the work is the same whether the account exists or not.

        Args:
            user_id: what :meth:`id_of` returned.
            password: as it was typed, cleaned.
        """
        user = await self.active(user_id)
        fits, renewed = await self._passwords.verify(password, user.password_hash if user is not None else None)
        if user is None or not fits:
            return None
        if renewed is not None:
            await self._keep_hash(user, renewed)
        return user

    async def change_password(self, user_id: str, current: str, new: str) -> None:
        """Replace the password; the caller then ends the other sessions.

        Should that fail, the same call is right again: it finds that the new password is the present one already.

        Raises:
            CredentialsInvalid: the present password does not fit, or it was changed by somebody else in the meantime.
            ValidationFailed: the new password is one that everybody tries first.
        """
        user = await self.authenticate(user_id, current)
        if user is None:
            # Whoever knows the present password may say it in either field.
            if await self.authenticate(user_id, new) is None:
                raise CredentialsInvalid("the present password does not fit")
            return
        self._refuse_weak(new, field="new_password", email=user.email, name=user.name)
        if not await self._keep_hash(user, await self._passwords.hash(new)):
            raise CredentialsInvalid("the password was changed in the meantime")

    async def disable(self, email: str) -> str:
        """Keep everybody from signing in to an account and from refreshing; the caller then ends its sessions.

        Returns:
            The id of the account, whether or not it was disabled before.

        Raises:
            NotFound: there is no account with this e-mail address.
        """
        return await self._set_disabled(email, datetime.fromtimestamp(self._clock.now(), UTC))

    async def enable(self, email: str) -> str:
        """Let the owner of an account sign in again, and return its id.

        Raises:
            NotFound: there is no account with this e-mail address.
        """
        return await self._set_disabled(email, None)

    async def _set_disabled(self, email: str, at: datetime | None) -> str:
        # The first time counts: an account that is disabled again was disabled before.
        moment = at if at is None else func.coalesce(User.disabled_at, literal(at, UtcTime))
        change = update(User).where(User.email == email).values(disabled_at=moment).returning(User.id)
        async with self._database.write() as session:
            user_id = await session.scalar(change)
        if user_id is None:
            raise NotFound("no account has this e-mail address")
        return user_id

    async def delete(self, user_id: str, password: str) -> None:
        """Delete an account and its todos; the caller then ends its sessions.

        Raises:
            CredentialsInvalid: the password does not fit.
            SubjectInactive: the account was deleted in the meantime.
        """
        if await self.authenticate(user_id, password) is None:
            raise CredentialsInvalid("the password does not fit")
        async with self._database.write() as session:
            # The todos go with it: ON DELETE CASCADE.
            gone = await session.scalar(delete(User).where(User.id == user_id).returning(User.id))
        if gone is None:
            raise SubjectInactive("the account was deleted in the meantime")

    async def _keep_hash(self, user: User, hashed: str) -> bool:
        # Only over the hash that was verified: two changes at once must not both succeed.
        change = (
            update(User)
            .where(User.id == user.id, User.password_hash == user.password_hash)
            .values(password_hash=hashed)
            .returning(User.id)
        )
        async with self._database.write() as session:
            kept = await session.scalar(change)
        return kept is not None

    def _refuse_weak(self, password: str, *, field: str, email: str, name: str) -> None:
        objection = self._rules.objection(password, email=email, name=name)
        if objection is not None:
            raise ValidationFailed(((field, objection),))
