"""Which process a pid means: its number comes to another process later."""

import sys
from pathlib import Path

import psutil

BOOT = Path("/proc/sys/kernel/random/boot_id")


def start_of(pid: int) -> str:
    """When a process began, by no clock that may be set meanwhile.

    A virtual machine that was suspended sets its clock when it goes on.
    """
    if sys.platform != "linux":
        return str(psutil.Process(pid).create_time())
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return f"{BOOT.read_text().strip()}/{fields[19]}"  # ticks since that boot


def is_alive(pid: int, start: str) -> bool:
    """Whether the process that had this pid and start is alive; a zombie is not."""
    try:
        return start_of(pid) == start and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.NoSuchProcess):
        return False
