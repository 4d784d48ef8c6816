"""A consistent snapshot of the catalogue, line by line, for services that keep a copy and lack some events.

Postgres builds the JSON, a few thousand lines at a time, in one read-only transaction: memory stays small, and the
lines are consistent.
"""

from collections.abc import AsyncGenerator

from sqlalchemy import TextClause, text

from services.catalog.domain import CUT
from services.common.storage.database import Database
from services.contracts.money import digits_in_sql

PAGE_LINES = 2_000
_UNREAD_FOR = text("SET LOCAL idle_in_transaction_session_timeout = '30s'")
"""Time limit: a reader that stops must not hold the transaction, which blocks vacuum of the database."""

_PAGE = """
    SELECT max(id) AS last, string_agg(line, E'\\n' ORDER BY id) AS lines FROM (
        SELECT id, json_build_object({fields})::text AS line FROM {table} WHERE id > :after ORDER BY id LIMIT :limit
    ) AS page
"""
_DIGITS = digits_in_sql("currency")
PRODUCTS = text(
    _PAGE.format(
        table="products LEFT JOIN special_prices ON special_prices.product_id = products.id",
        fields=f"""
            'productId', id, 'sku', sku, 'name', name, 'description', left(description, {CUT}), 'brand', brand,
            'longDescription', CASE WHEN length(description) > {CUT} THEN description END,
            'price', round(products.price, {_DIGITS})::text, 'currency', currency, 'rating', rating,
            'ratingCount', rating_count, 'image', image, 'images', images, 'keywords', keywords,
            'attributes', attributes, 'parentId', parent_id,
            'stock', stock, 'isActive', is_active, 'categoryIds', to_json(ARRAY(
                SELECT category_id FROM product_categories WHERE product_id = products.id ORDER BY category_id
            )),
            'productVersion', product_version, 'stockVersion', stock_version, 'offerVersion', offer_version,
            'offer', CASE WHEN special_prices.product_id IS NOT NULL THEN json_build_object(
                'specialPrice', round(special_prices.price, {_DIGITS})::text, 'currency', currency,
                'startDate', start_date, 'endDate', end_date
            ) END
        """,  # noqa: S608 - the contracts' own
    )
)
CATEGORIES = text(
    _PAGE.format(
        table="categories",
        fields="""
            'categoryId', id, 'code', code, 'name', name, 'parentId', parent_id, 'level', level,
            'categoryVersion', version
        """,
    )
)


async def read(database: Database, page: TextClause) -> AsyncGenerator[bytes, None]:
    """Chunks of whole lines in id order, consistent as of the first."""
    async with database.sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        await session.execute(_UNREAD_FOR)
        after: int | None = 0
        while after is not None:
            found = (await session.execute(page, {"after": after, "limit": PAGE_LINES})).one()
            after = found.last
            if after is not None:
                yield f"{found.lines}\n".encode()
