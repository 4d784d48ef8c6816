"""Where images are kept: files by name. Two implementations: a folder, and S3.

A name stands for its content, so that a file is written as often as one likes, and never changed. What cannot be done
raises `StoreUnavailable`, and may be repeated.
"""

from collections.abc import Sequence
from typing import Protocol

from services.common.runtime.errors import Unavailable


class StoreUnavailable(Unavailable):
    """The files are not reachable; nothing is lost."""

    title = "Image store unavailable"


class ObjectStore(Protocol):
    """Files by name."""

    async def put(self, name: str, content: bytes) -> None:
        """Write a file; it is kept once this returns."""

    async def get(self, name: str) -> bytes | None:
        """The file; None if there is none."""

    async def delete(self, names: Sequence[str]) -> None:
        """Delete files, as far as they are there."""

    async def check(self) -> None:
        """Raise if the store does not answer."""

    async def close(self) -> None:
        """Close the connections."""
