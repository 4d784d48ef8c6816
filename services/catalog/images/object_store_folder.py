"""Files in a local folder, which all processes of the catalog share. It is made with its first file."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, TypeVar

from services.catalog.images.object_store import StoreUnavailable

T = TypeVar("T")
logger = logging.getLogger(__name__)
FANOUT: Final = 2
"""A file lies in a subfolder that has the first letters of its name: no folder gets large."""


class FolderStore:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        await _in_thread(_write, self._path(name), content)

    async def get(self, name: str) -> bytes | None:
        """Read a file."""
        return await _in_thread(_read, self._path(name))

    async def delete(self, names: Sequence[str]) -> None:
        """Remove files."""
        await _in_thread(_remove, [self._path(name) for name in names])

    async def check(self) -> None:
        """Look whether the folder can be written, or made."""
        await _in_thread(_check, self._folder)

    async def close(self) -> None:
        """Nothing is open."""

    def _path(self, name: str) -> Path:
        return self._folder / name[:FANOUT] / name


async def _in_thread(call: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - what `call` takes
    try:
        return await asyncio.to_thread(call, *args)
    except OSError as error:
        logger.warning("the folder of images: %s", error.strerror)
        raise StoreUnavailable("The folder of images cannot be used.") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink()
            raise


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _check(folder: Path) -> None:
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        raise PermissionError(0, "cannot be written")
