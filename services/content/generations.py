"""Generations: loaded whole or not at all, activated and rolled back in one transaction each, dropped when old."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from psycopg.errors import LockNotAvailable, UniqueViolation
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.identity.principal import Principal
from services.common.messaging.outbox import append
from services.common.runtime.errors import Conflict, NotFound, Unavailable, Unprocessable
from services.content import audit, partitions
from services.content.models import Activation, ActiveGeneration, ErasedUser, Generation, TopPageDisplay
from services.contracts.events.content import GenerationSwitched

PRODUCER = "content"


class GenerationNotFound(NotFound):
    """No generation has this name."""

    title = "Generation not found"


class GenerationExists(Conflict):
    """The name belongs to a generation of another bundle."""

    title = "Generation exists"


class GenerationIsFixed(Conflict):
    """A generation that was ever active, or whose rows were dropped, accepts no new rows."""

    title = "Generation is fixed"


class GenerationIncomplete(Conflict):
    """The generation does not have the expected number of rows."""

    title = "Generation incomplete"


class RankTakenTwice(Unprocessable):
    """Two rows have the same place."""

    title = "Rank taken twice"


class TableIsRead(Unavailable):
    """An upload that replaces an earlier one must wait for a long-running reader of the table."""

    title = "Table is read"


class NothingToRollBackTo(Conflict):
    """There is no previous generation, or its rows were dropped, or another one is active now."""

    title = "Nothing to roll back to"


async def announce(session: AsyncSession, name: str, bundle: str) -> None:
    """Create a generation without rows; no effect if it exists.

    Raises:
        GenerationExists: it belongs to another bundle.
    """
    await _lock_active(session)
    known = await session.scalar(select(Generation.bundle).where(Generation.generation == name))
    if known is None:
        session.add(Generation(generation=name, bundle=bundle))
        await session.flush()
    elif known != bundle:
        raise GenerationExists(f"{name} is a generation of {known}.")


async def load(
    session: AsyncSession, name: str, rows: AsyncIterator[Sequence[Sequence[Any]]], *, kept: int
) -> Generation:
    """Load a generation's rows, replacing earlier ones, and drop the rows of old generations.

    Args:
        session: the caller's transaction: an interrupted upload leaves nothing.
        name: the generation.
        rows: see `partitions.UPLOADED`.
        kept: number of generations that keep their rows.

    Raises:
        GenerationNotFound, GenerationIsFixed, RankTakenTwice, TableIsRead: see the classes.
    """
    generation = await _find(session, name, for_update=True)
    await _refuse_if_fixed(session, generation)
    try:
        generation.row_count = await partitions.copy_draft(session, generation.id, name, rows)
    except UniqueViolation as error:
        raise RankTakenTwice("Two rows have the same user, shelf and rank.") from error
    await _lock_active(session)
    await _refuse_if_fixed(session, generation)  # it may have been activated with its earlier rows meanwhile
    try:
        await partitions.attach_draft(session, generation.id, name)
    except LockNotAvailable as error:
        raise TableIsRead("The rows that are to be replaced are being read, by a backup perhaps.") from error
    deleted = TopPageDisplay.user_id.in_(select(ErasedUser.id))  # since the rows were made: an erasure saw no draft
    await session.execute(delete(TopPageDisplay).where(TopPageDisplay.generation == name, deleted))
    generation.loaded_at = datetime.now(UTC)
    await session.flush()
    await _drop_old(session, kept)
    return generation


async def activate(session: AsyncSession, name: str, expected_rows: int, caller: Principal) -> Generation:
    """Activate a generation; no effect if it is active. Concurrent calls are serialised.

    Raises:
        GenerationNotFound, GenerationIncomplete: see the classes.
    """
    active = await _lock_active(session)
    generation = await _find(session, name)
    if generation.row_count != expected_rows:
        raise GenerationIncomplete(f"{name} has {generation.row_count or 0} rows, not {expected_rows}.")
    if generation.dropped_at:
        raise GenerationIncomplete(f"The rows of {name} were dropped.")
    if active.generation != name:
        session.add(Activation(generation_id=generation.id))
        await _show(session, active, generation, "ACTIVATED", caller)
    return generation


async def roll_back(session: AsyncSession, leave: str | None, caller: Principal) -> Generation:
    """Roll back to the previously active generation.

    Args:
        session: the caller's transaction.
        leave: the generation that the caller expects to be active; None for any.
        caller: whom the audit trail names.

    Raises:
        NothingToRollBackTo: see the class.
    """
    active = await _lock_active(session)
    if leave is not None and leave != active.generation:
        raise NothingToRollBackTo(f"{leave} is not active; {active.generation} is.")
    standing = select(Activation).where(Activation.rolled_back_at.is_(None)).order_by(Activation.id.desc()).limit(2)
    activations = (await session.scalars(standing)).all()
    if len(activations) < 2:  # noqa: PLR2004 - the active one and the one before
        raise NothingToRollBackTo("No generation was shown before.")
    generation = await session.get_one(Generation, activations[1].generation_id)
    if generation.dropped_at:
        raise NothingToRollBackTo(f"The rows of {generation.generation} were dropped.")
    activations[0].rolled_back_at = datetime.now(UTC)
    await _show(session, active, generation, "ROLLED_BACK", caller)
    return generation


async def _show(
    session: AsyncSession,
    active: ActiveGeneration,
    generation: Generation,
    change: Literal["ACTIVATED", "ROLLED_BACK"],
    caller: Principal,
) -> None:
    """Point to a generation, tell of it and note it; the cost does not depend on the number of rows."""
    switched = GenerationSwitched(
        generation=generation.generation,
        previous=active.generation,
        bundle=generation.bundle,
        rows=generation.row_count or 0,
    )
    active.generation = generation.generation
    active.version += 1
    await session.flush()
    await append(session, PRODUCER, f"GENERATION_{change}", switched)
    before, after = {"active": switched.previous}, {"active": switched.generation}
    await audit.record(session, caller, "generation", generation.generation, change, before, after)


async def _drop_old(session: AsyncSession, kept: int) -> None:
    """Drop the rows of loaded generations, except the newest ones, the active one and the previous one."""
    standing = select(Activation.generation_id).where(Activation.rolled_back_at.is_(None))
    needed = (await session.scalars(standing.order_by(Activation.id.desc()).limit(2))).all()
    loaded = select(Generation).where(Generation.loaded_at.isnot(None), Generation.dropped_at.is_(None))
    newest_first = loaded.order_by(Generation.loaded_at.desc()).offset(kept)
    unlocked = newest_first.with_for_update(key_share=True, skip_locked=True)  # one that is being loaded again stays
    for old in (await session.scalars(unlocked)).all():
        if old.id not in needed:
            if not await partitions.drop_partition(session, old.id, old.generation):
                return  # the next upload retries
            old.dropped_at = datetime.now(UTC)


async def _lock_active(session: AsyncSession) -> ActiveGeneration:
    """Lock the row of the active generation; always first, to avoid deadlocks."""
    return (await session.scalars(select(ActiveGeneration).with_for_update())).one()


async def _find(session: AsyncSession, name: str, *, for_update: bool = False) -> Generation:
    query = select(Generation).where(Generation.generation == name)
    generation = await session.scalar(query.with_for_update(key_share=True) if for_update else query)
    if generation is None:
        raise GenerationNotFound(f"There is no generation {name}.")
    return generation


async def _refuse_if_fixed(session: AsyncSession, generation: Generation) -> None:
    activations = select(Activation.id).where(Activation.generation_id == generation.id)
    if generation.dropped_at or await session.scalar(activations.limit(1)) is not None:
        raise GenerationIsFixed(f"{generation.generation} was shown already, or dropped.")
