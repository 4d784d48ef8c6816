"""What administrators and operators do with users: roles, closing accounts, viewing as a user."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import sessions, users
from services.auth.addresses import key_of
from services.auth.models import AuthUser, LoginSession, Role, UserRole, UserStatus, ViewAs
from services.auth.parts import Parts
from services.auth.schemas import ExportOut, SessionOut, UserOut, ViewTokenOut
from services.auth.users import UserNotFound
from services.common.identity.tokens import Principal
from services.common.runtime.errors import Conflict, Forbidden
from services.contracts.events.identity import UserRolesChanged, UserStatusChanged

logger = logging.getLogger(__name__)
ADMIN: Final = "admin"
PREVIEW: Final = "gateway"
"""The service that views as whom anybody asks for."""
MOST_EXPORTED: Final = 1_000
EVENTS: Final = {UserStatus.ACTIVE: "USER_ENABLED", UserStatus.DISABLED: "USER_DISABLED"}


class OwnAccount(Conflict):
    """Administrators do not lock themselves out."""

    title = "Own account"


class NoPreview(Forbidden):
    """Only a deployment with a preview lets the gateway view as a user."""

    title = "No preview"


async def list_users(session: AsyncSession, limit: int, after: str | None, email: str | None = None) -> list[Row[Any]]:
    """Users by id with their roles, deleted ones too; or the one of an address."""
    query = _with_roles().order_by(AuthUser.id).limit(limit)
    if after is not None:
        query = query.where(AuthUser.id > after)
    if email is not None:
        query = query.where(AuthUser.email_key == key_of(email))
    return list((await session.execute(query)).all())


async def read_user(session: AsyncSession, user_id: str) -> Row[Any]:
    """One user with the roles.

    Raises:
        UserNotFound: there is none.
    """
    row: Row[Any] | None = (await session.execute(_with_roles().where(AuthUser.id == user_id))).one_or_none()
    if row is None:
        raise UserNotFound(f"There is no user {user_id}.")
    return row


async def export(session: AsyncSession, user_id: str) -> ExportOut:
    """What is stored about a user, but for secrets.

    Raises:
        UserNotFound: there is none.
    """
    user = UserOut.model_validate(await read_user(session, user_id))
    begun = select(LoginSession).where(LoginSession.user_id == user_id).order_by(LoginSession.created_at.desc())
    viewed = select(ViewAs.created_at).where(ViewAs.user_id == user_id).order_by(ViewAs.created_at.desc())
    sessions = [SessionOut.model_validate(each) for each in await session.scalars(begun.limit(MOST_EXPORTED))]
    viewed_at = list(await session.scalars(viewed.limit(MOST_EXPORTED)))
    return ExportOut(**user.model_dump(), sessions=sessions, viewed_at=viewed_at)


async def give_role(session: AsyncSession, user_id: str, role: str) -> None:
    """Give a user a role; tokens from before are refused, so that it counts at once."""
    user = await users.lock(session, user_id, is_active=False)
    if await users.assign(session, user_id, role):
        await _tell_roles(session, user)


async def take_role(session: AsyncSession, user_id: str, role: str, by: Principal) -> None:
    """Take a role from a user, at once.

    Raises:
        OwnAccount: it is the caller's own role of an administrator.
    """
    if role == ADMIN and by.subject == user_id:
        raise OwnAccount("Another administrator has to do this.")
    user = await users.lock(session, user_id, is_active=False)
    role_id = select(Role.id).where(Role.name == role).scalar_subquery()
    taking = delete(UserRole).where(UserRole.user_id == user_id, UserRole.role_id == role_id)
    if await session.scalar(taking.returning(UserRole.user_id)) is not None:
        await _tell_roles(session, user)


async def set_status(parts: Parts, session: AsyncSession, user_id: str, status: UserStatus, by: Principal) -> None:
    """Disable or enable a user; of a disabled one all sessions end.

    Raises:
        OwnAccount: it is the caller's own account.
    """
    if by.subject == user_id:
        raise OwnAccount("Another administrator has to do this.")
    user = await users.lock(session, user_id, is_active=False)
    if user.status == status:
        return
    user.status = status
    user.version += 1
    await session.flush()
    if status == UserStatus.DISABLED:
        await sessions.revoke(session, user_id)
    changed = UserStatusChanged(user_id=user_id, account_version=user.version)
    await users.tell(session, EVENTS[status], changed)
    await parts.provider.enable(session, user.cognito_id or user_id, is_enabled=status == UserStatus.ACTIVE)


async def view_as(parts: Parts, session: AsyncSession, user_id: str, by: Principal) -> ViewTokenOut:
    """A token to see what a user sees, without the user's roles; who asked for it is recorded.

    Raises:
        NoPreview: the gateway asks, and this deployment has no preview.
    """
    if by.is_service and by.subject == PREVIEW and not parts.settings.preview:
        raise NoPreview("Set AUTH_PREVIEW to let the storefront preview view as a user.")
    await users.lock(session, user_id)
    seconds = parts.settings.access_seconds
    session.add(ViewAs(actor=by.scope, user_id=user_id, expires_at=datetime.now(UTC) + timedelta(seconds=seconds)))
    logger.info("%s views as the user %s", by.scope, user_id)
    token = parts.signer.user_token(user_id, actor=by.scope, lifetime=seconds)
    return ViewTokenOut(user_id=user_id, access_token=token, expires_in=seconds)


def _with_roles() -> Select[Any]:
    named = select(func.array_agg(Role.name)).join(UserRole, UserRole.role_id == Role.id)
    roles = named.where(UserRole.user_id == AuthUser.id).scalar_subquery()
    return select(*AuthUser.__table__.columns, func.coalesce(roles, text("'{}'")).label("roles"))


async def _tell_roles(session: AsyncSession, user: AuthUser) -> None:
    user.version += 1
    roles = await users.roles_of(session, user.id)
    changed = UserRolesChanged(user_id=user.id, roles=roles, account_version=user.version)
    await users.tell(session, "USER_ROLES_CHANGED", changed)
