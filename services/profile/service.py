"""Operations on users: each function runs in the caller's transaction, and appends its events to it."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.messaging.erasure import report_erased
from services.common.messaging.outbox import append, append_events
from services.common.runtime.errors import Conflict, NotFound
from services.common.storage.upsert import upsert_rows
from services.common.web.idempotency_store import forget_answers
from services.contracts.envelope import Event
from services.contracts.events.actions import UserAction
from services.contracts.events.identity import UserProfileUpdated
from services.profile.domain import Holder, Holders, News, merged
from services.profile.models import DeletedUser, Outbox, User
from services.profile.schemas import Preferences

PRODUCER = "profile"
TOPIC = "profile.v1"
_LOCK_ADDRESSES = text("SELECT pg_advisory_xact_lock(hashtextextended('services.profile.addresses', 0))")


class UserNotFound(NotFound):
    """No user has this id, or auth's news of a new one has not arrived."""

    title = "User not found"
    is_final = False


class VersionConflict(Conflict):
    """The profile has changed since the caller read it."""

    title = "Version conflict"


async def read(session: AsyncSession, user_id: str) -> User:
    """One user.

    Raises:
        UserNotFound: there is none.
    """
    return _found(await session.get(User, user_id))


async def change(session: AsyncSession, user_id: str, changes: dict[str, Any], version: int | None) -> User:
    """Change a profile; equal values change nothing.

    Args:
        session: the caller's transaction.
        user_id: whose profile.
        changes: new values by column name; of a JSON column, a merge patch.
        version: what the caller's changes are based on, if that matters.

    Raises:
        UserNotFound, VersionConflict: see the classes.
    """
    user = _found(await session.get(User, user_id, with_for_update=True))
    if version not in (None, user.version):
        raise VersionConflict(f"The profile has version {user.version}, not {version}; read it again.")
    new = {name: merged(getattr(user, name), value) for name, value in changes.items()}
    names = sorted(name for name, value in new.items() if value != getattr(user, name))
    if names:
        for name in names:
            setattr(user, name, new[name])
        user.version += 1
        await session.flush()
        await _tell_change(session, user, names)
    return user


async def follow(session: AsyncSession, news: Sequence[News]) -> None:
    """Apply what auth told, in order, in a few statements.

    One transaction at a time: consumers of several partitions may be told of the same address.
    """
    await session.execute(_LOCK_ADDRESSES)
    ids = list({each.user_id for each in news})
    gone = await session.scalars(select(DeletedUser.id).where(DeletedUser.id == func.any(ids)))
    holders = Holders(await _known(session, ids, [each.email for each in news]), gone)
    before = set(holders.deleted)
    for each in news:
        holders.apply(each)
    await _erase(session, holders.deleted - before)
    await upsert_rows(session, User, [vars(each) for each in holders.changed.values()])
    told = (each for events in holders.events.values() for each in events)
    await append_events(session, (Event.of(kind, data, producer=PRODUCER) for kind, data in told))


async def _known(session: AsyncSession, ids: list[str], emails: list[str]) -> list[Holder]:
    """These users, and those who have or await an address that one of them has or gets."""
    theirs = await session.scalars(select(User.email).where(User.id == func.any(ids), User.email.is_not(None)))
    addresses = [*emails, *theirs]
    concerned = or_(  # of arrays, so that each condition takes its index
        User.id == func.any(ids), User.email == func.any(addresses), User.awaited_email == func.any(addresses)
    )
    columns = select(*(User.__table__.c[each.name] for each in fields(Holder)))
    rows = await session.execute(columns.where(concerned).order_by(User.id).with_for_update())
    return [Holder(**row) for row in rows.mappings()]


async def _erase(session: AsyncSession, user_ids: set[str]) -> None:
    """Keep nothing of deleted users but their ids, in published events and kept answers neither, and say so."""
    if not user_ids:
        return
    ids = list(user_ids)
    await upsert_rows(session, DeletedUser, [{"id": each} for each in ids])
    await session.execute(delete(User).where(User.id == func.any(ids)))
    await session.execute(delete(Outbox).where(Outbox.topic == TOPIC, Outbox.key == func.any(ids)))
    await forget_answers(session, ids)
    await report_erased(session, PRODUCER, ids)


async def _tell_change(session: AsyncSession, user: User, names: Sequence[str]) -> None:
    preferences = Preferences.of(user)
    snapshot = UserProfileUpdated(
        user_id=user.id,
        display_name=user.display_name,
        locale=preferences.locale,
        personalisation_consent=preferences.personalisation.consent,
        opted_out_shelves=preferences.shelves.opted_out,
        profile_version=user.version,
    )
    await append(session, PRODUCER, "USER_PROFILE_UPDATED", snapshot)
    await append(session, PRODUCER, "USER_UPDATE", UserAction(user_id=user.id, metadata={"fields": list(names)}))


def _found(user: User | None) -> User:
    if user is None:
        raise UserNotFound("There is no such user; one who has just registered may have to wait for a second.")
    return user
