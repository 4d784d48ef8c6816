"""What the gateway itself answers with."""

from typing import Annotated

from pydantic import ConfigDict, Field

from services.common.schemas import Schema
from services.contracts.envelope import DisplayType


class Open(Schema):
    """An answer that another service composed: what it adds is passed on."""

    model_config = ConfigDict(extra="allow")


class ShelfItem(Open):
    """One product in its place, and why it stands there."""

    product_id: int | None = None
    product_name: str | None = None
    product_price: Annotated[str | None, Field(examples=["12.30"])] = None
    special_price: Annotated[str | None, Field(examples=["9.99"])] = None
    currency: str | None = None
    image: str | None = None
    category_id: int | None = None
    category_name: str | None = None
    rank: int
    reason: str | None = None


class Shelf(Open):
    """One ranked list."""

    display_type: DisplayType
    title: str
    items: list[ShelfItem]


class TopPage(Open):
    """The shelves in the order of the page."""

    user_id: str
    shelves: list[Shelf]
    degraded: bool
