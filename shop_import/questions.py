"""The SQL checks of `relations.py`: each finds rows that contradict others, as (row, value)."""

from dataclasses import dataclass

from services.contracts.registry import EVENTS
from shop_import.columns import ACTION_TYPES
from shop_import.findings import Fault

MOST_LINES = 5_000
"""Maximum lines of an order: its event must fit the topic's message size."""
LARGEST_AMOUNT = 10**12
"""Amounts are below this."""


@dataclass(frozen=True)
class Question:
    """One check.

    Attributes:
        keeps_row: whether such a row is still imported when bad rows are skipped.
        only_with: the files that the check needs.
    """

    file: str
    column: str
    fault: Fault
    sql: str
    keeps_row: bool = False
    only_with: tuple[str, ...] = ()


def _facts(name: str, lines: str) -> str:
    """The facts of an order that must not change, as a table."""
    return f"""
        create table {name} as
        select external_id, min(line) as row, arg_min(user_id, line) as user_id, min(ordered_at) as ordered_at,
            count(*) as lines, sum(amount) as total, sum(hash(sku, quantity, amount)::hugeint) as digest
        from ({lines}) group by external_id"""  # noqa: S608 - our own text


TABLES = (
    "create table bad_rows (file text, row bigint)",
    """
    create view lines as select
        row, is_bad, order_id, user_id, ordered_at, item_id, quantity, price as given_price, amount as given_amount,
        coalesce(
            abs(price), cast(round(abs(amount)::double / nullif(abs(quantity), 0), {minor_digits}) as decimal(15, 3))
        ) as price,
        coalesce(abs(amount)::decimal(23, 3), abs(price)::decimal(15, 3) * abs(quantity)::decimal(8, 0)) as amount
    from staged_orders
    """,
    _facts(
        "facts",
        """
        select order_id as external_id, user_id, ordered_at, item_id as sku, quantity, amount::decimal(23, 3) as amount,
            row as line
        from lines where not is_bad and quantity > 0""",
    ),
    _facts(
        "known_facts",
        """
        select external_id, user_id, ordered_at, sku, quantity, amount::decimal(23, 3) as amount, 0 as line
        from known_orders""",
    ),
    """
    create view known_product as
    select * from known_products where stock is not null
    qualify row_number() over (partition by sku order by filename desc) = 1
    """,
    """
    create table sold as
    select item_id as sku, arg_max(price, (ordered_at, row)) as price
    from lines where not is_bad and quantity > 0 group by item_id
    """,
    """
    create view told_actions as
    select *, md5(concat_ws('|', user_id, coalesce(session_id, ''), action_type, occurred_at, coalesce(item_id, ''),
                            coalesce(keyword, ''), coalesce(quantity, 0))) as content
    from staged_actions where not is_bad
    """,
    """
    create table new_actions as
    select * exclude (action_id), coalesce(action_id, concat(
        'row-', content, '-', row_number() over (partition by action_id, content order by row))) as source_id
    from told_actions
    """,
)
KNOWN_CATEGORIES = """
select code, arg_max(name, filename) from known_categories group by code
"""
ITEM_PATHS = "select distinct category_id from staged_items where not is_bad and category_id is not null"

LEFT_OUT = """
create table left_out as
select distinct order_id from staged_orders
where order_id is not null and (is_bad or row in (select row from bad_rows where file = 'orders'))
"""
"""Orders stay complete: a bad line rejects its whole order, because an order is imported once."""

_UNKNOWN_CATEGORY = """
select row, category_id from {table} where {condition} category_id is not null
and category_id not in (select category_id from codes)"""
_KNOWN_ITEMS = "select item_id from staged_items where item_id is not null union all select sku from known_products"
_NEEDED = {"item_id": "product_id", "keyword": "search_keyword", "category_id": "search_category_id"}


def _needing(field: str) -> str:
    """The action types that require a field of their payload."""
    payloads = {name: EVENTS[name].payload.model_fields for name in ACTION_TYPES}
    return ", ".join(
        f"'{name}'" for name, fields in payloads.items() if field in fields and fields[field].is_required()
    )


QUESTIONS = (
    Question(
        "items",
        "item_id",
        Fault.REPEATED,
        """
        select row, item_id from (
            select row, item_id, hash(name, description, brand, category_id, price, stock, is_active, special_price,
                                      special_starts_at, special_ends_at, image) as content
            from staged_items where not is_bad)
        qualify content <> first_value(content) over (partition by item_id order by row)""",
        only_with=("items", "repeated:refuse"),
    ),
    Question(
        "items",
        "category_id",
        Fault.UNKNOWN_CATEGORY,
        _UNKNOWN_CATEGORY.format(table="staged_items", condition="not is_bad and"),
        only_with=("categories",),
    ),
    Question(
        "items",
        "price",
        Fault.NO_PRICE,
        """
        select row, null from staged_items where not is_bad and price is null
        and item_id not in (select sku from sold where price is not null)
        and item_id not in (select sku from known_product)
        and item_id not in (select parent_id from staged_items where parent_id is not null and price is not null)""",
    ),
    Question(
        "items",
        "attributes",
        Fault.NO_JSON,
        """
        select row, attributes from staged_items where not is_bad and attributes is not null
        and (case when json_valid(attributes) then json_type(attributes) end = 'OBJECT') is not true""",
    ),
    Question("items", "price", Fault.NEGATIVE, "select row, price from staged_items where price < 0"),
    Question(
        "items",
        "special_price",
        Fault.NEGATIVE,
        "select row, special_price from staged_items where special_price < 0",
    ),
    Question(
        "items",
        "special_price",
        Fault.OFFER_NOT_BELOW_PRICE,
        "select row, special_price from staged_items where not is_bad and special_price >= price",
    ),
    Question(
        "items",
        "special_price",
        Fault.OFFER_INCOMPLETE,
        """
        select row, special_price from staged_items where not is_bad and special_price is not null
        and (special_starts_at < special_ends_at) is not true""",
    ),
    Question(
        "items",
        "parent_id",
        Fault.PARENT_IS_VARIANT,
        """
        select row, parent_id from staged_items where not is_bad
        and parent_id in (select item_id from staged_items where not is_bad and parent_id is not null)""",
    ),
    Question(
        "items",
        "parent_id",
        Fault.UNKNOWN_PARENT_ITEM,
        """
        select row, parent_id from staged_items where not is_bad and parent_id is not null
        and row not in (select row from bad_rows where file = 'items')
        and parent_id not in (
            select item_id from staged_items
            where not is_bad and item_id is not null and row not in (select row from bad_rows where file = 'items')
            union all select sku from known_products
        )""",
    ),
    Question(
        "orders",
        "price",
        Fault.NO_AMOUNT,
        "select row, null from lines where not is_bad and quantity > 0 and amount is null",
    ),
    Question("orders", "price", Fault.NEGATIVE, "select row, given_price from lines where given_price < 0"),
    Question(
        "orders",
        "amount",
        Fault.NEGATIVE,
        "select row, given_amount from lines where given_amount < 0 and quantity > 0",
    ),
    Question(
        "orders",
        "amount",
        Fault.TOO_LARGE,
        f"""
        select row, total from facts where total >= {LARGEST_AMOUNT}""",  # noqa: S608 - a number
    ),
    Question(
        "orders",
        "order_id",
        Fault.ORDER_TOO_LONG,
        f"select row, external_id from facts where lines > {MOST_LINES}",  # noqa: S608 - a number
    ),
    Question(
        "orders",
        "user_id",
        Fault.OTHER_USER,
        """
        select row, user_id from (
            select row, user_id, first_value(user_id) over (partition by order_id order by row) as first_user
            from lines where not is_bad and order_id in (
                select order_id from lines where not is_bad group by order_id having min(user_id) <> max(user_id)))
        where user_id <> first_user""",
    ),
    Question(
        "orders",
        "order_id",
        Fault.ORDER_CHANGED,
        """
        select facts.row, external_id from facts inner join known_facts as known using (external_id)
        where (facts.digest, facts.lines, facts.user_id, facts.ordered_at)
            <> (known.digest, known.lines, known.user_id, known.ordered_at)""",
    ),
    Question(
        "orders",
        "item_id",
        Fault.UNKNOWN_ITEM,
        f"""
        select row, item_id from lines where not is_bad and item_id not in ({_KNOWN_ITEMS})""",  # noqa: S608 - our own
        keeps_row=True,
        only_with=("items",),
    ),
    *(
        Question(
            "actions",
            column,
            Fault.INCOMPLETE_ACTION,
            f"select row, {column} from new_actions where {column} is null and action_type in ({_needing(field)})",  # noqa: S608 - our own
        )
        for column, field in _NEEDED.items()
    ),
    Question(
        "actions",
        "item_id",
        Fault.UNKNOWN_ITEM,
        f"""
        select row, item_id from new_actions where item_id is not null
        and item_id not in ({_KNOWN_ITEMS} union all select sku from sold)""",  # noqa: S608 - our own
    ),
    Question(
        "actions",
        "category_id",
        Fault.UNKNOWN_CATEGORY,
        _UNKNOWN_CATEGORY.format(table="new_actions", condition=""),
    ),
    Question(
        "actions",
        "action_id",
        Fault.REPEATED,
        """
        select row, source_id from new_actions
        qualify content <> first_value(content) over (partition by source_id order by row)""",
        only_with=("actions",),
    ),
    Question(
        "actions",
        "action_id",
        Fault.ACTION_CHANGED,
        """
        select new.row, new.source_id from new_actions as new inner join known_actions as known using (source_id)
        where (new.user_id, new.action_type, new.occurred_at)
            is distinct from (known.user_id, known.action_type, known.occurred_at)
        or new.item_id is distinct from known.sku or new.keyword is distinct from known.keyword""",
        only_with=("actions",),
    ),
)
