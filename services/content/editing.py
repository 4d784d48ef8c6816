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
        name: what it is called in the audit trail; in capitals, and `_CHANGED`, its event.
        table: its table.
        fields: the columns that people set.
        event: the event's payload: the id, the version, the change, and columns by their names.
        missing: raised when there is none of an id.
        complete: fills in what people do not say, and refuses what does not go together, before it is stored.
        is_edited: which rows of the table are meant.
    """

    name: audit.What
    table: type[Row]
    fields: Sequence[str]
    event: type[Contract]
    missing: type[NotFound]
    complete: Callable[[AsyncSession, Row], Awaitable[None]] | None = None
    is_edited: Any = field(default_factory=true)

    def values(self, row: Row) -> dict[str, Any]:
        """What the row says, by the names of the API."""
        return {to_camel(name): getattr(row, name) for name in self.fields}


@dataclass(frozen=True)
class Edit:
    """One edit of merchandisers' things.

    Attributes:
        session: its transaction.
        caller: who makes it, whom the audit trail names.
        expected: what it is based on; None for whatever is there.
    """

    session: AsyncSession
    caller: Principal
    expected: Expected | None = None

    async def begin(self, user_id: str | None = None) -> None:
        """Let other changes wait until the commit, and erasures before that.

        Raises:
            Forbidden, Unprocessable: the caller was deleted, or the user for whom something is shown.
        """
        erased = await erased_among(self.session, {self.caller.subject, *([user_id] if user_id else [])})
        if self.caller.subject in erased:
            raise Forbidden("This user was deleted.")
        if user_id in erased:
            raise Unprocessable(errors=[Fault(field="body.userId", message="names a deleted user")])
        await bump_version(self.session)

    async def lock(self, kind: Kind[Row], row_id: int) -> Row:
        """One of them, as the caller has seen it, which stays as it is until the commit.

        Raises:
            NotFound, PreconditionFailed: there is none, or it has changed.
        """
        row = await read(self.session, kind, row_id, is_locked=True)
        if self.expected is not None:
            self.expected.check(tag(row.version))
        return row

    async def made(
        self, kind: Kind[Row], row: Row, change: Change, before: audit.Values | None, after: audit.Values | None
    ) -> None:
        """Store it, tell it by the event, and note it in the trail."""
        await self.session.flush()
        await tell(self.session, kind, row, change)
        await audit.record(self.session, self.caller, kind.name, row.id, change, before, after)


async def create(edit: Edit, kind: Kind[Row], values: dict[str, Any]) -> Row:
    """Make one.

    Raises:
        Forbidden, Unprocessable: the caller was deleted, or the values do not go together.
    """
    await edit.begin(values.get("user_id"))
    row = kind.table(**{"start_date": datetime.now(UTC), **values})
    await _complete(edit.session, kind, row)
    edit.session.add(row)
    await edit.session.flush()  # the defaults of the database are noted, too
    await edit.made(kind, row, "CREATED", None, kind.values(row))
    return row


async def change(edit: Edit, kind: Kind[Row], row_id: int, changes: dict[str, Any]) -> Row:
    """Alter one; equal values change nothing.

    Raises:
        NotFound, PreconditionFailed, Forbidden, Unprocessable: as above, or it is not as the caller has seen it.
    """
    await edit.begin(changes.get("user_id"))
    row = await edit.lock(kind, row_id)
    before = kind.values(row)
    for name, value in changes.items():
        setattr(row, name, value)
    await _complete(edit.session, kind, row)
    if (after := kind.values(row)) != before:
        row.version += 1
        await edit.made(kind, row, "UPDATED", before, after)
    return row


async def remove(edit: Edit, kind: Kind[Row], row_id: int) -> None:
    """Remove one; raises as `change` does."""
    await edit.begin()
    row = await edit.lock(kind, row_id)
    await edit.session.delete(row)
    await edit.made(kind, row, "DELETED", kind.values(row), None)


async def read(session: AsyncSession, kind: Kind[Row], row_id: int, *, is_locked: bool = False) -> Row:
    """One of them.

    Raises:
        NotFound: there is none of this id.
    """
    query = select(kind.table).where(kind.table.id == row_id, kind.is_edited)
    row = await session.scalar(query.with_for_update() if is_locked else query)
    if row is None:
        raise kind.missing(f"There is no {kind.name} {row_id}.")
    return row


async def tell(session: AsyncSession, kind: Kind[Row], row: Row, made: Change) -> None:
    """Append the event of a change; its version is greater than all before, a removal's too."""
    said = {name: getattr(row, name) for name in kind.event.model_fields if hasattr(row, name)}
    said |= {f"{kind.name}_id": row.id, f"{kind.name}_version": row.version + (made == "DELETED"), "change": made}
    told = kind.event.model_validate(said, strict=False)
    await append(session, PRODUCER, f"{kind.name.upper()}_CHANGED", told)


async def refuse_an_unknown_campaign(session: AsyncSession, row: Banner | TopPageDisplay) -> None:
    """Raise if it belongs to a campaign that does not exist; else the campaign stays until the commit."""
    if row.campaign_id is None:
        return
    with session.no_autoflush:
        known = await session.scalar(select(Campaign.id).where(Campaign.id == row.campaign_id))
    if known is None:
        raise Contradiction(errors=[Fault(field="body.campaignId", message="names no campaign")])


async def _complete(session: AsyncSession, kind: Kind[Row], row: Row) -> None:
    if row.end_date is not None and row.end_date <= row.start_date:
        raise Contradiction(errors=[Fault(field="body.endDate", message="must lie after startDate")])
    if kind.complete is not None:
        await kind.complete(session, row)
