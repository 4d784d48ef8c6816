from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pyarrow as pa
from psycopg import sql

from warehouse import arrow
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


def test_who_stops_reading_before_the_end_leaves_no_thread_that_reads_on_when_the_copy_ends(warehouse, monkeypatch):
    streams, were_closed, end = [], [], psycopg.Copy.__exit__

    class Noted(arrow._CopyStream):
        def __init__(self, copy):
            super().__init__(copy)
            streams.append(self)

    def ending(copy, *error):
        were_closed.append(streams[0].closed)
        return end(copy, *error)

    monkeypatch.setattr(arrow, "_CopyStream", Noted)
    monkeypatch.setattr(psycopg.Copy, "__exit__", ending)
    with psycopg.connect(warehouse.pipelines) as connection:
        query = sql.SQL("select repeat('x', 1000) as text from generate_series(1, 20000)")
        batches = arrow.stream(connection, query, pa.schema([("text", pa.string())]))
        next(batches)
        batches.close()
    assert were_closed == [True]
