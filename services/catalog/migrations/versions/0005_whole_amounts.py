"""Amounts finer than their currency, from before these were refused, are rounded: half a yen is a whole one.

All amounts had two decimals, so only currencies without any are concerned. An offer that is no longer below its price
ends.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

WHOLE = """
currency IN (
    'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF',
    'XPF'
)
"""
PRICES = f"""
UPDATE products SET price = round(price), product_version = product_version + 1
WHERE price <> round(price) AND {WHOLE}
"""  # noqa: S608 - put together from the texts above
OFFERS = f"""
WITH fine AS (
    SELECT product_id, round(special_prices.price) AS rounded, round(special_prices.price) >= products.price AS is_over
    FROM special_prices JOIN products ON id = product_id
    WHERE (special_prices.price <> round(special_prices.price) OR special_prices.price >= products.price) AND {WHOLE}
), ended AS (
    DELETE FROM special_prices USING fine WHERE special_prices.product_id = fine.product_id AND is_over
), kept AS (
    UPDATE special_prices SET price = rounded FROM fine
    WHERE special_prices.product_id = fine.product_id AND NOT is_over
)
UPDATE products SET offer_version = offer_version + 1 WHERE id IN (SELECT product_id FROM fine)
"""  # noqa: S608 - likewise


def upgrade() -> None:
    op.execute(PRICES)
    op.execute(OFFERS)


def downgrade() -> None:
    """Nothing: whole amounts suit the older schema too."""
