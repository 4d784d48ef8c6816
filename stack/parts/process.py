"""One child process: it ends with its parent, is ready when its own API responds, and is stopped by its pid."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Self

PARENT_DEATH = Path(__file__).with_name("parent_death.py")
SUBREAPER = Path(__file__).with_name("subreaper.py")
HOST = "127.0.0.1"
QUIET = re.compile(r'"level": ?"(DEBUG|INFO|WARNING)"')
"""How our programs mark the lines of their logs that tell of no error."""


class PartError(RuntimeError):
    """A part cannot be started; the message says which, why, and where its log is."""


class Process:
    """A program with a log file that cannot outlive its parent.

    Start it from a thread that lives at least as long as the process: Linux sends the death signal when the starting
    *thread* ends.

    Args:
        name: its name in messages.
        command: the program and its arguments.
        log: the file that gets its standard output and error.
        environment: its whole environment; None is the parent's.
        directory: its working directory; None is the parent's.
        is_ready: whether it serves; called until it returns True, and an exception means not yet.
    """

    stop_signal = signal.SIGTERM  # for a clean end
    death_signal = signal.SIGKILL  # sent by the kernel when the parent dies
    user_id: int | None = None  # the user that it runs as; None is the parent's

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        is_ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.environment = environment
        self.directory = directory
        self.is_ready = is_ready
        self._child: subprocess.Popen[bytes] | None = None
        self._log_begin: int | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """Its exit code (negative: the signal); None before and while it runs."""
        return self._child.poll() if self._child is not None else None

    def spawn(self) -> None:
        """Start the program; do not wait until it serves."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            if self._log_begin is None:  # of a restart that has just begun, the crash before it tells more
                self._log_begin = log.tell()
            self._child = subprocess.Popen(  # noqa: S603 - commands are composed by the stack, never by input
                bound_to_parent(self.command, self.death_signal, self.user_id),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.directory,
                start_new_session=True,  # Ctrl-C in the terminal reaches the parent only, which stops in order
            )

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until it serves.

        Raises:
            PartError: it ended, or does not serve in time.
        """
        deadline = time.monotonic() + seconds
        while not self.serves():
            if self.exit_code is not None:
                raise PartError(f"{self.name} exited with code {self.exit_code}; see {self.log}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise PartError(f"{self.name} was not ready within {seconds:.0f} s; see {self.log}")
            time.sleep(0.02)

    def start(self, seconds: float = 60) -> None:
        """Start the program and wait until it serves; raises as `wait_ready` does."""
        self.spawn()
        try:
            self.wait_ready(seconds)
        except PartError:
            self.kill()
            raise

    def stop(self, seconds: float = 30) -> int | None:
        """Send the stop signal, kill it if it has not ended in time; returns its exit code."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(self.stop_signal)
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.exit_code

    def kill(self) -> None:
        """Kill it, and all processes of its session."""
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def last_words(self) -> str:
        """The last line since its first start that may tell why it ended: one of no lower level than error, if any."""
        if not self.log.exists():
            return "no output"
        with self.log.open("rb") as log:
            begin = self._log_begin or 0
            log.seek(begin if begin <= self.log.stat().st_size else 0)  # it may have been rotated
            lines = [line.strip() for line in log.read().decode(errors="replace").split("\n") if line.strip()]
        loud = [line for line in lines if not QUIET.search(line)]
        return next(reversed(loud or lines), "no output")

    def serves(self) -> bool:
        """Whether it runs and is ready."""
        try:
            return self._child is not None and self._child.poll() is None and self.is_ready()
        except Exception:  # noqa: BLE001 - any exception of a probe means the same: not yet
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def bound_to_parent(command: Sequence[str], death_signal: signal.Signals, user_id: int | None) -> list[str]:
    """The command, wrapped so that it runs as the user and ends when this process dies."""
    wrapper = [sys.executable, "-I", "-S", str(PARENT_DEATH), str(os.getpid()), str(int(death_signal))]
    return [*wrapper, str(-1 if user_id is None else user_id), *command]


def with_subreaper(command: Sequence[str]) -> tuple[str, ...]:
    """The command, wrapped so that no process that it starts outlives it."""
    return (sys.executable, "-I", "-S", str(SUBREAPER), *command)


def has_subreaper(command: Sequence[str]) -> bool:
    """Whether `with_subreaper` has wrapped a command."""
    return str(SUBREAPER) in command


def free_port(taken: Collection[int] = ()) -> int:
    """A free port that no other call, in any process, returns within the next minute.

    It is below the range from which outgoing connections get theirs.
    """
    choose = random.SystemRandom().randrange  # never the same sequence in two processes
    ports = iter(lambda: choose(20_000, 32_000), 0)
    return next(port for port in ports if port not in taken and _reserve(port))


def _reserve(port: int) -> bool:
    """Leave a closed connection on a free port, which the kernel keeps for 60 s (TIME_WAIT).

    A server can listen there nevertheless, for it sets SO_REUSEADDR; the next call binds without it, which fails.
    """
    with socket.socket() as server, socket.socket() as client:
        try:
            server.bind((HOST, port))
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.listen(1)
            server.settimeout(1)
            client.settimeout(1)
            client.connect((HOST, port))
            server.accept()[0].close()  # whoever closes first keeps the port
        except OSError:
            return False
    return True


def is_port_free(port: int) -> bool:
    """Whether a server can listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def claim_port(name: str, port: int | None) -> int:
    """The given port, or a free one.

    Raises:
        PartError: the given port is in use.
    """
    if port is not None and not is_port_free(port):
        raise PartError(f"{name} cannot start: port {port} is in use by another program")
    return port or free_port()


def exchange(port: int, request: bytes, *, size: int = 4096, seconds: float = 2) -> bytes:
    """Send bytes to a local port and return the first bytes of the answer."""
    with socket.create_connection((HOST, port), timeout=seconds) as connection:
        connection.sendall(request)
        return connection.recv(size)
