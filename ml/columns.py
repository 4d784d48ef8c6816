"""All names of columns and candidate lists that the library reads and writes."""

USER = "user_id"
ITEM = "product_id"
ORDER = "order_id"
ORDERED_AT = "ordered_at"
QUANTITY = "quantity"
AMOUNT = "amount"

DEPARTMENT = "department"
CATEGORY = "category"
PRODUCT_TYPE = "product_type"
BRAND = "brand"
PRICE = "price"
IS_ACTIVE = "is_active"
IS_RECOMMENDABLE = "is_recommendable"

SCORE = "score"
RANK = "rank"
NEIGHBOUR = "neighbour_id"

DISCOVER = "discover"
"""The lists of items that are new to each user."""
REPURCHASE = "repurchase"
"""The lists of items that each user buys next, new or not."""
LEARNT_SOURCES = (DISCOVER, REPURCHASE)
"""The candidate lists that models create, the gate judges, a bundle contains and shelves use."""

INTERACTION_COLUMNS = (USER, ITEM, ORDER, ORDERED_AT)
ITEM_COLUMNS = (ITEM, DEPARTMENT, CATEGORY, PRODUCT_TYPE, BRAND, PRICE, IS_ACTIVE, IS_RECOMMENDABLE)
