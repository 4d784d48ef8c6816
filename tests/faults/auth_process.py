"""The auth service, which a kill point may end by SIGKILL in the middle of a registration.

    python auth_process.py PORT KILL_POINT

`asked` (before the mail's task is looked at), `issued` (the code is stored, no mail is sent), `sent` (the mail is sent,
the task still there), `confirming` (before the confirmation is committed), `confirmed` (committed, not answered), none.
"""

import os
import signal
import sys

import uvicorn

from services.auth import mail, service, tasks
from services.auth.app import create_app
from services.auth.settings import AuthSettings


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(point):
    take, send, of_account = tasks.TaskWorker._take, mail.FolderSender.send, service.users.of_account

    async def taking(self, session):
        task = await take(self, session)
        if task is not None:
            die()
        return task

    async def sending(self, message):
        if point == "sent":
            await send(self, message)
        die()

    async def confirming(session, account):
        await of_account(session, account)
        await session.flush()
        die()

    if point == "asked":
        tasks.TaskWorker._take = taking
    elif point in ("issued", "sent"):
        mail.FolderSender.send = sending
    elif point == "confirming":
        service.users.of_account = confirming


class DiesBeforeAnswering:
    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        async def answer(message):
            if scope.get("path", "").endswith("/confirm"):
                die()
            await send(message)

        await self._app(scope, receive, answer)


def main(port, point):
    kill_at(point)
    app = create_app(AuthSettings())
    if point == "confirmed":
        app.add_middleware(DiesBeforeAnswering)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
