"""How merchandisers' things are made, altered and removed: checked, versioned, told by an event, and audited."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from pydantic.alias_generators import to_camel
from sqlalchemy import select, true
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.identity.principal import Principal
from services.common.messaging.erasure import erased_among
from services.common.messaging.outbox import append
from services.common.runtime.errors import Fault, Forbidden, NotFound, Unprocessable
from services.common.web.preconditions import Expected, tag
from services.content import audit
from services.content.models import Banner, Campaign, Experiment, TopPageDisplay
from services.content.queries import bump_version
from services.contracts.envelope import Contract
from services.contracts.events.content import Change

PRODUCER = "content"
SCHEDULE = ("start_date", "end_date", "is_active")
Row = TypeVar("Row", Campaign, Banner, Experiment, TopPageDisplay)


class Contradiction(Unprocessable):
    """The fields contradict each other, or something else."""

    title = "Contradicting values"


@dataclass(frozen=True)
class Kind(Generic[Row]):
    """One kind of things that are edited.

    Attributes:
        name: what it is called in the audit trail.
        table: its table.
        fields: the columns that people set.
        event_type: its event, whose payload is `told`.
        missing: raised when there is none of an id.
        complete: fills in what people do not say, and refuses what does not go together, before it is stored.
        is_edited: which rows of the table are meant.
    """

    name: audit.What
    table: type[Row]
    fields: Sequence[str]
    event_type: str
    told: Callable[[Row, Change], Contract]
    missing: type[NotFound]
    complete: Callable[[AsyncSession, Row], Awaitable[None]] | None = None
    is_edited: Any = field(default_factory=true)

    def values(self, row: Row) -> dict[str, Any]:
        """What the row says, by the names of the API."""
        return {to_camel(name): getattr(row, name) for name in self.fields}


async def create(session: AsyncSession, kind: Kind[Row], values: dict[str, Any], caller: Principal) -> Row:
    """Make one.

    Raises:
        Forbidden, Unprocessable: the caller was deleted, or the values do not go together.
    """
    await begin(session, caller, values.get("user_id"))
    row = kind.table(**{"start_date": datetime.now(UTC), **values})
    await _complete(session, kind, row)
    session.add(row)
    await session.flush()
    await tell(session, kind, row, "CREATED")
    await audit.record(session, caller, kind.name, row.id, "CREATED", None, kind.values(row))
    return row


async def change(
    session: AsyncSession,
    kind: Kind[Row],
    row_id: int,
    changes: dict[str, Any],
    expected: Expected | None,
    caller: Principal,
) -> None:
    """Alter one; equal values change nothing.

    Raises:
        NotFound, PreconditionFailed, Forbidden, Unprocessable: as above, or it is not as the caller has seen it.
    """
    await begin(session, caller, changes.get("user_id"))
    row = await lock(session, kind, row_id, expected)
    before = kind.values(row)
    for name, value in changes.items():
        setattr(row, name, value)
    await _complete(session, kind, row)
    if (after := kind.values(row)) != before:
        row.version += 1
        await session.flush()
        await tell(session, kind, row, "UPDATED")
        await audit.record(session, caller, kind.name, row.id, "UPDATED", before, after)


async def remove(
    session: AsyncSession, kind: Kind[Row], row_id: int, expected: Expected | None, caller: Principal
) -> None:
    """Remove one; raises as `change` does."""
    await begin(session, caller)
    row = await lock(session, kind, row_id, expected)
    before = kind.values(row)
    await session.delete(row)
    await session.flush()
    await tell(session, kind, row, "DELETED")
    await audit.record(session, caller, kind.name, row.id, "DELETED", before, None)


async def read(session: AsyncSession, kind: Kind[Row], row_id: int) -> Row:
    """One of them.

    Raises:
        NotFound: there is none of this id.
    """
    row = await session.scalar(select(kind.table).where(kind.table.id == row_id, kind.is_edited))
    if row is None:
        raise _missing(kind, row_id)
    return row


async def begin(session: AsyncSession, caller: Principal, user_id: str | None = None) -> None:
    """Let other changes wait until the commit, and erasures before that.

    Raises:
        Forbidden, Unprocessable: the caller was deleted, or the user for whom something is shown.
    """
    erased = await erased_among(session, {caller.subject, *([user_id] if user_id else [])})
    if caller.subject in erased:
        raise Forbidden("This user was deleted.")
    if user_id in erased:
        raise Unprocessable(errors=[Fault(field="body.userId", message="names a deleted user")])
    await bump_version(session)


async def refuse_an_unknown_campaign(session: AsyncSession, row: Banner | TopPageDisplay) -> None:
    """Raise if it belongs to a campaign that does not exist; else the campaign stays until the commit."""
    if row.campaign_id is None:
        return
    with session.no_autoflush:
        known = await session.scalar(select(Campaign.id).where(Campaign.id == row.campaign_id))
    if known is None:
        raise Contradiction(errors=[Fault(field="body.campaignId", message="names no campaign")])


async def lock(session: AsyncSession, kind: Kind[Row], row_id: int, expected: Expected | None) -> Row:
    """One of them, as the caller has seen it, which stays as it is until the commit.

    Raises:
        NotFound, PreconditionFailed: there is none, or it has changed.
    """
    query = select(kind.table).where(kind.table.id == row_id, kind.is_edited).with_for_update()
    row = await session.scalar(query)
    if row is None:
        raise _missing(kind, row_id)
    if expected is not None:
        expected.check(tag(row.version))
    return row


async def _complete(session: AsyncSession, kind: Kind[Row], row: Row) -> None:
    if row.end_date is not None and row.end_date <= row.start_date:
        raise Contradiction(errors=[Fault(field="body.endDate", message="must lie after startDate")])
    if kind.complete is not None:
        await kind.complete(session, row)


def _missing(kind: Kind[Row], row_id: int) -> NotFound:
    return kind.missing(f"There is no {kind.name} {row_id}.")


async def tell(session: AsyncSession, kind: Kind[Row], row: Row, made: Change) -> None:
    """Append the event of a change."""
    await append(session, PRODUCER, kind.event_type, kind.told(row, made))
