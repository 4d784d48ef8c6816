"""The peak memory of this process and all below it, sampled in the background."""

import threading
from typing import Self

import psutil

PERIOD_SECONDS = 1.0
WORTH_MEASURING = 1.02
MEGABYTE = 1024 * 1024


class PeakMemory:
    """Samples while it is entered; `megabytes` is the highest sum.

    The proportional set size is taken where the system tells it (Linux), so that pages which processes share (Postgres'
    buffers, forked interpreters, mapped bundles) count once; elsewhere the resident set size. Since the former is dear,
    it is taken only when the latter, which is cheap and never smaller, is about to set a new record.
    """

    def __init__(self) -> None:
        self.megabytes = 0
        self._largest_resident = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True, name="memory")

    def _sample(self) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
            resident = sum(map(_resident, processes))
            if resident > self._largest_resident * WORTH_MEASURING:
                self._largest_resident = resident
                self.megabytes = max(self.megabytes, sum(map(_proportional, processes)) // MEGABYTE)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    except psutil.Error:
        return _resident(process)
