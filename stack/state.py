"""The state directory: everything that a local stack remembers, in one place that carries a version.

version            which layout this is; older ones are migrated, newer ones refused
ports.json         chosen once, kept while they are free
secrets.json       generated passwords (0600); signing-key.pem and jwks.json beside it
broker.json        which broker runs here, as chosen last
history.json       what was imported, and by how many weeks its dates were moved; import-report.json of a shop's files
run/               the supervisor's lock and status      logs/    one file a process
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

from stack.files import read_json, write_json
from stack.parts.process import free_port, is_port_free

if TYPE_CHECKING:
    from stack.keys import SigningKeys

DEFAULT_DIRECTORY = Path(".tanawari")


class BrokerKind(StrEnum):
    """Which broker runs here, where `KAFKA_URL` names no other."""

    EMBEDDED = "embedded"
    APACHE = "apache"


class StateError(RuntimeError):
    """The state cannot be used; the message says why and what to do."""


def _create(directory: Path) -> None:
    for name in ("run", "logs"):
        (directory / name).mkdir(exist_ok=True)
    write_json(directory / "secrets.json", {}, mode=0o600)


MIGRATIONS = (_create,)
"""Each brings a state from the version of its index to the next; the first makes a new one."""
VERSION = len(MIGRATIONS)


class State:
    """A state directory, opened: made when missing, migrated when old.

    Raises:
        StateError: the directory holds something else, or a newer version's state.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._migrate()

    def _migrate(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        version = self.version_of(self.directory)
        if version > VERSION:
            raise StateError(
                f"{self.directory} was written by a newer Tanawari (layout {version}, this one knows {VERSION}): "
                "update Tanawari, or choose another directory with --state"
            )
        for migrate in MIGRATIONS[version:]:
            migrate(self.directory)
        if version < VERSION:
            (self.directory / "version").write_text(f"{VERSION}\n")

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
        if directory.exists() and any(entry.name != "lock" for entry in directory.iterdir()):
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

    def ports(self, names: Iterable[str], pinned: Mapping[str, int] | None = None) -> dict[str, int]:
        """A port for each name: the one pinned, else the one used last if it is still free, else a free one.

        Raises:
            StateError: a pinned port is taken, or nothing has the name that it is given to.
        """
        names = list(names)
        if unknown := set(pinned or ()) - set(names):
            raise StateError(f"there is no {', '.join(sorted(unknown))} that has a port; available: {', '.join(names)}")
        stored = read_json(self.path("ports.json"))
        pins = {**stored.get("pinned", {}), **(pinned or {})}
        chosen: dict[str, int] = stored.get("chosen", {})
        for name in names:
            port = pins.get(name) or chosen.get(name)
            if name in pins and not is_port_free(pins[name]):
                raise StateError(
                    f"port {port} of {name} is in use: stop the process that listens there, or use --port {name}=OTHER"
                )
            chosen[name] = port if port and is_port_free(port) else free_port()
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
        """The pid of the supervisor that runs this state."""
        lock = self.path("run", "supervisor.lock")
        if not lock.exists():  # asking leaves nothing behind, not even after `reset`
            return None
        with held(lock, announce=False) as is_free:
            if is_free:
                return None
        text = lock.read_text().strip()
        return int(text) if text else None

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
    lock = directory / "lock"
    with held(lock) as is_ours:
        if not is_ours:
            raise StateError(
                f"another tanawari command (pid {lock.read_text().strip() or 'unknown'}) is using {directory}"
            )
        yield


@contextlib.contextmanager
def held(path: Path, *, announce: bool = True) -> Iterator[bool]:
    """Try to hold a lock file, released also by a crash; tells whether it is ours, and writes our pid into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        is_ours = _try_lock(file)
        if is_ours and announce:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield is_ours


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
