"""The order service's sagas, run as processes that end themselves by SIGKILL, one after the other.

    python order_process.py '{"database_url": ...}' 'before PAY' 'after PAY' never

The kill points: `before <step>`, `after <step>` (done, and not recorded), `recorded <step>`; `never` runs until it is
stopped. Each process is a fork of one that has loaded the service, and prints its point when it has died.
"""

import asyncio
import json
import os
import signal
import sys

from services.common.runtime.worker import running
from services.common.storage.database import Database
from services.order.clients import Services
from services.order.sagas import Sagas
from services.order.settings import OrderSettings
from services.order.steps import Steps


def die_at(point, here):
    if point == here:
        os.kill(os.getpid(), signal.SIGKILL)


class FatalSteps(Steps):
    point = "never"

    async def do(self, step, row):
        die_at(self.point, f"before {step}")
        result = await super().do(step, row)
        die_at(self.point, f"after {step}")
        return result


class FatalSagas(Sagas):
    point = "never"

    async def _record(self, row, step, result, *, goes_on):
        ours = await super()._record(row, step, result, goes_on=goes_on)
        die_at(self.point, f"recorded {step}")
        return ours


async def run(settings, point):
    database, services = Database(settings.database_url), Services(settings)
    steps = FatalSteps(services, settings)
    sagas = FatalSagas(database, steps, settings)
    steps.point = sagas.point = point
    async with running([sagas]):
        await asyncio.Event().wait()


def end(child):
    os.kill(child, signal.SIGKILL)
    os._exit(1)


def main(settings, *points):
    for point in points:
        child = os.fork()
        if child == 0:
            asyncio.run(run(OrderSettings(**json.loads(settings)), point))
        signal.signal(signal.SIGTERM, lambda *_, child=child: end(child))
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit(f"{point}: ended with {status}")


if __name__ == "__main__":
    main(*sys.argv[1:])
