"""Users: found and locked, made of accounts, and told of.

A user's row is locked before the user's sessions are, so that two requests cannot deadlock; and events are appended
while it is locked, so that they are in the order of the changes.
"""

from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.addresses import key_of
from services.auth.models import AuthUser, Credential, Role, UserRole, UserStatus
from services.auth.provider import Account
from services.common.messaging.outbox import append
from services.common.runtime.errors import Conflict, Forbidden, NotFound
from services.contracts.envelope import Contract, new_event_id_text
from services.contracts.events.actions import UserAction
from services.contracts.events.identity import UserEmailConfirmed, UserRegistered

PRODUCER: Final = "auth"
CUSTOMER: Final = "customer"


class UserNotFound(NotFound):
    """No user has this id."""

    title = "User not found"


class AccountClosed(Forbidden):
    """The user is disabled, or deleted."""

    title = "Account closed"


class AddressTaken(Conflict):
    """Another user has this address."""

    title = "Address taken"


async def tell(session: AsyncSession, event_type: str, data: Contract) -> None:
    """Append an event."""
    await append(session, PRODUCER, event_type, data)


async def tell_action(session: AsyncSession, action: str, user_id: str) -> None:
    """Append an action of a user."""
    await tell(session, action, UserAction(user_id=user_id))


async def lock(session: AsyncSession, user_id: str, *, is_active: bool = True) -> AuthUser:
    """The user, locked until the caller's transaction ends.

    Raises:
        AccountClosed: the user is disabled or deleted, where `is_active`.
        UserNotFound: there is none, or else a deleted one.
    """
    key_share = {"key_share": True}  # rows that refer to the user, as codes do, may be added meanwhile
    user = await session.get(AuthUser, user_id, with_for_update=key_share, populate_existing=True)
    if user is not None and is_active and user.status != UserStatus.ACTIVE:
        raise AccountClosed("This account is closed.")
    if user is None or user.status == UserStatus.DELETED:
        raise UserNotFound(f"There is no user {user_id}.")
    return user


async def of_account(session: AsyncSession, account: Account) -> AuthUser:
    """The active user of an account, locked: a known one, the imported one of its address, or a new one.

    Raises:
        AccountClosed: the user is disabled.
    """
    cognito_id = account.subject if account.is_cognito else None
    is_new = await _make(session, account.subject, account.email, cognito_id)
    its = or_(AuthUser.id == account.subject, AuthUser.cognito_id == account.subject)
    found = await session.scalar(select(AuthUser.id).where(its))
    found = found or await session.scalar(select(AuthUser.id).where(AuthUser.email_key == key_of(account.email)))
    user = await lock(session, found or account.subject)
    user.cognito_id = cognito_id or user.cognito_id
    if is_new or not user.email_verified:
        await confirm_email(session, user, account.email)
        await tell_action(session, "USER_REGISTER_COMPLETE", user.id)
    return user


async def has_new_password(session: AsyncSession, account: Account) -> bool:
    """Whether the password of a locked user was replaced while the old one was compared."""
    stored = select(Credential.password_hash).where(Credential.user_id == account.subject)
    return account.password_hash is not None and await session.scalar(stored) != account.password_hash


async def of_address(session: AsyncSession, email: str) -> AuthUser:
    """The active user of an address that nobody has confirmed yet, locked; a new one if there is none."""
    await _make(session, new_event_id_text(), email)
    found = await session.scalar(select(AuthUser.id).where(AuthUser.email_key == key_of(email)))
    return await lock(session, found or "")


async def _make(session: AsyncSession, user_id: str, email: str, cognito_id: str | None = None) -> bool:
    """Make a user with the role of all, unless there is one of this id or address; whether it was made."""
    making = insert(AuthUser).values(id=user_id, email=email, email_key=key_of(email), cognito_id=cognito_id)
    if await session.scalar(making.on_conflict_do_nothing().returning(AuthUser.id)) is None:
        return False
    await assign(session, user_id, CUSTOMER)
    registered = UserRegistered(user_id=user_id, email=email, cognito_id=cognito_id, account_version=1)
    await tell(session, "USER_REGISTERED", registered)
    return True


async def confirm_email(session: AsyncSession, user: AuthUser, email: str) -> None:
    """Give a locked user an address that was confirmed.

    Raises:
        AddressTaken: it is another user's.
    """
    taken = select(AuthUser.id).where(AuthUser.email_key == key_of(email), AuthUser.id != user.id)
    if await session.scalar(taken) is not None:
        raise AddressTaken("Another user has this address.")
    user.email, user.email_key, user.email_verified = email, key_of(email), True
    user.version += 1
    confirmed = UserEmailConfirmed(user_id=user.id, email=email, account_version=user.version)
    await tell(session, "USER_EMAIL_CONFIRMED", confirmed)


async def roles_of(session: AsyncSession, user_id: str) -> list[str]:
    """The names of a user's roles."""
    named = select(Role.name).join(UserRole, UserRole.role_id == Role.id).where(UserRole.user_id == user_id)
    return list(await session.scalars(named.order_by(Role.id)))


async def assign(session: AsyncSession, user_id: str, role: str) -> bool:
    """Give a user a role; whether it is new."""
    role_id = await session.scalar(select(Role.id).where(Role.name == role))
    adding = insert(UserRole).values(user_id=user_id, role_id=role_id).on_conflict_do_nothing()
    return await session.scalar(adding.returning(UserRole.user_id)) is not None
