"""What users do with their own accounts, in the caller's transaction as in `service.py`: passwords, address, end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import delete, or_
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import codes, mail, passwords, sessions, users
from services.auth.codes import Purpose
from services.auth.models import AuthUser, Code, LoginSession, Outbox, Task, UserRole, UserStatus
from services.auth.parts import Parts
from services.auth.provider import WrongCredentials
from services.auth.users import AccountClosed
from services.common.messaging.erasure import TOPIC, report_erased
from services.common.runtime.errors import Forbidden
from services.contracts.events.identity import UserDeleted


class WrongPassword(Forbidden):
    """It is not the caller's password; a 401 would say that the token is invalid."""

    title = "Wrong password"


async def change_password(
    parts: Parts, session: AsyncSession, user_id: str, current: str, new: str, *, network: str
) -> None:
    """Change the password, and end all sessions and codes.

    Raises:
        WrongPassword, PasswordRefused, TooManyAttempts: see the classes.
    """
    email = await _own_address(parts, user_id)
    accepted = passwords.accepted(new, email, shortest=parts.settings.password_length, field="newPassword")
    async with _proving(parts, email, network):
        await parts.provider.change_password(session, email, passwords.normalised(current), accepted)
    await _end_all(session, await users.lock(session, user_id))


async def ask_reset(parts: Parts, session: AsyncSession, email: str, network: str) -> None:
    """Send a code to reset the password, if the address is known."""
    await parts.attempts.mail("reset", email, network)
    await parts.provider.ask_reset(session, email)


async def reset_password(
    parts: Parts, session: AsyncSession, email: str, code: str, password: str, *, network: str
) -> None:
    """Set a new password by the code that was sent, end all sessions and codes, and let the account log in again.

    Raises:
        CodeRefused, PasswordRefused: see the classes.
    """
    accepted = passwords.accepted(password, email, shortest=parts.settings.password_length, field="newPassword")
    await parts.attempts.code("reset-code", email, network)
    user = await users.of_account(session, await parts.provider.reset(session, email, code, accepted))
    await _end_all(session, user)
    await parts.attempts.open_again(email, network)


async def ask_email_change(
    parts: Parts, session: AsyncSession, user_id: str, new: str, password: str, *, network: str
) -> None:
    """Send a code to a new address, which is the user's once the code is confirmed.

    Raises:
        WrongPassword, TooManyAttempts: see the classes.
    """
    await _proved(parts, session, user_id, password, network)
    await parts.attempts.mail("email-change", new, network)
    session.add(Task(kind=Purpose.EMAIL_CHANGE, email=new, subject=user_id))


async def change_email(parts: Parts, session: AsyncSession, email: str, code: str, network: str) -> None:
    """Change a user's address to one that was confirmed; codes that went to the old one end.

    Raises:
        CodeRefused, AddressTaken: see the classes.
    """
    await parts.attempts.code("email-code", email, network)
    used = await codes.use(session, Purpose.EMAIL_CHANGE, email, code)
    user = await users.lock(session, used.user_id or "")
    session.add(Task(kind=mail.ADDRESS_CHANGED, email=user.email))
    await users.confirm_email(session, user, used.email)
    await session.execute(delete(Code).where(Code.user_id == user.id))
    await parts.provider.change_email(session, user.cognito_id or user.id, used.email)


async def delete_account(parts: Parts, session: AsyncSession, user_id: str, password: str, network: str) -> None:
    """Delete the caller's account: the row stays, without personal data, so that nobody gets the id again.

    Raises:
        WrongPassword, TooManyAttempts: see the classes.
    """
    user = await _proved(parts, session, user_id, password, network)
    await session.execute(delete(Task).where(or_(Task.email == user.email, Task.subject == user_id)))
    for table in (LoginSession, Code, UserRole):
        await session.execute(delete(table).where(table.user_id == user_id))
    await parts.provider.delete(session, user.cognito_id or user.id)
    user.status = UserStatus.DELETED
    user.email = user.email_key = user.cognito_id = user.last_login_at = None
    user.email_verified = False
    await session.execute(delete(Outbox).where(Outbox.topic == TOPIC, Outbox.key == user_id))
    await users.tell(session, "USER_DELETED", UserDeleted(user_id=user_id))
    await report_erased(session, users.PRODUCER, [user_id])
    await users.tell_action(session, "USER_DELETE", user_id)


async def _end_all(session: AsyncSession, user: AuthUser) -> None:
    """Of a locked user with a new password, end what the old one has opened: sessions, and an address asked for."""
    await session.execute(delete(Task).where(Task.kind == Purpose.EMAIL_CHANGE, Task.subject == user.id))
    await session.execute(delete(Code).where(Code.user_id == user.id))
    await sessions.revoke(session, user.id)
    session.add(Task(kind=mail.PASSWORD_CHANGED, email=user.email))


async def _proved(parts: Parts, session: AsyncSession, user_id: str, password: str, network: str) -> AuthUser:
    """The caller, locked, whose password is proved."""
    email = await _own_address(parts, user_id)
    async with _proving(parts, email, network):
        account = await parts.provider.sign_in(email, passwords.normalised(password))
    user = await users.lock(session, user_id)
    if await users.has_new_password(session, account):
        raise WrongPassword("The password is wrong.")
    return user


@asynccontextmanager
async def _proving(parts: Parts, email: str, network: str) -> AsyncIterator[None]:
    """A caller proves the own password, in one of the attempts to log in."""
    async with parts.attempts.login(email, network):
        try:
            yield
        except WrongCredentials:
            raise WrongPassword("The password is wrong.") from None


async def _own_address(parts: Parts, user_id: str) -> str:
    """The caller's address, read in a transaction of its own: the password is proved without one."""
    async with parts.database.sessions() as reading:
        user = await reading.get(AuthUser, user_id)
    if user is None or user.email is None or user.status != UserStatus.ACTIVE:
        raise AccountClosed("This account is closed.")
    return user.email
