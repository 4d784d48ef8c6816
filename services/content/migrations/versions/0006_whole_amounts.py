"""Amounts finer than their currency, from before these were refused, are rounded, as catalog rounds its own.

All amounts had two decimals, so only currencies without any are concerned. An offer that is no longer below its price
ends.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

WHOLE = """
IN (
    'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF',
    'XPF'
)
"""
PRODUCTS = f"""
UPDATE products SET price = round(price), special_price = round(special_price)
WHERE currency {WHOLE} AND (price <> round(price) OR special_price <> round(special_price))
"""  # noqa: S608 - put together from the texts above
OFFERS = f"""
UPDATE products SET special_price = NULL, special_starts_at = NULL, special_ends_at = NULL
WHERE currency {WHOLE} AND special_price >= price
"""  # noqa: S608 - likewise
DISPLAYS = f"""
UPDATE top_page_displays AS shown SET product_price = round(product_price), special_price = round(special_price)
WHERE (product_price <> round(product_price) OR special_price <> round(special_price))
    AND coalesce((SELECT currency FROM products WHERE id = shown.product_id), currency) {WHOLE}
"""  # noqa: S608 - likewise


def upgrade() -> None:
    for statement in (PRODUCTS, OFFERS, DISPLAYS):
        op.execute(statement)
    op.execute("UPDATE showing SET version = version + 1")  # pages are cached by it


def downgrade() -> None:
    """Nothing: whole amounts suit the older schema too."""
