"""`If-Match` on products (RFC 9110): a change is made only to the product that its author has seen.

The version is that of the description and the offer. The stock is not part of it: it changes with every order.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header

from services.common.runtime.errors import Fault, PreconditionFailed, Unprocessable

LONGEST = 1_000
_TAGS = re.compile(r'\s*"[!#-~]*"\s*(,\s*"[!#-~]*"\s*)*')


def etag(product_version: int, offer_version: int) -> str:
    """The entity tag of a product."""
    return f'"{product_version}-{offer_version}"'


@dataclass(frozen=True)
class Expected:
    """The entity tags that a change may be based on."""

    tags: frozenset[str]

    def check(self, product_version: int, offer_version: int) -> None:
        """Compare with the product as it is.

        Raises:
            PreconditionFailed: it has changed.
        """
        if etag(product_version, offer_version) not in self.tags:
            raise PreconditionFailed("The product has changed since its ETag was sent: read it again.")


async def _expected(
    if_match: Annotated[str | None, Header(max_length=LONGEST, examples=['"3-1"'])] = None,
) -> Expected | None:
    """The tags of the header; None if any product will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    if not _TAGS.fullmatch(if_match):
        fault = Fault(field="header.If-Match", message='Must be * or entity tags in double quotes, such as "3-1"')
        raise Unprocessable("This is no If-Match.", errors=[fault])
    return Expected(frozenset(each.strip() for each in if_match.split(",")))


IfMatch = Annotated[Expected | None, Depends(_expected)]
"""A parameter of this type has what a change is based on, or None."""
