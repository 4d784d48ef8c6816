"""The files of an uploaded image, made by `worker.py` in a process for each upload.

An upload that its decoder cannot bear ends that process, by its limits of memory and time or by ours, and nothing else:
a thread waits for it, and few such processes run at once.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.catalog.domain import Refused
from services.catalog.images.worker import WIDTHS
from services.common.runtime.errors import Unavailable

COMMAND: Final = (sys.executable, "-I", str(Path(__file__).with_name("worker.py")))
SECONDS: Final = 20.0
"""Of a process, on a busy machine; it has less of a processor."""
AT_ONCE: Final = 2
MOST_WAITING: Final = 8
"""More uploads are refused: each holds its bytes."""
EXTENSION: Final = ".webp"
DIGITS: Final = 32
"""Hexadecimal digits of the hash in a name: 128 bits."""


class TooManyUploads(Unavailable):
    """Too many images are being decoded."""

    title = "Too many uploads"


@dataclass(frozen=True)
class ImageFiles:
    """An image's id, which stands for its content, its size, and its files by name."""

    id: str
    width: int
    height: int
    files: dict[str, bytes]


def names_of(image_id: str) -> list[str]:
    """The names of an image's files: in full, and in each of the widths."""
    return [f"{image_id}{EXTENSION}", *(f"{image_id}-{width}{EXTENSION}" for width in WIDTHS)]


class Encoder:
    """Makes files of uploads."""

    def __init__(self) -> None:
        self._threads, self._waiting = ThreadPoolExecutor(AT_ONCE, "images"), 0

    async def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def files_of(self, upload: bytes) -> ImageFiles:
        """The files of an upload.

        Raises:
            Refused: it is no image that can be shown.
            TooManyUploads: see the class.
        """
        if self._waiting >= MOST_WAITING:
            raise TooManyUploads("Other images are being decoded: try again in a moment.")
        self._waiting += 1
        try:
            output = await asyncio.get_running_loop().run_in_executor(self._threads, _decode, upload)
        finally:
            self._waiting -= 1
        head, _, content = output.partition(b"\n")
        answer: dict[str, Any] = json.loads(head)
        if "refusal" in answer:
            raise _refused(answer["refusal"])
        files, start = [], 0
        for size in answer["bytes"]:
            files.append(content[start : start + size])
            start += size
        image_id = hashlib.sha256(files[0]).hexdigest()[:DIGITS]
        return ImageFiles(
            image_id, answer["width"], answer["height"], dict(zip(names_of(image_id), files, strict=True))
        )


def _decode(upload: bytes) -> bytes:
    """What the worker answers; it is gone when this returns."""
    try:
        done = subprocess.run(  # noqa: S603 - a constant
            COMMAND,
            input=upload,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            env={},
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise _refused("takes too long to decode") from error
    except subprocess.CalledProcessError as error:  # a limit, or the decoder itself, ended it
        raise _refused("cannot be decoded") from error
    return done.stdout


def _refused(why: str) -> Refused:
    return Refused("image", why)
