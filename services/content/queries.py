"""The content service's SQL: display rows beside what the catalog says, and a generation's rows as a partition."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable
from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.common.web.references import ProductReference
from services.content.domain import Row
from services.content.models import Category, Product, Showing, TopPageDisplay

Display = TopPageDisplay
Ids = dict[tuple[str, str | None], int]
"""Our ids by the name of a column, `sku` or `category_code`, and the shop's id in it."""
UPLOADED = (
    *("display_type", "user_id", "rank", "product_id", "product_name", "product_price", "currency", "rating", "image"),
    *("category_id", "category_name", "special_price", "start_date", "end_date", "score", "reason"),
)
"""The columns that an upload gives."""
PREPARE: tuple[LiteralString, ...] = (
    "SET LOCAL statement_timeout = '15min'",
    # like the manual partition, for a look at their parent would lock it until the upload has ended
    "CREATE TABLE {draft} (LIKE top_page_displays_manual INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
    "ALTER TABLE {draft} ALTER generation SET DEFAULT {generation}",
)
FINISH: tuple[LiteralString, ...] = (
    "CREATE UNIQUE INDEX ON {draft} (user_id, display_type, rank) NULLS NOT DISTINCT",
    "ALTER TABLE {draft} ADD CHECK (generation IS NOT NULL AND generation = {generation})",  # spares ATTACH a scan
    "ANALYZE {draft}",
)
DROP: tuple[LiteralString, ...] = (
    # a drop waits for all who read the parent, a pg_dump too, and each page that comes meanwhile waits behind it
    "SET LOCAL lock_timeout = '100ms'",
    "DROP TABLE IF EXISTS {table}",
    "SET LOCAL lock_timeout = DEFAULT",
)
ATTACH: tuple[LiteralString, ...] = (
    *DROP,
    "ALTER TABLE {draft} RENAME TO {table}",
    "ALTER TABLE top_page_displays ATTACH PARTITION {table} FOR VALUES IN ({generation})",
)

_CATEGORY_ID = func.coalesce(Display.category_id, Product.category_id)
MIRRORED = (
    Product.sku,
    func.coalesce(Product.name, Display.product_name).label("product_name"),
    func.coalesce(Product.price, Display.product_price).label("product_price"),
    func.coalesce(Product.currency, Display.currency).label("currency"),
    func.coalesce(Product.rating, Display.rating).label("rating"),
    func.coalesce(Product.image, Display.image).label("image"),
    _CATEGORY_ID.label("category_id"),
    Category.code.label("category_code"),
    func.coalesce(Category.name, Display.category_name).label("category_name"),
)
"""The columns that follow their owner: the catalog's word where it has given one, else the row's."""


def beside_catalog(*columns: Any) -> Select[Any]:  # noqa: ANN401 - whatever select() takes
    """Columns of display rows, of their product and its category."""
    return (
        select(*columns)
        .select_from(Display)
        .outerjoin(Product, Product.id == Display.product_id)
        .outerjoin(Category, Category.id == _CATEGORY_ID)
    )


async def rows_for(session: AsyncSession, generation: str | None, user_id: str | None) -> list[Row]:
    """The manual rows and one generation's, of one user and of everyone; manual rows of the past are left out."""
    of_user: ColumnElement[bool] = Display.user_id.is_(None)
    if user_id is not None:
        of_user |= Display.user_id == user_id
    in_generation: ColumnElement[bool] = Display.generation.is_(None)
    if generation is not None:
        in_generation |= Display.generation == generation
    is_over = Display.generation.is_(None) & (Display.end_date <= func.now())
    query = beside_catalog(
        *(Display.display_type, Display.mode, Display.user_id, Display.rank, Display.priority, Display.score),
        *(Display.reason, Display.start_date, Display.end_date, Display.special_price, Display.product_id),
        *MIRRORED,
        *(Product.stock, Product.is_active.label("is_product_active"), Product.special_price.label("offer_price")),
        *(Product.special_starts_at.label("offer_starts_at"), Product.special_ends_at.label("offer_ends_at")),
    ).where(in_generation, of_user, Display.is_active, is_over.isnot(True))
    return [Row(**row) for row in (await session.execute(query)).mappings()]


def is_about(product: ProductReference) -> ColumnElement[bool]:
    """Whether a display row is about a product."""
    return Product.sku == product.own if product.id is None else Display.product_id == product.id


async def ids_of(session: AsyncSession, skus: Sequence[str], codes: Sequence[str] = ()) -> Ids:
    """Our ids of products and categories by the shop's, as far as the catalog has told of them."""
    products = select(Product.sku, Product.id).where(Product.sku == func.any(list(skus)), ~Product.is_deleted)
    categories = select(Category.code, Category.id).where(Category.code == func.any(list(codes)), ~Category.is_deleted)
    found = {("sku", sku): product_id for sku, product_id in await session.execute(products)}
    return found | {("category_code", code): each for code, each in await session.execute(categories)}


async def touch(session: AsyncSession) -> None:
    """Say that what is shown changes; others who change it wait from here to the commit.

    Display rows are changed after it, never before: an upload locks in that order too.
    """
    await session.execute(update(Showing).values(version=Showing.version + 1))


async def copy_draft(
    session: AsyncSession, generation_id: int, name: str, rows: AsyncIterator[Sequence[Sequence[Any]]]
) -> int:
    """Load a generation's rows into a table of their own that nobody sees yet, with its index.

    Args:
        session: the caller's transaction.
        generation_id: names the table.
        name: the generation.
        rows: values of `UPLOADED`, some at a time.

    Returns:
        The number of rows.

    Raises:
        psycopg.errors.UniqueViolation: two rows have the same user, shelf and rank.
    """
    number = 0
    cursor, names = await _cursor(session), _names(generation_id, name)
    await _run(cursor, PREPARE, names)
    columns = sql.SQL(", ").join(map(sql.Identifier, UPLOADED))
    async with cursor.copy(sql.SQL("COPY {draft} ({columns}) FROM STDIN").format(columns=columns, **names)) as copy:
        async for chunk in rows:
            for row in chunk:
                await copy.write_row(row)
            number += len(chunk)
    await _run(cursor, FINISH, names)
    return number


async def attach_draft(session: AsyncSession, generation_id: int, name: str) -> None:
    """Make the loaded table a partition, in the place of an earlier one; this does not depend on the number of rows."""
    await _run(await _cursor(session), ATTACH, _names(generation_id, name))


async def drop_partition(session: AsyncSession, generation_id: int, name: str) -> bool:
    """Remove a generation's rows at once; False, and nothing is done, while somebody reads the table for long."""
    try:
        async with session.begin_nested():
            await _run(await _cursor(session), DROP, _names(generation_id, name))
    except LockNotAvailable:
        return False
    return True


async def _run(
    cursor: psycopg.AsyncCursor[Any], statements: Sequence[LiteralString], names: dict[str, sql.Composable]
) -> None:
    for statement in statements:
        await cursor.execute(sql.SQL(statement).format(**names))


def _names(generation_id: int, name: str) -> dict[str, sql.Composable]:
    table = f"top_page_displays_g{generation_id}"
    return {
        "table": sql.Identifier(table),
        "draft": sql.Identifier(f"{table}_draft"),
        "generation": sql.Literal(name),
    }


async def _cursor(session: AsyncSession) -> psycopg.AsyncCursor[Any]:
    """A cursor in the session's own transaction, for COPY."""
    connection = await (await session.connection()).get_raw_connection()
    driver = connection.driver_connection
    assert isinstance(driver, psycopg.AsyncConnection)
    return driver.cursor()
