"""Log rotation by size; a few old files are kept.

A process keeps its log open for appending, so the file is copied and truncated. A line that is written in between is
lost.
"""

import shutil
from pathlib import Path

LARGEST_BYTES = 16 * 1024 * 1024
KEPT = 3


def rotate(log: Path, largest: int = LARGEST_BYTES, kept: int = KEPT) -> bool:
    """Move the content of a large log to `.1`, `.1` to `.2`, and so on; returns whether it was large."""
    if not log.exists() or log.stat().st_size <= largest:
        return False
    parts = [log.with_name(f"{log.name}.{number}") for number in range(1, kept + 1)]
    draft = log.with_name(f"{log.name}.0")
    try:
        shutil.copyfile(log, draft)  # a full disk fails here, before anything is removed
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    for older, newer in zip(reversed(parts), reversed([draft, *parts[:-1]]), strict=True):
        if newer.exists():
            newer.replace(older)
    with log.open("r+b") as file:
        file.truncate()
    return True
