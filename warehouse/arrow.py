"""Reads a Postgres query as Arrow, with COPY and Arrow's CSV reader: in bounded batches, or as a whole."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

BLOCK_BYTES = 8 * 1024 * 1024

_TYPES = {
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "timestamp without time zone": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Column:
    """A column as `information_schema.columns` describes it."""

    name: str
    data_type: str
    precision: int | None
    scale: int | None


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """The Arrow schema; a numeric without a precision becomes a float, an unknown type text."""
    return pa.schema([(column.name, _type_of(column)) for column in columns])


def stream(connection: psycopg.Connection, query: sql.Composable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a query, batch by batch.

    Args:
        connection: in a transaction, which provides the snapshot; its time zone must be UTC.
        query: selects the columns of `schema`, in its order.
        schema: made by `schema_of`.
    """
    connection.execute("set local timezone to 'UTC'")
    with (
        connection.cursor().copy(sql.SQL("copy ({}) to stdout (format csv)").format(query)) as copy,
        io.BufferedReader(_CopyStream(copy), BLOCK_BYTES) as rows,  # closed first: a thread of Arrow's reads ahead
    ):
        if not rows.peek(1):  # Arrow treats an empty file as an error
            return
        yield from csv.open_csv(
            rows,
            read_options=csv.ReadOptions(column_names=schema.names, block_size=BLOCK_BYTES, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=_conversion(schema),
        )


def read(connection: psycopg.Connection, query: str) -> pa.Table:
    """All rows of a query that fits in memory as text: half the work of `stream`, because all cores parse it."""
    connection.execute("set local timezone to 'UTC'")
    head = f"select * from ({query}) as rows limit 0"  # noqa: S608 - the query is our own
    described = connection.execute(head.encode()).description or ()
    schema = schema_of([_described(connection, column) for column in described])
    text = io.BytesIO()
    with connection.cursor().copy(f"copy ({query}) to stdout (format csv)".encode()) as copy:
        for piece in copy:
            text.write(piece)
    if not text.tell():  # Arrow treats an empty file as an error
        return schema.empty_table()
    text.seek(0)
    return csv.read_csv(
        text,
        read_options=csv.ReadOptions(column_names=schema.names),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=_conversion(schema),
    )


def _conversion(schema: pa.Schema) -> csv.ConvertOptions:
    return csv.ConvertOptions(
        column_types=schema,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,  # an empty text is quoted, a null is not
        true_values=["t"],
        false_values=["f"],
    )


def _described(connection: psycopg.Connection, column: psycopg.Column) -> Column:
    kind = connection.adapters.types.get(column.type_code)
    return Column(column.name, kind.regtype if kind else "", column.precision, column.scale)


def _type_of(column: Column) -> pa.DataType:
    if column.data_type == "numeric":
        return pa.decimal128(column.precision, column.scale) if column.precision else pa.float64()
    return _TYPES.get(column.data_type, pa.string())


class _CopyStream(io.RawIOBase):
    """The output of COPY as a file: it comes by the row, and is passed on by the block."""

    def __init__(self, copy: psycopg.Copy) -> None:
        self._rows = iter(copy)
        self._waiting = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # narrower than any writable buffer
        waiting = self._waiting
        while len(waiting) < len(buffer) and (row := next(self._rows, b"")):
            waiting += row
        size = min(len(buffer), len(waiting))
        buffer[:size] = waiting[:size]
        del waiting[:size]
        return size
