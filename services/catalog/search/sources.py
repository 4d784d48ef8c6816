"""Reads products as an index needs them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from services.catalog.search.documents import Source
from services.catalog.search.engine import Document, shown

SOLD = "p.is_active AND NOT EXISTS (SELECT FROM products variant WHERE variant.parent_id = p.id)"
_PRODUCTS = text(f"""
    SELECT p.id, coalesce(p.parent_id, p.id) AS group_id, p.sku, p.name, p.description, p.brand, p.keywords,
        p.attributes,
        p.price::float8 AS price, p.rating, p.rating_count, p.stock > 0 AS in_stock, p.created_at,
        o.price::float8 AS offer_price, o.start_date, o.end_date,
        ARRAY(SELECT category_id FROM product_categories WHERE product_id = p.id ORDER BY category_id) AS category_ids
    FROM products p LEFT JOIN special_prices o ON o.product_id = p.id
    WHERE p.id = ANY(:ids) AND {SOLD}
""")  # noqa: S608 - our own
_PATHS = text("""
    WITH RECURSIVE up AS (
        SELECT id AS leaf, id, name, parent_id, level FROM categories WHERE id = ANY(:ids)
        UNION ALL SELECT up.leaf, c.id, c.name, c.parent_id, c.level FROM categories c JOIN up ON c.id = up.parent_id
    )
    SELECT leaf, id, name FROM up ORDER BY leaf, level
""")
_ATTRIBUTES = text("SELECT code, name, coalesce(unit, '') AS unit FROM attributes")
Path = Sequence[tuple[int, str]]


async def read(session: AsyncSession, ids: Sequence[int]) -> list[Document]:
    """The documents of those of these products that are sold: active, and no parent of variants."""
    rows = (await session.execute(_PRODUCTS, {"ids": ids})).mappings().all()
    categories = {category for row in rows for category in row["category_ids"]}
    paths: dict[int, list[tuple[int, str]]] = defaultdict(list)
    if categories:
        for row in await session.execute(_PATHS, {"ids": sorted(categories)}):
            paths[row.leaf].append((row.id, row.name))
    defined = {row.code: row for row in await session.execute(_ATTRIBUTES)}
    return [_document(row, paths, defined) for row in rows]


def _document(row: RowMapping, paths: Mapping[int, Path], defined: Mapping[str, Row[Any]]) -> Document:
    own: Sequence[int] = row["category_ids"]
    return Document(
        product_id=row["id"],
        group=row["group_id"],
        source=Source(
            name=row["name"],
            sku=row["sku"],
            description=row["description"],
            brand=row["brand"],
            keywords=row["keywords"],
            attributes=[text for code, value in row["attributes"].items() for text in _words(value, defined.get(code))],
            categories=[[name for _, name in paths[category]] for category in own],
        ),
        attributes=row["attributes"],
        own_categories=own,
        all_categories=sorted({above for category in own for above, _ in paths[category]}),
        price=row["price"],
        offer=None if row["offer_price"] is None else (row["offer_price"], row["start_date"], row["end_date"]),
        rating=row["rating"],
        rating_count=row["rating_count"],
        in_stock=row["in_stock"],
        created_at=row["created_at"],
    )


def _words(value: Any, defined: Row[Any] | None) -> list[str]:  # noqa: ANN401 - a JSON value
    """An attribute as words: a text as it is, a number with its unit, what is true by its name."""
    if isinstance(value, bool):
        return [defined.name] if value and defined else []
    if isinstance(value, int | float):
        return [f"{each}{defined.unit}" for each in shown(value)] if defined else []
    return shown(value)
