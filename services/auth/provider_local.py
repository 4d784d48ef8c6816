"""The local identity provider: argon2id hashes in our own database, and codes by mail."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from services.auth import codes
from services.auth.addresses import key_of
from services.auth.codes import Purpose
from services.auth.models import AuthUser, Credential, Task
from services.auth.passwords import Hasher
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
        """Make the account, with the password that the code was asked with.

        Nobody gets one so who is a user already, as imported ones are: whoever asked need not be the one who confirms.
        """
        used = await codes.use(session, Purpose.REGISTRATION, email, code)
        assert used.password_hash is not None, "a registration has one"
        if await session.scalar(select(AuthUser.id).where(AuthUser.email_key == key_of(email))) is not None:
            raise CodeRefused
        account = Account(new_event_id_text(), used.email)
        session.add(Credential(user_id=account.subject, password_hash=used.password_hash))
        return account

    async def sign_in(self, email: str, password: str) -> Account:
        """Compare the password; its hash is made anew where it was made at another cost."""
        owned = select(AuthUser.id, AuthUser.email, Credential.password_hash)
        owned = owned.join(Credential, Credential.user_id == AuthUser.id)
        async with self._sessions() as session:
            found = (await session.execute(owned.where(AuthUser.email_key == key_of(email)))).one_or_none()
        if not await self._hasher.is_right(password, found and found.password_hash) or found is None:
            raise WrongCredentials
        account = Account(found.id, found.email, password_hash=found.password_hash)
        if not self._hasher.is_outdated(found.password_hash):
            return account
        hashed = await self._hasher.hash(password)
        async with self._sessions.begin() as session:
            is_replaced = await _replace(session, account, hashed)
        # where somebody was faster, perhaps with a new password, from the start
        return replace(account, password_hash=hashed) if is_replaced else await self.sign_in(email, password)

    async def renew(self, refresh_token: str | None) -> None:
        """Nothing: the status of a user is ours."""

    async def change_password(self, session: AsyncSession, email: str, current: str, new: str) -> None:
        """Store the new password's hash in place of the current one's."""
        account = await self.sign_in(email, current)
        if not await _replace(session, account, await self._hasher.hash(new)):
            raise WrongCredentials

    async def ask_reset(self, session: AsyncSession, email: str) -> None:
        """Ask for a mail."""
        session.add(Task(kind=Purpose.PASSWORD_RESET, email=email))

    async def reset(self, session: AsyncSession, email: str, code: str, password: str) -> Account:
        """Store the new password's hash; a user of an imported shop has none before."""
        hashed = await self._hasher.hash(password)
        used = await codes.use(session, Purpose.PASSWORD_RESET, email, code)
        assert used.user_id is not None, "a reset has one"
        storing = insert(Credential).values(user_id=used.user_id, password_hash=hashed)
        await session.execute(storing.on_conflict_do_update(index_elements=["user_id"], set_={"password_hash": hashed}))
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


async def _replace(session: AsyncSession, account: Account, hashed: str) -> bool:
    """Store a hash in place of the one that the password was compared with; False if that is not the one any more."""
    its = update(Credential).where(Credential.user_id == account.subject)
    same = its.where(Credential.password_hash == account.password_hash)
    return await session.scalar(same.values(password_hash=hashed).returning(Credential.user_id)) is not None
