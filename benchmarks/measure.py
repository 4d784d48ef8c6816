"""How things are measured: in turns with their reference, and by the kernel's own account of memory."""

import re
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

ROUNDS: Final = 3


def in_turns(thing: Callable[[], T], reference: Callable[[], R], *, rounds: int = ROUNDS) -> tuple[list[T], list[R]]:
    """Measure one after the other, again and again, so that what else the machine does meets both alike."""
    pairs = [(thing(), reference()) for _ in range(rounds)]
    return [measured for measured, _ in pairs], [measured for _, measured in pairs]


def median(values: Iterable[float]) -> float:
    """The value in the middle."""
    return statistics.median(values)


def peak_resident_mb(pid: int) -> float:
    """The most memory that a running process has had at once, in MB of 2**20 bytes: the kernel keeps account of it.

    Raises:
        FileNotFoundError: it has ended, or the system tells no such thing.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    if peak is None:  # a zombie's memory is gone, and its account too
        raise FileNotFoundError(f"process {pid} has ended")
    return int(peak[1]) / 1024
