"""A generation's rows as a partition of the display rows: loaded with COPY, attached, and dropped as a whole."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.errors import LockNotAvailable
from sqlalchemy.ext.asyncio import AsyncSession

UPLOADED = (
    *("display_type", "user_id", "rank", "product_id", "product_name", "product_price", "currency", "rating", "image"),
    *("category_id", "category_name", "special_price", "start_date", "end_date", "score", "reason"),
)
"""The columns of an upload."""
PREPARE: tuple[LiteralString, ...] = (
    "SET LOCAL statement_timeout = '15min'",
    # like the manual partition: reading the parent would lock it until the upload has ended
    "CREATE TABLE {draft} (LIKE top_page_displays_manual INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
    "ALTER TABLE {draft} ALTER generation SET DEFAULT {generation}",
)
FINISH: tuple[LiteralString, ...] = (
    "CREATE UNIQUE INDEX ON {draft} (user_id, display_type, rank) NULLS NOT DISTINCT",
    "CREATE INDEX ON {draft} (id)",  # a manual row that is changed is looked for in all partitions
    "ALTER TABLE {draft} ADD CHECK (generation IS NOT NULL AND generation = {generation})",  # spares ATTACH a scan
    "ANALYZE {draft}",
)
DROP: tuple[LiteralString, ...] = (
    # a drop waits for all readers of the parent, even pg_dump, and all later pages queue behind it
    "SET LOCAL lock_timeout = '100ms'",
    "DROP TABLE IF EXISTS {table}",
    "SET LOCAL lock_timeout = DEFAULT",
)
ATTACH: tuple[LiteralString, ...] = (
    *DROP,
    "ALTER TABLE {draft} RENAME TO {table}",
    "ALTER TABLE top_page_displays ATTACH PARTITION {table} FOR VALUES IN ({generation})",
)


async def copy_draft(
    session: AsyncSession, generation_id: int, name: str, rows: AsyncIterator[Sequence[Sequence[Any]]]
) -> int:
    """Load a generation's rows into a new table that is not yet visible, with its index.

    Args:
        session: the caller's transaction.
        generation_id: names the table.
        name: the generation.
        rows: values of `UPLOADED`, in chunks.

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
    """Attach the loaded table as a partition, replacing an earlier one; the cost does not depend on the row count."""
    await _run(await _cursor(session), ATTACH, _names(generation_id, name))


async def drop_partition(session: AsyncSession, generation_id: int, name: str) -> bool:
    """Drop a generation's rows; returns False, without effect, while there is a long-running reader."""
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
