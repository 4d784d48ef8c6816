"""Checks the machine and a state, and names the remedy of each problem."""

import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from services.contracts.settings import resolved
from stack.external import at_start
from stack.files import read_json
from stack.parts.postgres import MAJOR_VERSION
from stack.parts.process import is_port_free
from stack.programs import addresses
from stack.state import VERSION, State, StateError

GIGABYTE = 1024**3
NEEDED_DISK_GB = 3
NEEDED_MEMORY_GB = 6
PYTHONS = ((3, 11), (3, 13))
USUAL_PORTS = {"kafka": 9092, "redis": 6379, "rediss": 6379}
OPTIONAL = {
    "chromium": "the browser tests and the screenshot (apt-get install chromium chromium-driver)",
    "java": "Apache Kafka, --broker apache, and tests with OpenSearch (apt-get install openjdk-17-jre-headless)",
    "mvn": "fetching their jars (apt-get install maven)",
}


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True)
class Finding:
    """The result of one check; `remedy` says what to do about it."""

    subject: str
    level: Level
    message: str
    remedy: str = ""


def refuse_unfit(directory: Path) -> None:
    """Refuse a machine that cannot run the stack.

    Raises:
        StateError: it does not meet the requirements.
    """
    for finding in machine(directory):
        if finding.level is Level.FAULT:
            raise StateError(f"{finding.message}: {finding.remedy}")


def examine(directory: Path, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """All findings about this machine and the state in a directory."""
    findings = [*machine(directory), *optional_parts()]
    try:
        version = State.version_of(directory)
    except StateError as error:
        return [*findings, Finding("state", Level.FAULT, str(error), "choose another directory, or repair this one")]
    if version > VERSION:
        remedy = "update Tanawari, or choose another directory with --state"
        return [*findings, Finding("state", Level.FAULT, f"{directory} was written by a newer Tanawari", remedy)]
    if version == 0:
        findings += external_parts(resolved(environ))
        return [*findings, Finding("state", Level.OK, f"{directory} does not exist yet; the first run creates it")]
    state = State(directory)
    return [*findings, *external_parts(resolved(at_start(state, environ))), *of_state(state)]


def machine(directory: Path) -> Iterator[Finding]:
    """Python, disk and memory."""
    version = sys.version_info[:2]
    text = ".".join(map(str, sys.version_info[:3]))
    fits = PYTHONS[0] <= version <= PYTHONS[1]
    yield _judge("python", f"Python {text}", "use Python 3.11, 3.12 or 3.13", fits=fits)
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    disk = shutil.disk_usage(existing).free / GIGABYTE
    remedy = f"free space: {NEEDED_DISK_GB} GB are needed; or choose another disk with --state"
    yield _judge("disk", f"{disk:.1f} GB free at {existing}", remedy, fits=disk >= NEEDED_DISK_GB)
    memory = psutil.virtual_memory().total / GIGABYTE
    remedy = "close other programs, or shrink the demo with --users and --days"
    level = Level.OK if memory >= NEEDED_MEMORY_GB else Level.NOTE
    yield Finding("memory", level, f"{memory:.1f} GB of memory", "" if level is Level.OK else remedy)


def optional_parts() -> Iterator[Finding]:
    """Optional programs."""
    for name, purpose in OPTIONAL.items():
        there = shutil.which(name) is not None
        yield Finding(
            name, Level.OK if there else Level.NOTE, "found" if there else "missing", "" if there else purpose
        )


def external_parts(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the external parts respond."""
    for variable in (name for name in addresses() if environ.get(name)):
        try:
            host, port = _place(environ[variable])
            socket.create_connection((host, port), timeout=3).close()
        except ValueError:  # its text may contain a password
            yield Finding(variable, Level.FAULT, "is not a valid address", f"correct {variable}")
        except OSError as error:
            remedy = f"start it, correct {variable}, or start with {variable}= for the embedded one"
            yield Finding(variable, Level.FAULT, f"{host}:{port} does not respond ({error})", remedy)
        else:
            yield Finding(variable, Level.OK, f"{host}:{port} responds")


def _place(address: str) -> tuple[str, int]:
    """Host and port of a URL, or of the first broker in a list."""
    parts = urlsplit(address if "://" in address else f"kafka://{address.partition(',')[0]}")
    return parts.hostname or "", parts.port or USUAL_PORTS.get(parts.scheme, 5432)


def of_state(state: State) -> Iterator[Finding]:
    """The layout, the ports, the version of the database, and the processes."""
    yield Finding("state", Level.OK, f"{state.directory}, version {VERSION}")
    data_version = state.path("postgres", "PG_VERSION")
    if data_version.exists() and (found := data_version.read_text().strip()) != MAJOR_VERSION:
        remedy = "dump it with the old version, then tanawari reset"
        yield Finding("postgres", Level.FAULT, f"its data is from Postgres {found}, not {MAJOR_VERSION}", remedy)
    status = state.status()
    if status["phase"] != "stopped":
        yield from _running(status["processes"])
        return
    written = read_json(state.path("run", "status.json")).get("phase", "stopped")
    if written != "stopped":
        message = f"the last run ended while {written}, without a clean stop"
        yield Finding(
            "stack", Level.NOTE, message, "tanawari up continues from there; what had not landed is sent again"
        )
    else:
        yield Finding("stack", Level.OK, "stopped")
    stored = read_json(state.path("ports.json"))
    for name, port in stored.get("pinned", {}).items():
        is_free = is_port_free(port)
        remedy = f"stop the process that listens there, or run tanawari up --port {name}=OTHER"
        yield _judge("port", f"port {port} of {name} is {'free' if is_free else 'in use'}", remedy, fits=is_free)
    for name, port in stored.get("chosen", {}).items():
        if name not in stored.get("pinned", {}) and not is_port_free(port):
            yield Finding("port", Level.NOTE, f"port {port} of {name} is in use", "the next start chooses another")


def _running(processes: Mapping[str, Mapping[str, object]]) -> Iterator[Finding]:
    for name, process in processes.items():
        if process["state"] not in ("ready", "external"):
            yield Finding(name, Level.FAULT, f"is {process['state']}", f"see tanawari logs {name}")
        elif process["restarts"]:
            yield Finding(name, Level.NOTE, f"was restarted {process['restarts']} times", f"see tanawari logs {name}")
    yield Finding("stack", Level.OK, f"{len(processes)} processes")


def _judge(subject: str, message: str, remedy: str, *, fits: bool) -> Finding:
    return Finding(subject, Level.OK, message) if fits else Finding(subject, Level.FAULT, message, remedy)
