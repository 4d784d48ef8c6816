"""Codes that are sent to an address: 256 random bits, stored as a hash, used once and within a short time."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, func
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.addresses import key_of
from services.auth.models import Code
from services.auth.provider import CodeRefused


class Purpose(StrEnum):
    """What a code is for."""

    REGISTRATION = "registration"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - no password
    EMAIL_CHANGE = "email-change"


LIFETIME: Final = {
    Purpose.REGISTRATION: timedelta(hours=24),
    Purpose.PASSWORD_RESET: timedelta(minutes=30),
    Purpose.EMAIL_CHANGE: timedelta(hours=1),
}


def issue(
    session: AsyncSession, purpose: Purpose, email: str, *, user_id: str | None = None, password_hash: str | None = None
) -> str:
    """A new code for an address; earlier ones hold as well, because mails may arrive in any order."""
    code = secrets.token_urlsafe(32)
    until = datetime.now(UTC) + LIFETIME[purpose]
    session.add(
        Code(
            hash=_hash(code),
            purpose=purpose,
            email=email,
            user_id=user_id,
            password_hash=password_hash,
            expires_at=until,
        )
    )
    return code


async def use(session: AsyncSession, purpose: Purpose, email: str, code: str) -> Code:
    """Use up a code, and the other ones of its purpose and address with it.

    Raises:
        CodeRefused: it is not one of this purpose and address, or its time is over.
    """
    found = await session.get(Code, _hash(code), with_for_update=True)
    is_its = found is not None and found.purpose == purpose and key_of(found.email) == key_of(email)
    if found is None or not is_its or found.expires_at <= datetime.now(UTC):
        raise CodeRefused
    await session.execute(delete(Code).where(Code.purpose == purpose, Code.email == found.email))
    return found


async def forget_expired(session: AsyncSession) -> None:
    """Remove codes whose time is over."""
    await session.execute(delete(Code).where(Code.expires_at <= func.now()))


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
