from datetime import UTC, datetime
from decimal import Decimal

import psycopg

from warehouse.arrow import read

ROWS = """
select * from (values
    (1::bigint, 'a "quoted", text', true, 1.50::numeric(9, 2), '2026-01-01 09:00+09'::timestamptz),
    (2, '', false, null, null),
    (3, null, null, null, null)
) as rows (number, text, truth, price, at)
"""


def test_rows_are_read_with_their_types_and_an_empty_text_is_no_null(warehouse):
    with psycopg.connect(warehouse.pipelines) as connection:
        table = read(connection, ROWS).to_pydict()
    assert table == {
        "number": [1, 2, 3],
        "text": ['a "quoted", text', "", None],
        "truth": [True, False, None],
        "price": [Decimal("1.50"), None, None],
        "at": [datetime(2026, 1, 1, tzinfo=UTC), None, None],
    }


def test_a_query_without_rows_still_has_its_columns(warehouse):
    with psycopg.connect(warehouse.pipelines) as connection:
        table = read(connection, f"{ROWS} where number > 3")
    assert (table.num_rows, table.column_names) == (0, ["number", "text", "truth", "price", "at"])
