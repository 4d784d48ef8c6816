"""The local identity provider: argon2id hashes in our own database, and codes by mail."""

from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.auth import codes
from services.auth.addresses import key_of
from services.auth.codes import Purpose
from services.auth.models import AuthUser, Credential, Task
from services.auth.passwords import Hasher, normalised
from services.auth.provider import Account, CodeRefused, WrongCredentials
from services.contracts.envelope import new_event_id_text


class LocalProvider:
    """Keeps the accounts of users by their ids; `sessions` opens transactions of its own, to read before it hashes."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], hasher: Hasher) -> None:
        self._sessions = sessions
        self._hasher = hasher

    @property
    def tasks(self) -> Mapping[str, Callable[[Task], Awaitable[None]]]:
        """None: all that it does is in the database."""
        return {}

    async def sign_up(self, session: AsyncSession, email: str, password: str) -> None:
        """Ask for a mail; whether the address is known is looked up when it is sent."""
        hashed = await self._hasher.hash(password)
        session.add(Task(kind=Purpose.REGISTRATION, email=email, password_hash=hashed))

    async def confirm(self, session: AsyncSession, email: str, code: str) -> Account:
        """Make the account, with the password that the code was asked with."""
        used = await codes.use(session, Purpose.REGISTRATION, email, code)
        assert used.password_hash is not None, "a registration has one"
        known = await session.scalar(select(AuthUser.id).where(AuthUser.email_key == key_of(email)))
        subject = known or new_event_id_text()
        adding = insert(Credential).values(user_id=subject, password_hash=used.password_hash)
        if await session.scalar(adding.on_conflict_do_nothing().returning(Credential.user_id)) is None:
            raise CodeRefused  # another registration of the address was confirmed, and its password counts
        return Account(subject, used.email)

    async def sign_in(self, email: str, password: str) -> Account:
        """Compare the password; its hash is made anew where it was made at another cost."""
        owned = select(AuthUser.id, AuthUser.email, Credential.password_hash)
        owned = owned.join(Credential, Credential.user_id == AuthUser.id)
        async with self._sessions() as session:
            found = (await session.execute(owned.where(AuthUser.email_key == key_of(email)))).one_or_none()
        if not await self._hasher.is_right(password, found and found.password_hash) or found is None:
            raise WrongCredentials
        if self._hasher.is_outdated(found.password_hash):
            same = update(Credential).where(Credential.password_hash == found.password_hash)
            hashed = await self._hasher.hash(normalised(password))
            async with self._sessions.begin() as session:
                await session.execute(same.values(password_hash=hashed))
        return Account(found.id, found.email)

    async def renew(self, refresh_token: str | None) -> None:
        """Nothing: the status of a user is ours."""

    async def change_password(self, session: AsyncSession, email: str, current: str, new: str) -> None:
        """Store the new password's hash."""
        account = await self.sign_in(email, current)
        await self._write(session, account.subject, await self._hasher.hash(new))

    async def ask_reset(self, session: AsyncSession, email: str) -> None:
        """Ask for a mail."""
        session.add(Task(kind=Purpose.PASSWORD_RESET, email=email))

    async def reset(self, session: AsyncSession, email: str, code: str, password: str) -> Account:
        """Store the new password's hash; a user of an imported shop has none before."""
        hashed = await self._hasher.hash(password)
        used = await codes.use(session, Purpose.PASSWORD_RESET, email, code)
        assert used.user_id is not None, "a reset has one"
        await self._write(session, used.user_id, hashed)
        return Account(used.user_id, used.email)

    async def change_email(self, session: AsyncSession, subject: str, email: str) -> None:
        """Nothing: the address is the user's."""

    async def enable(self, session: AsyncSession, subject: str, *, is_enabled: bool) -> None:
        """Nothing: the user's status is ours."""

    async def delete(self, session: AsyncSession, subject: str) -> None:
        """Remove the password's hash."""
        await session.execute(delete(Credential).where(Credential.user_id == subject))

    async def close(self) -> None:
        """End the hashing threads."""
        self._hasher.close()

    async def _write(self, session: AsyncSession, subject: str, hashed: str) -> None:
        changed = update(Credential).where(Credential.user_id == subject).values(password_hash=hashed)
        if (await session.execute(changed.returning(Credential.user_id))).one_or_none() is None:
            session.add(Credential(user_id=subject, password_hash=hashed))
