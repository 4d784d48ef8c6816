"""Erases deleted users from `raw` and from all tables of dbt, at the end of each complete run.

They get random ids in both, in one transaction: marts stay what a full refresh would make of `raw`, and training, the
extract and the shelves, which follow, know nothing of the users any more. See `warehouse.erasure`.
"""

from typing import Final

import psycopg
from psycopg import sql

_ERASE = "select user_id, pseudonym from landing.erase_deleted_users(%s)"
_TABLES = """
select nspname, relname from pg_class
inner join pg_namespace on relnamespace = pg_namespace.oid
inner join pg_attribute on attrelid = pg_class.oid
where relkind = 'r' and relowner = current_user::regrole and attname = 'user_id' and not attisdropped
order by nspname, relname
"""
_RENAME = """
update {table} as held set {values}
from unnest(%s::text[], %s::text[]) as erasing (user_id, pseudonym) where held.user_id = erasing.user_id
"""
_FORGET = "delete from {table} where user_id = any(%s)"
_VALUES: Final = {
    "actions": "user_id = pseudonym, visitor_id = null, search_keyword = null, request_id = null",
    "checkouts": "user_id = pseudonym, cancellation_reason = null",
    "int_order_events__unnest": "user_id = pseudonym, reason = null",
    "int_orders__resolve": "user_id = pseudonym, cancellation_reason = null",
    "orders": "user_id = pseudonym, cancellation_reason = null",
    "returns": "user_id = pseudonym, reason = null",
    "users": "user_id = pseudonym, is_learned_from = false",
}
"""What a table says of an erased user, if it is more than the other id."""
_FORGOTTEN: Final = {"cart_items", "searches"}
"""The tables whose rows go: what an erased user had in the cart, or searched for, nobody counts."""


def erase_deleted_users(connection: psycopg.Connection, run: int) -> int:
    """Erase users whose deletion a complete run has read, and what it has read of those erased before.

    Args:
        connection: as dbt's role, while no other run goes on.
        run: its number.

    Returns:
        The number of users of whom there was something.
    """
    with connection.transaction():
        erased = connection.execute(_ERASE, (run,)).fetchall()
        if erased:
            users, pseudonyms = map(list, zip(*erased, strict=True))
            for schema, table in connection.execute(_TABLES).fetchall():
                name = sql.Identifier(schema, table)
                if table in _FORGOTTEN:
                    connection.execute(sql.SQL(_FORGET).format(table=name), (users,))
                    continue
                values = sql.SQL(_VALUES.get(table, "user_id = pseudonym"))
                connection.execute(sql.SQL(_RENAME).format(table=name, values=values), (users, pseudonyms))
    return len(erased)
