"""Blocks of work on all cores: numpy, scipy and polars release the interpreter while they compute."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Block = TypeVar("Block")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Block], Result], blocks: Iterable[Block]) -> list[Result]:
    """The results of independent blocks, in their order; BLAS threads would compete for the cores."""
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as workers:
        return list(workers.map(work, blocks))
