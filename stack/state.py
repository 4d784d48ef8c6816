"""The state directory: all data of a local stack, with a version of the layout. Only its owner may enter it (0700).

version            the version of the layout; newer ones are refused
ports.json         chosen ports, reused while they are free
outside.json       the addresses of external parts and other variables that were set at the last start (0600)
secrets.json       generated passwords (0600)
keys/              the signing keys: a private one for each process that signs (0600), and the published ones
broker.json        the kind of broker that was chosen last
history.json       what was imported, and by how many weeks its dates were moved; import-report.json of a shop's files
run/               the supervisor's lock and status      logs/    one file per process, and its older parts
postgres/ kafka/ mlflow/ dagster/ bundles/ extracts/ history/ dbt-docs/
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stack.files import read_json, write_json
from stack.parts.process import free_port, is_port_free
from stack.process_identity import is_alive, start_of

if TYPE_CHECKING:
    from stack.keys import Keyring

DEFAULT_DIRECTORY = Path(".tanawari")


class BrokerKind(StrEnum):
    """The kind of broker that runs here, unless `KAFKA_URL` names another broker."""

    EMBEDDED = "embedded"
    APACHE = "apache"


class StateError(RuntimeError):
    """The state cannot be used; the message says why, and what to do."""


VERSION = 1
"""The version of the layout."""
Pins = Mapping[str, int | None]
"""Ports by part; None removes a pin."""
MAKING = "making"
"""A file that exists while a state is created: the other files in the directory are ours."""


class State:
    """A state directory; created if missing.

    Raises:
        StateError: the directory contains other files, or the state of a newer version.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        if not self.version_of(self.directory):
            self._make()
        if self.directory.stat().st_mode & 0o077:  # of an earlier version, or made beforehand
            with contextlib.suppress(OSError):  # another user's, or on a disk without modes
                self.directory.chmod(0o700)
        if (version := self.version_of(self.directory)) > VERSION:
            raise StateError(
                f"{self.directory} was written by a newer Tanawari (layout {version}, this one knows {VERSION}): "
                "update Tanawari, or choose another directory with --state"
            )

    def _make(self) -> None:
        """Create it, one process at a time; `version` is written last: without it the next process creates it again."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        """The version of the state in a directory; 0 if there is none.

        Raises:
            StateError: it contains files that are not ours.
        """
        file = directory / "version"
        if file.exists():
            text = file.read_text().strip()
            if not text.isdecimal():
                raise StateError(f"{file} must contain a number, not {text!r}: remove {directory}, or restore the file")
            return int(text)
        if directory.exists() and any(directory.iterdir()) and not (directory / MAKING).exists():
            if file.exists():  # it was created in the meantime
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
        """A password, generated at the first call.

        Raises:
            StateError: the file of the passwords is missing.
        """
        file = self.path("secrets.json")
        if not file.exists():  # new passwords would not be those of the data
            raise StateError(
                f"{file} is missing, and with it the passwords of this state's data: restore it from a backup, or "
                f"delete the state with tanawari reset --state {self.directory}"
            )
        known = read_json(file)
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            write_json(file, known, mode=0o600)
        return str(known[name])

    def keyring(self) -> "Keyring":
        """The signing keys of this state's processes."""
        from stack.keys import Keyring  # noqa: PLC0415 - cryptography would be half of the imports of `status`

        return Keyring(self.path("keys")).ensure()

    def payment_keys(self) -> Path:
        """The file of the keys that encrypt payment details, made at the first call."""
        from services.contracts.vault import ensure_keys  # noqa: PLC0415 - Tink loads for a while

        file = self.path("payment-keys.json")
        ensure_keys(file)
        return file

    def ports(self, names: Iterable[str], pinned: Pins | None = None) -> dict[str, int]:
        """A different port for each name: the pinned one, else the last one if it is free, else a new one.

        Args:
            names: the parts and programs that need a port.
            pinned: new pins, which are stored; None removes a pin.

        Raises:
            StateError: a pinned port is in use or pinned twice, or a pin has an unknown name.
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
        """The kind of broker that was chosen last; the embedded one at first."""
        return BrokerKind(read_json(self.path("broker.json")).get("kind", BrokerKind.EMBEDDED))

    def choose_broker(self, kind: BrokerKind | None) -> None:
        """Store the kind of broker; None changes nothing.

        Raises:
            StateError: another kind is running.
        """
        if kind is not None and kind is not self.broker:
            if self.supervisor:
                raise StateError(f"the {self.broker} broker of {self.directory} is running: stop it with tanawari down")
            write_json(self.path("broker.json"), {"kind": kind})

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Exclude other commands that change this state.

        Raises:
            StateError: another one is running.
        """
        with locked(self.directory):
            yield

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor, which writes into it who it is."""
        return self.path("run", "supervisor.lock")

    @property
    def supervisor(self) -> int | None:
        """The pid of this state's supervisor, if one runs; reading it takes no lock and creates no file."""
        try:
            pid, start = self.supervisor_lock.read_text().split()
            return int(pid) if is_alive(int(pid), start) else None
        except (OSError, ValueError):
            return None

    def status(self) -> dict[str, Any]:
        """The last status that the supervisor wrote; its `phase` is `stopped` if none runs."""
        written = read_json(self.path("run", "status.json"))
        if not self.supervisor:
            return {**written, "phase": "stopped", "processes": {}}
        return {"phase": "starting", "processes": {}, **written}


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Exclude other commands that change a directory.

    Raises:
        StateError: another one is running.
    """
    with held(directory / "lock") as is_ours:
        if not is_ours:
            holder = ((directory / "lock").read_text().split() or ["unknown"])[0]
            raise StateError(f"another tanawari command (pid {holder}) is using {directory}")
        yield


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Try to hold a lock file, which a crash releases too; yields whether it is ours, and stores our pid in it.

    Raises:
        StateError: its directory does not exist any more.
    """
    try:
        file = path.open("a+")
    except FileNotFoundError as error:
        raise StateError(f"{path.parent} is gone") from error
    with file:
        is_ours = _try_lock(file)
        if is_ours:
            file.truncate(0)
            file.write(f"{os.getpid()} {start_of(os.getpid())}")
            file.flush()
        yield is_ours


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
