"""Cursor pagination: an opaque text names the row after which the next page begins.

class ProductPage(Page[ProductOut]): ...

cursor: CursorParam = None, limit: LimitParam = 50
after = decode_cursor(cursor, int)                 # None for the first page; raises BadCursor (422)
rows = ...                                         # ordered by id, those after `after`, at most limit + 1; or `latest`
return ProductPage.of(rows, limit, "id")
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Query
from pydantic import TypeAdapter, ValidationError

from services.common.runtime.errors import Fault, Unprocessable
from services.common.web.fields import Schema

Item = TypeVar("Item")
MAX_CURSOR = 3_000
"""Room for a position that is a text of 500 characters, of four bytes each, in base64."""
CursorParam = Annotated[
    str | None, Query(max_length=MAX_CURSOR, pattern=r"^[A-Za-z0-9_-]+$", description="From nextCursor")
]
LimitParam = Annotated[int, Query(ge=1, le=500)]


class BadCursor(Unprocessable):
    """A cursor that this API did not issue."""

    title = "Bad cursor"


class Page(Schema, Generic[Item]):
    """One page of a list; `nextCursor` is absent on the last."""

    items: list[Item]
    next_cursor: str | None = None

    @classmethod
    def of(cls, rows: Sequence[Any], limit: int, *order: str) -> Self:
        """The page of up to `limit` rows that were asked for with one more, which tells whether another page follows.

        Args:
            rows: what the items are made from, by their attributes.
            limit: how many a page has.
            order: the attributes by which the rows are ordered.
        """
        shown = rows[:limit]
        more = encode_cursor(*(getattr(shown[-1], name) for name in order)) if len(rows) > limit else None
        return cls.model_validate({"items": list(shown), "nextCursor": more})


def encode_cursor(*position: Any) -> str:  # noqa: ANN401 - whatever orders the list, as JSON can hold it
    """The cursor of a row's position: the values by which the list is ordered."""
    return base64.urlsafe_b64encode(TypeAdapter(list[Any]).dump_json(list(position))).rstrip(b"=").decode()


def decode_cursor(cursor: str | None, *kinds: Any) -> tuple[Any, ...] | None:  # noqa: ANN401 - the types in `kinds`
    """The position in a cursor, its values being of these types; None for no cursor.

    Raises:
        BadCursor: it is not one of ours.
    """
    if cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        position: tuple[Any, ...] = TypeAdapter(tuple[kinds]).validate_json(raw)  # type: ignore[valid-type]
    except (binascii.Error, ValidationError, UnicodeDecodeError) as error:
        fault = Fault(field="query.cursor", message="Not a cursor of this list")
        raise BadCursor("The cursor is not valid.", errors=[fault]) from error
    return position
