"""The fields that an action of each type needs, and those that it may have.

The contract has one payload for many types, and cannot require more of them: that would break who writes them today.
"""

from typing import Any, Final

from services.contracts.events.actions import ActionType, Behaviour
from services.contracts.registry import EMITTERS

PRODUCT: Final = {"productId", "productName", "currency", "productPrice", "categoryId", "categoryName"}
SEARCH_CATEGORY: Final = {"searchCategoryId", "searchCategoryName"}
VIEW: Final = "PRODUCT_VIEWED"
OURS: Final = "clockOffsetSeconds"
"""The field of every event that the collector alone knows."""
COMMON: Final = {*(str(field.alias) for field in Behaviour.model_fields.values()), "requestID", "timestamp"} - {OURS}
"""What every action may have."""
REMARKS: Final = {"actionReason", "errorDetails", "metadata"}
"""What every action but a view may have."""

_BY_FAMILY: Final = {
    "CART_": PRODUCT | {"cartItemId", "quantity"},
    "ORDER_": PRODUCT | {"orderId", "quantity"},
    "ORDER_RETURN_": PRODUCT | {"orderId", "returnId", "quantity"},
    "SEARCH_BY_KEYWORD": SEARCH_CATEGORY | {"searchKeyword", "resultCount"},
    "SEARCH_BY_CATEGORY": SEARCH_CATEGORY | {"resultCount"},
    "REVIEW_START": PRODUCT,
    "REVIEW_SUBMIT": PRODUCT | {"rating", "reviewText"},
    VIEW: PRODUCT,
    "USER_": set(),
}
"""The fields of a type's subject; the longest matching prefix of its name counts."""
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    VIEW: ("productId",),
    **dict.fromkeys((ActionType.CART_ADD, ActionType.CART_READD, ActionType.CART_UPDATE), ("productId", "quantity")),
    ActionType.CART_REMOVE: ("productId",),
    **dict.fromkeys((ActionType.ORDER_COMPLETE, ActionType.ORDER_CANCEL), ("orderId",)),
    **dict.fromkeys((ActionType.ORDER_RETURN_REQUEST, ActionType.ORDER_RETURN_COMPLETE), ("orderId", "returnId")),
    ActionType.SEARCH_BY_KEYWORD: ("searchKeyword",),
    ActionType.SEARCH_BY_CATEGORY: ("searchCategoryId",),
    ActionType.REVIEW_START: ("productId",),
    ActionType.REVIEW_SUBMIT: ("productId", "rating"),
}


def _fields_of(name: str) -> frozenset[str]:
    family = max((each for each in _BY_FAMILY if name.startswith(each)), key=len)
    return frozenset(COMMON | _BY_FAMILY[family] | (set() if name == VIEW else REMARKS))


FIELDS: Final = {name: _fields_of(name) for name in map(str, EMITTERS)}
"""The JSON names of the fields that an action may have, by its type, beside `eventId` and the shop's own ids."""
NEEDS: Final = {name: _NEEDS.get(name, ()) for name in FIELDS}
"""The fields that it must have, neither empty nor 0; the shop's own id stands for ours."""


def is_given(value: Any) -> bool:  # noqa: ANN401 - of any field
    """Whether a needed field has a value: a blank keyword or no stars are none."""
    return bool(value) and not (isinstance(value, str) and value.isspace())
