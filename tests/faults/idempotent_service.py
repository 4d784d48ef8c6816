"""The service of `keyed_service.py` as a process, which a kill point ends by SIGKILL.

    python idempotent_service.py DATABASE_URL PORT KILL_POINT

Kill points: `claimed` (before the work), `worked` (the work is done, and committed where it commits by itself; the
answer is not kept), `kept` (all is committed, and nothing sent).
"""

import os
import signal
import sys

import uvicorn

from services.common.storage.database import Database
from services.common.web import idempotent_requests
from tests.services.common.web.keyed_service import Settings, keyed_app


def die():
    os.kill(os.getpid(), signal.SIGKILL)


async def at_work(_):
    die()


class BeforeTheAnswer:
    """Dies where the first byte of a 201 would be sent."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        async def dying(message):
            if message.get("status") == 201:
                die()
            await send(message)

        await self._app(scope, receive, dying)


def main(database_url, port, kill_point):
    app = keyed_app(Settings(), Database(database_url))
    if kill_point == "claimed":
        claim_key = idempotent_requests.claim_key

        async def claim_and_die(*arguments, **options):
            await claim_key(*arguments, **options)
            die()

        idempotent_requests.claim_key = claim_and_die
    if kill_point == "worked":
        app.state.work = at_work
    uvicorn.run(
        BeforeTheAnswer(app) if kill_point == "kept" else app, port=int(port), lifespan="off", log_level="warning"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
