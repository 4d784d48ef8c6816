"""Logs are bounded: what is large becomes an older part, of which a few are kept.

A process appends to its log as long as it runs, so the file stays and its content is copied away. A line that is
written in between is lost.
"""

import shutil
from pathlib import Path

LARGEST_BYTES = 16 * 1024 * 1024
KEPT = 3


def rotate(log: Path, largest: int = LARGEST_BYTES, kept: int = KEPT) -> bool:
    """Begin a log anew if it is large: `gateway.log` goes on as `gateway.log.1`, that as `.2`; whether it was."""
    if not log.exists() or log.stat().st_size <= largest:
        return False
    parts = [log.with_name(f"{log.name}.{number}") for number in range(1, kept + 1)]
    draft = log.with_name(f"{log.name}.0")
    try:
        shutil.copyfile(log, draft)  # a full disk is met here, before anything is gone
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    for older, newer in zip(reversed(parts), reversed([draft, *parts[:-1]]), strict=True):
        if newer.exists():
            newer.replace(older)
    with log.open("r+b") as file:
        file.truncate()
    return True
