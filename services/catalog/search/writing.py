"""Has products written to an index, so that one which it cannot hold keeps up no other."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from psycopg import errors
from sqlalchemy.exc import DBAPIError

from services.catalog.search.engine import Document
from services.common.runtime.outages import is_overdue, is_unavailable, is_unstorable

logger = logging.getLogger(__name__)

Write = Callable[[Sequence[Document], Sequence[int]], Awaitable[None]]
"""Writes documents, and removes the products that are gone."""


class NothingWrittenError(RuntimeError):
    """An index took none of the products: the fault is not theirs."""


async def write_each(ids: Sequence[int], documents: Mapping[int, Document], write: Write) -> int:
    """Write these products, and by halves where one is at fault: that one is left out; the number of documents."""
    found = [documents[each] for each in ids if each in documents]
    try:
        await write(found, [each for each in ids if each not in documents])
    except Exception as error:
        is_overdue_together = len(ids) > 1 and is_overdue(error)
        if not is_overdue_together and not _is_of_a_product(error):
            raise
        if len(ids) > 1:
            middle = len(ids) // 2
            before = await write_each(ids[:middle], documents, write)
            return before + await write_each(ids[middle:], documents, write)
        logger.exception("product %d cannot be found by search", ids[0])
        await write([], ids)
        return 0
    return len(found)


def _is_of_a_product(error: Exception) -> bool:
    """Whether what a product is made of caused this, and not the state of the index (a table that is missing)."""
    if isinstance(error, DBAPIError):
        return is_unstorable(error) or isinstance(error.orig, errors.SyntaxError)  # of its words
    return not is_unavailable(error)
