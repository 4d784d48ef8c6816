"""What a user does with an account: each function runs in the caller's transaction, and appends its events to it.

The identity provider is always called before the transaction reads anything (see `provider.py`).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from sqlalchemy import delete, or_
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import codes, passwords, sessions, users
from services.auth.codes import Purpose
from services.auth.models import AuthUser, Code, LoginSession, Outbox, Task, UserRole, UserStatus
from services.auth.parts import Parts
from services.auth.provider import WrongCredentials
from services.auth.schemas import TokensOut
from services.auth.users import AccountClosed
from services.common.messaging.erasure import TOPIC, report_erased
from services.common.runtime.errors import Forbidden
from services.contracts.events.identity import UserAuthenticated, UserDeleted


class WrongPassword(Forbidden):
    """It is not the caller's password; a 401 would say that the token is invalid."""

    title = "Wrong password"


async def register(parts: Parts, session: AsyncSession, email: str, password: str, network: str) -> None:
    """Ask for an account: the address gets a mail, whether it is known or not.

    Raises:
        PasswordRefused: see the class.
    """
    accepted = passwords.accepted(password, email, shortest=parts.settings.password_length)
    await parts.attempts.request("registration", email, network)
    await parts.provider.sign_up(session, email, accepted)


async def confirm(parts: Parts, session: AsyncSession, email: str, code: str, network: str) -> None:
    """Confirm a registration: the user exists from now on.

    Raises:
        CodeRefused: see the class.
    """
    await parts.attempts.request("confirmation", email, network)
    await users.of_account(session, await parts.provider.confirm(session, email, code))


async def log_in(
    parts: Parts, session: AsyncSession, email: str, password: str, *, network: str, visitor_id: str | None
) -> TokensOut:
    """Log in: a new session, of the user who was `visitor_id` until now.

    Raises:
        WrongCredentials, AccountClosed, TooManyAttempts: see the classes.
    """
    async with parts.attempts.login(email, network):
        account = await parts.provider.sign_in(email, password)
    user = await users.of_account(session, account)
    user.last_login_at = datetime.now(UTC)
    session_id, tokens = await sessions.begin(parts, session, user, account.refresh_token)
    authenticated = UserAuthenticated(
        user_id=user.id,
        email=user.email or "",
        cognito_id=user.cognito_id,
        visitor_id=visitor_id,
        session_id=session_id,
    )
    await users.tell(session, "USER_AUTHENTICATED", authenticated)
    await users.tell_action(session, "USER_LOGIN", user.id)
    return tokens


async def log_out(session: AsyncSession, user_id: str, session_id: str | None) -> None:
    """End the session of an access token; one without a session, such as a view's, just ends by itself."""
    if session_id is not None:
        await sessions.revoke(session, user_id, session_id)
        await users.tell_action(session, "USER_LOGOUT", user_id)


async def change_password(
    parts: Parts, session: AsyncSession, user_id: str, current: str, new: str, *, network: str
) -> None:
    """Change the password, and end all sessions.

    Raises:
        WrongPassword, PasswordRefused, TooManyAttempts: see the classes.
    """
    email = await _own_address(parts, user_id)
    accepted = passwords.accepted(new, email, shortest=parts.settings.password_length, field="newPassword")
    async with _proving(parts, email, network):
        await parts.provider.change_password(session, email, current, accepted)
    await users.lock(session, user_id)
    await sessions.revoke(session, user_id)


async def ask_reset(parts: Parts, session: AsyncSession, email: str, network: str) -> None:
    """Send a code to reset the password, if the address is known."""
    await parts.attempts.request("reset", email, network)
    await parts.provider.ask_reset(session, email)


async def reset_password(
    parts: Parts, session: AsyncSession, email: str, code: str, password: str, *, network: str
) -> None:
    """Set a new password by the code that was sent, end all sessions, and let the account log in again.

    Raises:
        CodeRefused, PasswordRefused: see the classes.
    """
    accepted = passwords.accepted(password, email, shortest=parts.settings.password_length, field="newPassword")
    await parts.attempts.request("reset-code", email, network)
    user = await users.of_account(session, await parts.provider.reset(session, email, code, accepted))
    await sessions.revoke(session, user.id)
    await parts.attempts.open_again(email, network)


async def ask_email_change(
    parts: Parts, session: AsyncSession, user_id: str, new: str, password: str, *, network: str
) -> None:
    """Send a code to a new address, which is the user's once the code is confirmed.

    Raises:
        WrongPassword, TooManyAttempts: see the classes.
    """
    await _prove(parts, user_id, password, network)
    await parts.attempts.request("email-change", new, network)
    session.add(Task(kind=Purpose.EMAIL_CHANGE, email=new, subject=user_id))


async def change_email(parts: Parts, session: AsyncSession, email: str, code: str, network: str) -> None:
    """Change a user's address to one that was confirmed; codes that went to the old one end.

    Raises:
        CodeRefused, AddressTaken: see the classes.
    """
    await parts.attempts.request("email-code", email, network)
    used = await codes.use(session, Purpose.EMAIL_CHANGE, email, code)
    user = await users.lock(session, used.user_id or "")
    await users.confirm_email(session, user, used.email)
    await session.execute(delete(Code).where(Code.user_id == user.id))
    await parts.provider.change_email(session, user.cognito_id or user.id, used.email)


async def delete_account(parts: Parts, session: AsyncSession, user_id: str, password: str, network: str) -> None:
    """Delete the caller's account: the row stays, without personal data, so that nobody gets the id again.

    Raises:
        WrongPassword, TooManyAttempts: see the classes.
    """
    email = await _prove(parts, user_id, password, network)
    user = await users.lock(session, user_id)
    await session.execute(delete(Task).where(or_(Task.email == email, Task.subject == user_id)))
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


async def _prove(parts: Parts, user_id: str, password: str, network: str) -> str:
    """The caller's address, once the caller's password is proved."""
    email = await _own_address(parts, user_id)
    async with _proving(parts, email, network):
        await parts.provider.sign_in(email, password)
    return email


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
