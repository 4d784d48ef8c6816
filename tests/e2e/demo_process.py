"""`make demo` in a small size, as somebody at a terminal runs it."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
SMALL = "--users 20 --days 70"
PATIENCE_SECONDS = 600


def start_demo(state: Path, log: Path) -> subprocess.Popen[bytes]:
    """`make demo`, in a group of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    command = ["make", "demo", f"ARGS={SMALL} --state {state}"]
    with log.open("w") as output:
        return subprocess.Popen(
            command, cwd=ROOT, env=variables, start_new_session=True, stdout=output, stderr=subprocess.STDOUT
        )


def wait_for_line(process: subprocess.Popen[bytes], log: Path, words: str) -> None:
    """Wait until the demo has said this."""
    wait_until(lambda: process.poll() is not None or words in log.read_text(), seconds=PATIENCE_SECONDS)
    assert process.poll() is None, log.read_text()


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """What Ctrl-C does in a terminal: all of the foreground group are told."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)


@contextmanager
def served_demo(state: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A demo that is started, or goes on, until it serves its shop; interrupted at the end of the block."""
    process = start_demo(state, log)
    try:
        wait_for_line(process, log, "Ctrl-C")
        yield process
    finally:
        interrupt(process)


def processes_of(state: Path) -> list[psutil.Process]:
    """Every process that was told of this state."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if any(str(state) in word for word in words) and process.pid != os.getpid():
            found.append(process)
    return found


def assert_accounted(events: dict[str, dict[str, int]]) -> None:
    """Every event that was produced has landed, was one that came twice, or is a dead letter."""
    for counts in events.values():
        assert counts["produced"] == counts["landed"] + counts["duplicates"] + counts["dead_letters"]
