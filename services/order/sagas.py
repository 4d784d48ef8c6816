"""Carries sagas on: the row says what is next, so that whoever finds it, after a crash as well, goes on from there.

A saga is in one process at a time: the one that has the lease of its row. A step asks another service, without any
transaction of ours; then what came of it, and the next step, are committed together.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import event, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.runtime.answers import CallFailedError
from services.common.runtime.worker import Worker
from services.common.storage.database import Database
from services.order import returns, service
from services.order.domain import AFTER, Step
from services.order.models import Order, Return
from services.order.settings import OrderSettings
from services.order.steps import Done, GiveUp, Result, Steps, Wait

logger = logging.getLogger(__name__)
MOST_AT_ONCE: Final = 20
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=0.5), timedelta(seconds=10)
BEFORE_PAYMENT: Final = frozenset({Step.RESERVE, Step.PAY})
"""A checkout that gets no answer there is given up; what comes later is tried until it is done."""
Row = Order | Return
Table = type[Order] | type[Return]


class Sagas(Worker):
    """Carries on the sagas of orders and returns that are due."""

    name = "sagas"

    def __init__(self, database: Database, steps: Steps, settings: OrderSettings) -> None:
        super().__init__()
        self._sessions, self._steps = database.sessions, steps
        self._poll_seconds = settings.poll_seconds
        self._lease = timedelta(seconds=settings.lease_seconds)
        self._patience = timedelta(seconds=settings.give_up_after_seconds)
        self._news = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """There is something to do now."""
        self._news.set()

    def wake_after(self, session: AsyncSession) -> None:
        """There is something to do once this session has committed: before, it is not seen."""
        event.listen(session.sync_session, "after_commit", lambda _: self.wake(), once=True)

    async def run(self, stop: asyncio.Event) -> None:
        """Carry sagas on until `stop` is set; those under way end with their current step."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._news.clear()
                for table in (Order, Return):
                    for row_id in await self._leased(table, MOST_AT_ONCE - len(self._running)):
                        task = asyncio.create_task(self._carry_on(table, row_id, stop))
                        self._running.add(task)
                        task.add_done_callback(self._ended)
                self.heartbeat()
                news = asyncio.create_task(self._news.wait())
                await asyncio.wait([news, stopping], timeout=self._poll_seconds, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
        finally:
            stopping.cancel()
            if self._running:
                await asyncio.wait(self._running)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("a saga goes on when its lease is over", exc_info=error)
        if len(self._running) >= MOST_AT_ONCE - 1:
            self._news.set()  # others may have waited

    async def _leased(self, table: Table, most: int) -> Sequence[int]:
        """Rows that are due and nobody has; they are ours for a while."""
        is_free = or_(table.leased_until.is_(None), table.leased_until <= func.now())
        due = select(table.id).where(table.step.is_not(None), table.due_at <= func.now(), is_free)
        due = due.order_by(table.due_at).limit(most).with_for_update(skip_locked=True)
        async with self._sessions.begin() as session:
            ids = (await session.scalars(due)).all()
            if ids:
                leasing = update(table).where(table.id.in_(ids)).values(leased_until=datetime.now(UTC) + self._lease)
                await session.execute(leasing.execution_options(synchronize_session=False))
        return ids

    async def _carry_on(self, table: Table, row_id: int, stop: asyncio.Event) -> None:
        async with self._sessions() as session:
            row: Row | None = await session.get_one(table, row_id)
        while row is not None and row.step is not None:
            step = Step(row.step)
            try:
                result = await self._steps.do(step, row)
            except CallFailedError as error:
                result = self._patiently(step, row, str(error))
            except Exception as error:
                logger.exception("%s %s cannot go on at %s", table.__tablename__, row_id, step)
                result = self._patiently(step, row, type(error).__name__)
            row = await self._record(row, step, result, goes_on=not stop.is_set())

    def _patiently(self, step: Step, row: Row, reason: str) -> Result:
        """Try again later, and later; a checkout that nobody has paid for is given up some time."""
        if step in BEFORE_PAYMENT and isinstance(row, Order) and datetime.now(UTC) > row.ordered_at + self._patience:
            return GiveUp(reason)
        longer: int = 2 ** min(row.tries, 10)
        return Wait(min(FIRST_PAUSE * longer, LONGEST_PAUSE))

    async def _record(self, row: Row, step: Step, result: Result, *, goes_on: bool) -> Row | None:
        """Commit what came of a step; returns the row if the next one is ours to do."""
        now, known = datetime.now(UTC), row.due_at
        async with self._sessions.begin() as session:
            session.add(row)  # its items stay as they are; the rest is read again
            await session.refresh(row, [column.name for column in row.__table__.columns], with_for_update=True)
            if row.step == step:  # else it was cancelled meanwhile
                if isinstance(row, Order):
                    row.action_url = result.action_url if isinstance(result, Wait) else None
                if isinstance(result, Wait):
                    pause = result.pause if row.due_at == known else timedelta(0)  # else there was news meanwhile
                    row.tries, row.due_at, row.leased_until = row.tries + 1, now + pause, None
                    return None
                await self._move_on(session, row, step, result)
            is_ours = row.step is not None and goes_on
            row.leased_until = now + self._lease if is_ours else None
        return row if is_ours else None

    async def _move_on(self, session: AsyncSession, row: Row, step: Step, result: Done | GiveUp) -> None:
        row.tries = 0
        if isinstance(result, GiveUp):
            assert isinstance(row, Order)
            await service.cancel(session, row, result.reason)
            return
        if step is Step.CAPTURE and isinstance(row, Order):
            await service.confirm(session, row)
        if step is Step.RESTOCK and isinstance(row, Return):
            await returns.complete(session, row)
        row.step = result.then or AFTER[step]
