"""Spares the garbage collector what lives as long as the process: to look through it takes 60 ms, twice a second.

with settled(): ...  # everything is loaded
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def settled() -> Iterator[None]:
    """What exists now is looked through again only when this ends."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
