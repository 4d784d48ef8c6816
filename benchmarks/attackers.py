"""What one hostile client does to an HTTP server, again and again until it is stopped; it needs no token.

    with under_way("slow bodies", port):
        ...                                 # look how others fare

It is a process of its own. Whoever is hung up on comes back a second later, as such programs do.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from benchmarks.report import ROOT

HOST: Final = "127.0.0.1"
COMES_BACK_SECONDS: Final = 1.0
DRIP_SECONDS: Final = 0.25


@dataclass(frozen=True)
class Attack:
    """Many connections that all do the same.

    Attributes:
        begin: what each sends first.
        then: what each sends after that, piece by piece, without an end.
        pause: the seconds between two pieces; None: it sends nothing more and waits.
        reads: whether it reads what comes back.
        connections: how many there are at once.
    """

    begin: bytes
    then: bytes = b""
    pause: float | None = None
    reads: bool = True
    connections: int = 600


def _head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: {HOST}", *headers, "", "")).encode()


POST: Final = _head("POST", "/v1/products", "Content-Type: application/json", "Content-Length: 100000")
LARGE: Final = "/static-offline-docs/swagger-ui-bundle.js"
SPACES: Final = _head("GET", "/v1/products", "X-A: a \t ")

ATTACKS: Final = {
    "endless header": Attack(_head("GET", "/")[:-2] + b"X-A: ", b"x" * 1024 * 1024, 0.005, connections=1),
    "idle connections": Attack(b""),
    "slow heads": Attack(b"GET / HTTP/1.1\r\nX-A: ", b"x", DRIP_SECONDS),
    "half bodies": Attack(POST + b"{"),
    "slow bodies": Attack(POST + b"{", b" ", DRIP_SECONDS),
    "unread answers": Attack(_head("GET", LARGE), reads=False, connections=200),
    "spaces after headers": Attack(SPACES, SPACES, DRIP_SECONDS, connections=5),
}


@contextmanager
def under_way(name: str, port: int, *, source: str = HOST) -> Iterator[None]:
    """Attack from one address of this machine until the block ends."""
    command = [sys.executable, "-m", "benchmarks.attackers", name, str(port), source]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


async def _attack(attack: Attack, port: int, source: str) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(attack.connections):
            group.create_task(_keep_attacking(attack, port, source))
        print("begun", flush=True)


async def _keep_attacking(attack: Attack, port: int, source: str) -> None:
    while True:
        with contextlib.suppress(OSError):
            await _attack_once(attack, port, source)
        await asyncio.sleep(COMES_BACK_SECONDS)


async def _attack_once(attack: Attack, port: int, source: str) -> None:
    loop = asyncio.get_running_loop()
    hung_up = loop.create_future()
    transport, _ = await loop.create_connection(partial(_Deaf, hung_up), HOST, port, local_addr=(source, 0))
    try:
        if not attack.reads:
            transport.pause_reading()
        transport.write(attack.begin)
        while not hung_up.done():
            if not transport.get_write_buffer_size():
                transport.write(attack.then)
            await asyncio.wait([hung_up], timeout=attack.pause)
    finally:
        transport.abort()


class _Deaf(asyncio.Protocol):
    """Forgets what it hears, and tells when it is hung up on."""

    def __init__(self, hung_up: asyncio.Future[None]) -> None:
        self._hung_up = hung_up

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell."""
        del exc
        if not self._hung_up.done():
            self._hung_up.set_result(None)


if __name__ == "__main__":
    asyncio.run(_attack(ATTACKS[sys.argv[1]], int(sys.argv[2]), sys.argv[3]))
