"""Which programs are known to be no person's: by the list that the package crawler-user-agents keeps.

A library for HTTP says nothing of who uses it (apps and shops' own servers do), nor does a missing name.
"""

import re
from functools import lru_cache
from typing import Final

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

_KNOWN: Final = re.compile(
    "|".join(entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if "http-library" not in entry["tags"])
)


@lru_cache(maxsize=10_000)  # the list has 1,500 patterns: to search them takes longer than to take a batch
def is_known_bot(agent: str) -> bool:
    """Whether a user agent names a known crawler, monitor, scanner or automated browser."""
    return _KNOWN.search(agent) is not None
