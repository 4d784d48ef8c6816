import io
import signal
import sys
from dataclasses import dataclass

import pytest

from cli.command import app


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    code: int
    output: bytes
    errors: bytes

    @property
    def stdout(self):
        return self.output.decode()

    @property
    def stderr(self):
        return self.errors.decode()


@pytest.fixture
def tanawari(capfdbinary, monkeypatch):
    """The command from its entry on, in this process: one of its own would take seconds to import what it needs."""

    def run(*words, text=""):
        monkeypatch.setattr(sys, "argv", ["tanawari", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        capfdbinary.readouterr()
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as ended:
                app()
        finally:
            signal.signal(signal.SIGTERM, before)
        return Ended(ended.value.code or 0, *capfdbinary.readouterr())

    return run
