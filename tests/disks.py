"""A disk that is soon full."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[Path]:
    """A real file system of so many megabytes, mounted at a directory that is made for it."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk takes root, as whom CI runs all tests")
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tanawari-test", directory]
    subprocess.run(mount, check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def fill(disk: Path, *, leaving_kb: int) -> Path:
    """Leave so many kilobytes free; removing the file that this makes gives the room back."""
    found = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, found.f_bavail * found.f_frsize - 1024 * leaving_kb)
    return ballast


@contextmanager
def on_small_disk(directory: Path, megabytes: int) -> Iterator[Path]:
    """A directory that is there already, moved to a disk of its own, owners and all."""
    aside = directory.rename(directory.with_name(f"{directory.name}.aside"))
    with small_disk(directory, megabytes):
        subprocess.run(["cp", "-a", f"{aside}/.", directory], check=True)
        yield directory
