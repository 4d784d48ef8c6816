"""Does the tasks that transactions left: mails, and changes at Cognito; after the commit, and with retries.

A code is made when its mail is sent, so that the database never has one in plain text. Whether an address is known is
looked up here, too: the answer to the request has been sent long before.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth import codes
from services.auth.addresses import key_of
from services.auth.codes import Purpose
from services.auth.mail import NOTICES, TEXTS, Mailer
from services.auth.models import AuthUser, LoginSession, Task, UserStatus
from services.common.runtime.worker import Worker, pause
from services.common.storage.database import Database

logger = logging.getLogger(__name__)
POLL_SECONDS: Final = 0.2
TIDY_SECONDS: Final = 600.0
FIRST_PAUSE: Final = timedelta(seconds=15)
"""Longer than a task takes: until then no other worker tries it, and after a crash one does."""
LONGEST_TRY: Final = timedelta(hours=24)
"""Of a mail. What the identity provider is to do is tried until it is done: no deleted account may stay there."""
_IS_DUE = select(exists().where(Task.due_at <= func.now()))
Do = Callable[[Task], Awaitable[None]]


class TaskWorker(Worker):
    """Does one task after the other; several processes share the work."""

    name = "tasks"

    def __init__(self, database: Database, mailer: Mailer, elsewhere: Mapping[str, Do]) -> None:
        super().__init__()
        self._database = database
        self._sessions = database.sessions
        self._mailer = mailer
        self._elsewhere = elsewhere
        """What the identity provider does, by the kind of task."""

    async def run(self, stop: asyncio.Event) -> None:
        """Do tasks until `stop`."""
        loop = asyncio.get_running_loop()
        tidy_at = loop.time()
        while not stop.is_set():
            if loop.time() >= tidy_at:
                await self._tidy()
                tidy_at = loop.time() + TIDY_SECONDS
            if not await self.do_next():
                self.heartbeat()
                await pause(stop, POLL_SECONDS)

    async def do_next(self) -> bool:
        """Do the task that has been due for longest; False if there is none."""
        (is_due,) = await self._database.look(_IS_DUE)
        if not is_due:
            return False
        async with self._sessions.begin() as session:
            task = await self._take(session)
            if task is None:
                return False
            mail = await _mail_of(session, task) if task.kind in TEXTS else None
        try:
            if mail:
                await self._mailer.send(*mail)
            elif task.kind not in TEXTS:
                await self._elsewhere[task.kind](task)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again
            logger.warning("the task %s has failed and will be tried again: %s", task.kind, type(error).__name__)
            return True
        async with self._sessions.begin() as session:
            await session.execute(delete(Task).where(Task.id == task.id))
        self.heartbeat()
        return True

    async def _take(self, session: AsyncSession) -> Task | None:
        due = select(Task.id).where(Task.due_at <= func.now()).order_by(Task.due_at).limit(1)
        pause_ = FIRST_PAUSE * func.power(2, func.least(Task.tries, 8))
        taking = update(Task).where(Task.id.in_(due.with_for_update(skip_locked=True)))
        taking = taking.values(tries=Task.tries + 1, due_at=func.now() + pause_)
        return await session.scalar(taking.returning(Task))

    async def _tidy(self) -> None:
        """Remove what nobody can use any more."""
        async with self._sessions.begin() as session:
            await codes.forget_expired(session)
            await session.execute(delete(LoginSession).where(LoginSession.expires_at <= func.now()))
            is_late = Task.created_at <= func.now() - LONGEST_TRY
            given_up = delete(Task).where(is_late, Task.kind.not_in(self._elsewhere))
            for kind in await session.scalars(given_up.returning(Task.kind)):
                logger.error("a task %s was given up", kind)


async def _mail_of(session: AsyncSession, task: Task) -> tuple[str, str, str | None] | None:
    """The kind, the address and the code of the mail that a task needs; None if it needs none."""
    assert task.email is not None, "a task that sends a mail has one"
    if task.kind in NOTICES:
        return task.kind, task.email, None
    known = select(AuthUser.id, AuthUser.email, AuthUser.status).where(AuthUser.email_key == key_of(task.email))
    user = (await session.execute(known)).one_or_none()
    purpose = Purpose(task.kind)
    if user is not None and user.status != UserStatus.ACTIVE:
        return None
    if user is not None and purpose == Purpose.REGISTRATION:
        return "registered", user.email, None
    if (purpose == Purpose.PASSWORD_RESET and user is None) or (purpose == Purpose.EMAIL_CHANGE and user is not None):
        return None
    user_id, email = (user.id, user.email) if user else (task.subject, task.email)
    code = codes.issue(session, purpose, email, user_id=user_id, password_hash=task.password_hash)
    return task.kind, email, code
