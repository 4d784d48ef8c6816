"""Settings of the cart."""

from typing import Annotated

from pydantic import Field, PositiveInt

from services.common.runtime.settings import ServiceSettings


class CartSettings(ServiceSettings, env_prefix="CART_"):
    """CART_DATABASE_URL, limits of a cart, and the settings of every service."""

    service: str = "cart"
    database_url: str
    catalog_url: str = Field("http://127.0.0.1:8001", validation_alias="CATALOG_URL")
    most_items: Annotated[PositiveInt, Field(le=100)] = 100
    """Different products in one cart: no more than catalog tells of at once."""
    most_pieces: Annotated[PositiveInt, Field(le=1_000)] = 999
    """Pieces of one product: no more than catalog reserves."""
    visitor_days: PositiveInt = 90
    """How long a visitor's cart is kept after its last change."""
