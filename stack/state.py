"""The state directory: everything that a local stack remembers, in one place that carries a version.

version            which layout this is; newer ones are refused
ports.json         chosen once, kept while they are free
outside.json       the addresses of parts elsewhere, and what else was set when its stack was started (0600)
secrets.json       generated passwords (0600); signing-key.pem and jwks.json beside it
broker.json        which broker runs here, as chosen last
history.json       what was imported, and by how many weeks its dates were moved; import-report.json of a shop's files
run/               the supervisor's lock and status      logs/    one file a process, and its older parts
postgres/ kafka/ mlflow/ dagster/ bundles/ extracts/ history/ dbt-docs/
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil

from stack.files import read_json, write_json
from stack.parts.process import free_port, is_port_free

if TYPE_CHECKING:
    from stack.keys import SigningKeys

DEFAULT_DIRECTORY = Path(".tanawari")
CLOCK_SECONDS = 2.0
"""So far two readings of when a process was started may lie apart; its number comes to another one later."""


class BrokerKind(StrEnum):
    """Which broker runs here, where `KAFKA_URL` names no other."""

    EMBEDDED = "embedded"
    APACHE = "apache"


class StateError(RuntimeError):
    """The state cannot be used; the message says why and what to do."""


VERSION = 1
"""Of the layout."""
Pins = Mapping[str, int | None]
"""Ports by the names of their parts; None takes a decision back."""
MAKING = "making"
"""A file that is there while a state is made: what stands beside it is ours."""


class State:
    """A state directory, opened; made when missing.

    Raises:
        StateError: the directory holds something else, or a newer version's state.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        if not self.version_of(self.directory):
            self._make()
        if (version := self.version_of(self.directory)) > VERSION:
            raise StateError(
                f"{self.directory} was written by a newer Tanawari (layout {version}, this one knows {VERSION}): "
                "update Tanawari, or choose another directory with --state"
            )

    def _make(self) -> None:
        """Make it, one process at a time; `version` comes last, and until then whoever opens it makes it anew."""
        self.directory.mkdir(parents=True, exist_ok=True)
        making = self.directory / MAKING
        with making.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not self.version_of(self.directory):
                for name in ("run", "logs"):
                    (self.directory / name).mkdir(exist_ok=True)
                write_json(self.directory / "secrets.json", {}, mode=0o600)
                draft = self.directory / "version.new"
                draft.write_text(f"{VERSION}\n")
                draft.replace(self.directory / "version")
        making.unlink(missing_ok=True)

    @staticmethod
    def version_of(directory: Path) -> int:
        """The version of the state in a directory, 0 where nothing is.

        Raises:
            StateError: it holds files that are not ours.
        """
        file = directory / "version"
        if file.exists():
            text = file.read_text().strip()
            if not text.isdecimal():
                raise StateError(f"{file} must contain a number, not {text!r}: remove {directory}, or restore the file")
            return int(text)
        if directory.exists() and any(directory.iterdir()) and not (directory / MAKING).exists():
            if file.exists():  # it was made meanwhile
                return State.version_of(directory)
            raise StateError(
                f"{directory} contains files that are not Tanawari's: choose another directory with --state"
            )
        return 0

    def path(self, *parts: str) -> Path:
        """A path inside the state."""
        return self.directory.joinpath(*parts)

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.path("logs", f"{name}.log")

    def secret(self, name: str) -> str:
        """A generated password, the same every time."""
        known = read_json(self.path("secrets.json"))
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_json(self.path("secrets.json"), known, mode=0o600)
        return str(known[name])

    def signing_keys(self) -> "SigningKeys":
        """The development key, which exists in this state only."""
        from stack.keys import create_signing_keys  # noqa: PLC0415 - cryptography is half of what `status` would import

        return create_signing_keys(self.directory)

    def ports(self, names: Iterable[str], pinned: Pins | None = None) -> dict[str, int]:
        """A port for each name, another one for each: the one pinned, else the last one if it is free, else a new one.

        Args:
            names: who needs one.
            pinned: what is decided now and remembered; None takes a decision back.

        Raises:
            StateError: a pinned port is taken or pinned twice, or nothing has the name that it is given to.
        """
        names = list(names)
        if unknown := set(pinned or ()) - set(names):
            raise StateError(f"there is no {', '.join(sorted(unknown))} that has a port; available: {', '.join(names)}")
        stored = read_json(self.path("ports.json"))
        pins = {name: port for name, port in {**stored.get("pinned", {}), **(pinned or {})}.items() if port}
        chosen: dict[str, int] = stored.get("chosen", {})
        for name, port in pins.items():
            if others := [other for other, its in pins.items() if its == port and other != name]:
                raise StateError(f"port {port} is set for both {name} and {others[0]}: use --port {name}=OTHER")
            if name in names and not is_port_free(port):
                raise StateError(
                    f"port {port} of {name} is in use: stop the process that listens there, or use --port {name}=OTHER "
                    f"(or {name}=any)"
                )
        taken = {*pins.values(), *(port for name, port in chosen.items() if name not in names)}
        for name in names:
            port = pins.get(name, chosen.get(name))
            if name not in pins and (port is None or port in taken or not is_port_free(port)):
                port = free_port(taken)
            chosen[name] = port
            taken.add(port)
        write_json(self.path("ports.json"), {"pinned": pins, "chosen": chosen})
        return {name: chosen[name] for name in names}

    @property
    def broker(self) -> BrokerKind:
        """The broker chosen last, at first the embedded one."""
        return BrokerKind(read_json(self.path("broker.json")).get("kind", BrokerKind.EMBEDDED))

    def choose_broker(self, kind: BrokerKind | None) -> None:
        """Remember a choice, if it is one.

        Raises:
            StateError: another broker runs.
        """
        if kind is not None and kind is not self.broker:
            if self.supervisor:
                raise StateError(f"the {self.broker} broker of {self.directory} is running: stop it with tanawari down")
            write_json(self.path("broker.json"), {"kind": kind})

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other command change this state meanwhile.

        Raises:
            StateError: one does.
        """
        with locked(self.directory):
            yield

    @property
    def supervisor(self) -> int | None:
        """The pid of the supervisor that runs this state; asking takes no lock and leaves nothing behind."""
        try:
            pid, started = self.path("run", "supervisor.lock").read_text().split()
            process = psutil.Process(int(pid))
            is_it = abs(process.create_time() - float(started)) < CLOCK_SECONDS
            return process.pid if is_it and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None

    def status(self) -> dict[str, Any]:
        """What the supervisor last wrote; its `phase` is `stopped` when none runs."""
        written = read_json(self.path("run", "status.json"))
        if not self.supervisor:
            return {**written, "phase": "stopped", "processes": {}}
        return {"phase": "starting", "processes": {}, **written}

    def empty(self) -> None:
        """Remove everything, the directory included."""
        doomed = Path(tempfile.mkdtemp(dir=self.directory.parent, prefix=".tanawari-reset-"))
        self.directory.rename(doomed / "state")  # at once, so that a cut-off removal leaves no half state
        shutil.rmtree(doomed)


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let no other command change a directory meanwhile.

    Raises:
        StateError: one does.
    """
    with held(directory / "lock") as is_ours:
        if not is_ours:
            holder = ((directory / "lock").read_text().split() or ["unknown"])[0]
            raise StateError(f"another tanawari command (pid {holder}) is using {directory}")
        yield


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Try to hold a lock file, released also by a crash; tells whether it is ours, and writes into it who we are.

    Raises:
        StateError: its directory is gone.
    """
    try:
        file = path.open("a+")
    except FileNotFoundError as error:
        raise StateError(f"{path.parent} is gone") from error
    with file:
        is_ours = _try_lock(file)
        if is_ours:
            file.truncate(0)
            file.write(f"{os.getpid()} {psutil.Process().create_time()}")
            file.flush()
        yield is_ours


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
