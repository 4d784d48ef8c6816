"""Removes a state: at once for other commands, and wholly even if the removal is killed."""

import contextlib
import re
import shutil
import tempfile
from pathlib import Path

from stack.state import StateError, held

PREFIX = ".tanawari-reset-"


def remove(directory: Path) -> None:
    """Remove the state in a directory."""
    doomed = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f"{PREFIX}{directory.name}-"))
    directory.rename(doomed / "state")  # first, so that a removal that is killed leaves no partial state
    finish_removals(directory)


def finish_removals(directory: Path) -> None:
    """Remove what killed removals of the state in this directory have left."""
    name = re.compile(rf"{re.escape(PREFIX + directory.name)}-\w+")
    for doomed in directory.parent.glob(f"{PREFIX}*"):
        if name.fullmatch(doomed.name):
            _finish(doomed)


def _finish(doomed: Path) -> None:
    with contextlib.suppress(StateError), held(doomed / "lock") as is_ours:  # it is gone if another process was first
        if is_ours:
            if (doomed / "state").exists():
                shutil.rmtree(doomed / "state")
            shutil.rmtree(doomed, ignore_errors=True)  # another process may be asking for the lock
