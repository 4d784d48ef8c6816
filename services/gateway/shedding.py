"""Shedding: where too much waits for an answer, what a shop can do without is refused first, and buying last."""

import re
from enum import Enum
from typing import Final


class Share(float, Enum):
    """How much of what may wait at once may wait already when a request is still taken."""

    EXTRAS = 0.5
    """Recommendations, pictures, search and its suggestions, and what analytics is told and tells."""
    BROWSING = 0.75
    """All else: products, one's account, logins, staff."""
    BUYING = 1.0
    """Changes of carts, orders, payments and what providers tell of them; sessions, which buying needs."""


EXTRAS: Final = re.compile(
    r"GET (/images/.*|/v1/(funnel|images/[^/]+|search(/suggestions)?|search-terms|top-page"
    r"|products(/popular|/trending|/[^/]+/(similar|statistics))?"
    r"|users/[^/]+/(recommendations|actions|views)))"
    r"|POST /v1/(pages|feedback|actions)"
)
BUYING: Final = re.compile(
    r"(POST|PUT|DELETE) /v1/carts/.*|[A-Z]+ /v1/(orders|payments|local-payments|webhooks)(/.*)?"
    r"|GET /session|POST (/session|/v1/auth/sessions)/refresh"
)


def share_of(method: str, path: str) -> Share:
    """The share of a request."""
    request = f"{method} {path}"
    if BUYING.fullmatch(request):
        return Share.BUYING
    return Share.EXTRAS if EXTRAS.fullmatch(request) else Share.BROWSING
