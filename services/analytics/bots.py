"""Recognises bots by user agent, with the list of the package crawler-user-agents.

An HTTP library does not prove a bot (apps and shops' own servers use them), nor does a missing user agent.
"""

import re
from functools import lru_cache
from typing import Final

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

_KNOWN: Final = re.compile(
    "|".join(entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA if "http-library" not in entry["tags"])
)


@lru_cache(maxsize=10_000)  # the list has 1,500 patterns: searching them takes longer than accepting a batch
def is_known_bot(agent: str) -> bool:
    """Whether a user agent names a known crawler, monitor, scanner or automated browser."""
    return _KNOWN.search(agent) is not None
