"""Identity providers: who keeps accounts with their passwords, and sends the codes that confirm an address.

A provider is called before anything is read in the caller's transaction (`session`), so that a slow one holds no
connection of the database. The local one writes in that transaction; what another does at once is repeatable.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models import Task
from services.common.runtime.errors import Unauthorized, Unprocessable


@dataclass(frozen=True)
class Account:
    """An account whose owner proved to be it: `subject` is its id at the provider, and `email` is confirmed.

    `password_hash` is what the password was compared with, where that is stored here.
    """

    subject: str
    email: str
    is_cognito: bool = False
    refresh_token: str | None = None
    password_hash: str | None = None


class WrongCredentials(Unauthorized):
    """No account has this address and this password; or it is not confirmed yet."""

    title = "Wrong credentials"

    def __init__(self) -> None:
        super().__init__("The address or the password is wrong.")


class CodeRefused(Unprocessable):
    """The code is wrong, used, too old, or of another address."""

    title = "Code refused"

    def __init__(self) -> None:
        super().__init__("The code is wrong, used or too old. Ask for a new one.")


class IdentityProvider(Protocol):
    """What the service needs of one; addresses and passwords come checked and normalised."""

    @property
    def tasks(self) -> Mapping[str, Callable[[Task], Awaitable[None]]]:
        """What it does for tasks that it has left, by their kinds."""

    async def sign_up(self, session: AsyncSession, email: str, password: str) -> None:
        """Create an account that is to be confirmed; for a known address nothing changes, and nobody is told."""

    async def confirm(self, session: AsyncSession, email: str, code: str) -> Account:
        """Confirm an account by the code that was sent; raises CodeRefused."""

    async def sign_in(self, email: str, password: str) -> Account:
        """The account of this address and password; raises WrongCredentials."""

    async def renew(self, refresh_token: str | None) -> str | None:
        """The provider's token of a session that goes on, if it has one; raises WrongCredentials."""

    async def change_password(self, session: AsyncSession, email: str, current: str, new: str) -> None:
        """Change a password; raises WrongCredentials."""

    async def ask_reset(self, session: AsyncSession, email: str) -> None:
        """Send a code to reset the password; for an unknown address nothing happens, and nobody is told."""

    async def reset(self, session: AsyncSession, email: str, code: str, password: str) -> Account:
        """Reset the password by the code that was sent; raises CodeRefused."""

    async def change_email(self, session: AsyncSession, subject: str, email: str) -> None:
        """Change the address of an account to one that was confirmed."""

    async def enable(self, session: AsyncSession, subject: str, *, is_enabled: bool) -> None:
        """Let an account log in, or not."""

    async def delete(self, session: AsyncSession, subject: str) -> None:
        """Delete an account."""

    async def close(self) -> None:
        """Release what it holds."""
