"""Checks across rows and files, in DuckDB, which has a memory limit and spills to disk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl

from shop_import import questions
from shop_import.categories import Category, code_of, tree
from shop_import.columns import FILES
from shop_import.findings import BadRow, Fault, Findings
from shop_import.folder import TABLES, write_table
from shop_import.questions import Question

MEMORY = "1GB"
FETCHED = 10_000


@contextmanager
def opened(draft: Path, known: Sequence[Path], minor_digits: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the staged files as `staged_*`, earlier imports as `known_*`, and derived tables.

    Args:
        draft: the directory of the staged files, also for spilling.
        known: the earlier import folders of this shop.
        minor_digits: the decimals of the currency.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(draft / "spilled"),
        "preserve_insertion_order": "false",
    }
    with duckdb.connect(config=settings) as connection:
        connection.execute("set timezone = 'UTC'")
        for name in FILES:
            connection.read_parquet(str(draft / f"{name}.parquet")).create_view(f"staged_{name}")
        nothing = draft / "nothing"
        nothing.mkdir()
        for name in TABLES:
            write_table(nothing, name, pl.DataFrame(schema=TABLES[name]))
            files = [str(file) for folder in (*known, nothing) if (file := folder / f"{name}.parquet").exists()]
            connection.read_parquet(files, filename=True, union_by_name=True).create_view(f"known_{name}")
        for statement in questions.TABLES:
            connection.execute(statement.format(minor_digits=minor_digits))
        yield connection


def check(connection: duckdb.DuckDBPyConnection, there: Sequence[str], repeated: str, findings: Findings) -> None:
    """Find rows that contradict others; they go to the table `bad_rows`, except orders of unknown items.

    Args:
        connection: from `opened`.
        there: the names of the given files.
        repeated: whether a repeated item is refused, or the last one wins.
        findings: receives the faults.
    """
    _check_categories(connection, findings)
    for question in questions.QUESTIONS:
        if set(question.only_with) <= {*there, f"repeated:{repeated}"}:
            _ask(connection, question, findings)
    connection.execute(questions.LEFT_OUT)


def _ask(connection: duckdb.DuckDBPyConnection, question: Question, findings: Findings) -> None:
    connection.execute(f"create or replace temp table found as {question.sql}")
    answer = connection.execute("select * from found order by 1")
    while rows := answer.fetchmany(FETCHED):
        findings.add(BadRow(question.file, row, question.column, _text(value), question.fault) for row, value in rows)
    if not question.keeps_row:
        connection.execute("insert into bad_rows select ?, row from found", [question.file])


def _text(value: str | Decimal | None) -> str | None:
    """A value as people write it: an amount without the zeros that its type adds."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _check_categories(connection: duckdb.DuckDBPyConnection, findings: Findings) -> None:
    """Fill `codes` with the path and the name of every category; they fit in memory."""
    rows = connection.execute(
        "select row, category_id, name, parent_id from staged_categories where not is_bad order by row"
    ).fetchall()
    by_id: dict[str, Category] = {}
    for category in (Category(*row) for row in rows):
        first = by_id.setdefault(category.category_id, category)
        if (first.name, first.parent_id) != (category.name, category.parent_id):
            _bad(connection, findings, category, "category_id", category.category_id, Fault.REPEATED)
    codes = {}
    for category in by_id.values():
        if (code := code_of(category, by_id)) is not None:
            codes[category.category_id] = code
        else:
            fault = Fault.CATEGORY_CYCLE if category.parent_id in by_id else Fault.UNKNOWN_PARENT
            _bad(connection, findings, category, "parent_id", category.parent_id, fault)
    named = {code: name for key, code in codes.items() if (name := by_id[key].name)}
    known = dict(connection.execute(questions.KNOWN_CATEGORIES).fetchall())
    derived = [] if by_id else [path for (path,) in connection.execute(questions.ITEM_PATHS).fetchall()]
    names = tree([*codes.values(), *known, *derived], {**known, **named})
    pairs = [*codes.items(), *((code, code) for code in names if code not in codes)]
    table = [(key, code, names[code]) for key, code in pairs]
    connection.execute("create table codes (category_id text, code text, name text)")
    if table:
        connection.executemany("insert into codes values (?, ?, ?)", table)


def _bad(
    connection: duckdb.DuckDBPyConnection,
    findings: Findings,
    category: Category,
    column: str,
    value: str | None,
    fault: Fault,
) -> None:
    findings.add([BadRow("categories", category.row, column, value, fault)])
    connection.execute("insert into bad_rows values ('categories', ?)", [category.row])
