"""Registration, login and logout: each function runs in the caller's transaction, and appends its events to it.

The identity provider is always called before the transaction reads anything (see `provider.py`).
"""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import passwords, sessions, users
from services.auth.parts import Parts
from services.auth.provider import WrongCredentials
from services.auth.schemas import TokensOut
from services.contracts.events.identity import UserAuthenticated


async def register(parts: Parts, session: AsyncSession, email: str, password: str, network: str) -> None:
    """Ask for an account: the address gets a mail, whether it is known or not.

    Raises:
        PasswordRefused: see the class.
    """
    accepted = passwords.accepted(password, email, shortest=parts.settings.password_length)
    await parts.attempts.mail("registration", email, network)
    await parts.provider.sign_up(session, email, accepted)


async def confirm(parts: Parts, session: AsyncSession, email: str, code: str, network: str) -> None:
    """Confirm a registration: the user exists from now on.

    Raises:
        CodeRefused: see the class.
    """
    await parts.attempts.code("confirmation", email, network)
    await users.of_account(session, await parts.provider.confirm(session, email, code))


async def log_in(
    parts: Parts, session: AsyncSession, email: str, password: str, *, network: str, visitor_id: str | None
) -> TokensOut:
    """Log in: a new session, of the user who was `visitor_id` until now.

    Raises:
        WrongCredentials, AccountClosed, TooManyAttempts: see the classes.
    """
    async with parts.attempts.login(email, network):
        account = await parts.provider.sign_in(email, passwords.normalised(password))
    user = await users.of_account(session, account)
    if await users.has_new_password(session, account):
        raise WrongCredentials
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
    if session_id is not None and await sessions.revoke(session, user_id, session_id):
        await users.tell_action(session, "USER_LOGOUT", user_id)
