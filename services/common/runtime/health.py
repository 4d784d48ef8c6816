"""`/health/live`: does the process make progress; `/health/ready`: can it respond, with each dependency named."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.common.runtime.worker import Worker

TIMEOUT = 2.0


@dataclass(frozen=True)
class Check:
    """One dependency: `probe` raises when it is unavailable; without a `required` one the service cannot respond."""

    name: str
    probe: Callable[[], Awaitable[object]]
    required: bool = True


def live(workers: Sequence[Worker]) -> Callable[[Request], Awaitable[Response]]:
    """The liveness endpoint: the status of each worker; 503 when one has stalled, so that the process is restarted."""

    async def endpoint(_: Request) -> Response:
        states = {worker.name: _progress(worker) for worker in workers}
        alive = all(worker.is_alive for worker in workers)
        return JSONResponse({"status": "ok" if alive else "stalled", "workers": states}, 200 if alive else 503)

    return endpoint


def _progress(worker: Worker) -> str:
    if not worker.is_alive:
        return "stalled"
    if worker.crash is not None:
        return "crashed"
    return "alive" if worker.failure is None else f"waiting: {worker.failure}"


def ready(checks: Sequence[Check], *, tells_names: bool = True) -> Callable[[Request], Awaitable[Response]]:
    """The readiness endpoint: 503 when a required dependency is unavailable, `degraded` when another one is."""

    async def endpoint(_: Request) -> Response:
        results = await asyncio.gather(*(_state(check) for check in checks))
        states = {check.name: state for check, state in zip(checks, results, strict=True)}
        missing = [check for check in checks if states[check.name] != "ok"]
        is_ready = not any(check.required for check in missing)
        status = "ok" if not missing else "degraded" if is_ready else "unavailable"
        told = {"status": status} | ({"dependencies": states} if tells_names else {})
        return JSONResponse(told, 200 if is_ready else 503)

    return endpoint


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(TIMEOUT):
            await check.probe()
    except Exception as error:  # noqa: BLE001 - any exception of a probe means that the dependency is unavailable
        return f"unavailable: {type(error).__name__}"
    return "ok"
