"""Sessions: a login, its access tokens of a few minutes, and its refresh tokens, each of which is used once.

A refresh token is `<family>.<secret>`. Whoever presents a family with a secret that was replaced holds a copy that was
stolen, or was stolen from: the session ends (RFC 9700, section 4.14.2). Two tabs may refresh at once, though, and an
answer may be lost: within `GRACE` the token that was replaced last gets the same successor again. That works without
storing it, because the successor is a MAC of the token before it under a salt of the session: neither a copy of the
database nor the old token alone is enough to make it.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import users
from services.auth.models import AuthUser, LoginSession
from services.auth.parts import Parts
from services.auth.provider import WrongCredentials
from services.auth.schemas import TokensOut
from services.auth.users import AccountClosed
from services.common.runtime.errors import Unauthorized
from services.contracts.envelope import new_event_id_text
from services.contracts.events.identity import SessionsRevoked

GRACE: Final = timedelta(seconds=10)
SECRET_BYTES: Final = 32
NONCE_BYTES: Final = 12


class SessionEnded(Unauthorized):
    """The refresh token is unknown, or its session has ended."""

    title = "Session ended"

    def __init__(self) -> None:
        super().__init__("Log in again.")


async def begin(
    parts: Parts, session: AsyncSession, user: AuthUser, provider_token: str | None
) -> tuple[str, TokensOut]:
    """A new session of a locked user: its id, and its tokens."""
    now = datetime.now(UTC)
    token = f"{secrets.token_urlsafe(SECRET_BYTES)}.{secrets.token_urlsafe(SECRET_BYTES)}"
    begun = LoginSession(
        id=new_event_id_text(),
        user_id=user.id,
        family_hash=_hash(_family(token)),
        token_hash=_hash(token),
        provider_token=_seal(token, provider_token),
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(seconds=parts.settings.session_seconds),
    )
    session.add(begun)
    return begun.id, await _tokens(parts, session, begun, token)


async def refresh(parts: Parts, session: AsyncSession, token: str) -> TokensOut | SessionEnded:
    """New tokens for a refresh token; an error is returned and not raised, so that what it revokes is committed."""
    known = await _look_up(parts, token)
    if known is None:
        return SessionEnded()
    try:
        renewed = await parts.provider.renew(_unseal(token, known)) if _is_current(known, token) else None
        await users.lock(session, known.user_id)
    except (WrongCredentials, AccountClosed):
        await revoke(session, known.user_id, known.id)
        return SessionEnded()
    found = await session.get(LoginSession, known.id, with_for_update=True)
    now = datetime.now(UTC)
    idle = timedelta(seconds=parts.settings.session_idle_seconds)
    if found is None or found.revoked_at or min(found.last_used_at + idle, found.expires_at) <= now:
        return SessionEnded()
    if _is_current(found, token):
        successor = _rotate(found, token, renewed, now)
    elif _hash(token) == found.previous_hash and found.salt and now - found.last_used_at <= GRACE:
        successor = _successor(found.salt, token)
    else:
        await revoke(session, found.user_id, found.id)
        return SessionEnded()
    return await _tokens(parts, session, found, successor)


async def revoke(session: AsyncSession, user_id: str, session_id: str | None = None) -> bool:
    """End a session of a user, or all; access tokens are refused within seconds. Whether there was one to end."""
    ending = update(LoginSession).where(LoginSession.user_id == user_id, LoginSession.revoked_at.is_(None))
    if session_id is not None:
        ending = ending.where(LoginSession.id == session_id)
    ending = ending.values(revoked_at=datetime.now(UTC), provider_token=None, salt=None)
    ended = (await session.scalars(ending.returning(LoginSession.id))).all()
    if ended or session_id is None:
        await users.tell(session, "SESSIONS_REVOKED", SessionsRevoked(user_id=user_id, session_id=session_id))
    return bool(ended)


async def _look_up(parts: Parts, token: str) -> LoginSession | None:
    """The session of a token's family, read in a transaction of its own: the provider is asked without one."""
    its = LoginSession.family_hash == _hash(_family(token))
    async with parts.database.sessions() as reading:
        return await reading.scalar(select(LoginSession).where(its, LoginSession.revoked_at.is_(None)))


async def _tokens(parts: Parts, session: AsyncSession, of: LoginSession, refresh_token: str) -> TokensOut:
    """The answer, whose access token is signed while the user is locked: what revokes it has a later time."""
    roles = await users.roles_of(session, of.user_id)
    seconds = parts.settings.access_seconds
    idle = timedelta(seconds=parts.settings.session_idle_seconds)
    ends = min(of.last_used_at + idle, of.expires_at)
    return TokensOut(
        user_id=of.user_id,
        access_token=parts.signer.user_token(of.user_id, roles=roles, session_id=of.id, lifetime=seconds),
        expires_in=seconds,
        refresh_token=refresh_token,
        refresh_expires_in=int((ends - datetime.now(UTC)).total_seconds()),
    )


def _rotate(found: LoginSession, token: str, provider_token: str | None, now: datetime) -> str:
    found.salt = secrets.token_bytes(SECRET_BYTES)
    successor = _successor(found.salt, token)
    found.previous_hash, found.token_hash = found.token_hash, _hash(successor)
    found.provider_token = _seal(successor, provider_token)
    found.last_used_at = now
    return successor


def _successor(salt: bytes, token: str) -> str:
    secret = hmac.digest(salt, token.encode(), "sha256")
    return f"{_family(token)}.{base64.urlsafe_b64encode(secret).rstrip(b'=').decode()}"


def _family(token: str) -> str:
    return token.partition(".")[0]


def _is_current(of: LoginSession, token: str) -> bool:
    return hmac.compare_digest(of.token_hash, _hash(token))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _key(refresh_token: str) -> AESGCM:
    derive = HKDF(SHA256(), length=SECRET_BYTES, salt=None, info=b"tanawari: the provider's refresh token")
    return AESGCM(derive.derive(refresh_token.encode()))


def _seal(refresh_token: str, provider_token: str | None) -> bytes | None:
    """The provider's token, encrypted under a key that only the holder of our refresh token has."""
    if provider_token is None:
        return None
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _key(refresh_token).encrypt(nonce, provider_token.encode(), None)


def _unseal(refresh_token: str, of: LoginSession) -> str | None:
    sealed = of.provider_token
    if sealed is None:
        return None
    return _key(refresh_token).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None).decode()
