"""Seconds and memory from a fresh clone to a served shop: `make demo ARGS=--exit` on the whole data.

HEAD is cloned into a directory of its own. Installing the packages is told apart: it depends on the network. Where the
benchmarks have no state yet, this makes the one that the others read; else its own is removed. It runs once, for it
takes minutes; the memory is the most that all processes of the stack had at one moment, by the demo's own account.
"""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.report import ROOT, Figure, Options, at_most, run, tell

TIME: Final = at_most(300, "s")
MEMORY: Final = at_most(6144, "MB")
SMALL: Final = "--users 30 --days 60"


def measure(options: Options) -> Iterator[Figure]:
    """Clone, install, and run the demo."""
    with TemporaryDirectory(prefix="tanawari-demo-") as folder:
        clone = Path(folder) / "clone"
        is_wanted = not options.small and not options.state.exists()
        state = options.state.absolute() if is_wanted else Path(folder) / "state"
        clone_head(clone)
        installing = _seconds("installing", "make", "environment", cwd=clone)
        arguments = f"--exit --state {shlex.quote(str(state))} {SMALL if options.small else ''}"
        running = _seconds("demo", "make", "demo", f"ARGS={arguments}", cwd=clone)
        told = json.loads((state / "demo.json").read_text())
    for step in told["steps"]:
        tell(f"{step['name']}: {step['seconds']} s")
    yield Figure("installing", installing, "s")
    yield Figure("demo", running, "s", TIME)
    yield Figure("peak memory", told["peak_rss_mb"], "MB", MEMORY)


def clone_head(clone: Path, root: Path = ROOT) -> None:
    """Clone a repository at the commit that is checked out there; what is not committed is not in it."""
    git = ["git", "-C", str(root)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - composed here
    for command in (
        [*git, "clone", "--quiet", "--no-checkout", str(root), str(clone)],
        ["git", "-C", str(clone), "checkout", "--quiet", "--detach", head],
    ):
        subprocess.run(command, check=True)  # noqa: S603 - composed here


def _seconds(what: str, *command: str, cwd: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=cwd, stdout=sys.stderr)  # noqa: S603 - composed here
    seconds = time.perf_counter() - started
    tell(f"{what}: {seconds:.0f} s")
    return seconds


if __name__ == "__main__":
    run("demo", measure, __doc__)
