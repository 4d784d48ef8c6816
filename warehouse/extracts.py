"""Extracts the marts: one Parquet file per table, and `tanawari.duckdb` with a view on each.

`<directory>/<extract>/` is one complete, immutable extract: one directory of files per schema, the database, and
`manifest.json`. The link `<directory>/current` is moved to it at the very end, so that a reader sees the previous
extract or this one; an open extract stays usable for a day, after which a newer one removes it. All tables are
consistent: they are read in one snapshot. The views use absolute paths: if an extract was moved, read its files.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg
from psycopg import IsolationLevel, sql
from pyarrow import parquet

from warehouse.arrow import Column, schema_of, stream

VERSION = 1
SCHEMAS = ("core", "behaviour", "merchandising", "recommendation")
CURRENT = "current"
DATABASE = "tanawari.duckdb"
MANIFEST = "manifest.json"
NAME = "%Y%m%dT%H%M%S%fZ"
"""An extract is named by its start time."""
_NAMED = re.compile(r"[0-9]{8}T[0-9]{12}Z")

_BETWEEN_RUNS = "select pg_advisory_lock_shared(hashtextextended('transformation.runs', 0))"
"""No run of dbt goes on meanwhile. In a snapshot of before, a table that took another's place would be empty."""

_COLUMNS = """
select table_schema, table_name, column_name, data_type, numeric_precision, numeric_scale
from information_schema.columns
where table_schema = any(%s) and has_table_privilege(format('%%I.%%I', table_schema, table_name), 'select')
    and table_name !~ '__dbt_(tmp|backup)$'
order by table_schema, table_name, ordinal_position
"""
"""All marts; what a killed run of dbt left beside one is none, and its personal columns go by another name."""


class DiskFullError(Exception):
    """The disk is full; the current extract is unchanged, and no files of the new one remain."""


@dataclass(frozen=True)
class Table:
    """One file of an extract; `left_out` are the table's columns that the file lacks."""

    rows: int
    sha256: str
    bytes: int
    columns: dict[str, str]
    left_out: list[str]


@dataclass(frozen=True)
class Manifest:
    """The content of an extract; `cut` is the time of the snapshot, `tables` are keyed by `schema.table`."""

    extract: str
    cut: str
    version: int = VERSION
    tables: dict[str, Table] = field(default_factory=dict)


def extract(
    url: str, directory: Path, *, keep: timedelta = timedelta(days=1), left_out: Collection[str] = ()
) -> Manifest:
    """Write a new extract of all marts that the role may read, make it the current one, and prune old ones.

    Args:
        url: the warehouse, as the analyst's or the pipelines' role.
        directory: the directory of extracts; created if missing.
        keep: how long an extract is kept after it was replaced.
        left_out: columns that stay in the warehouse, as `schema.table.column`.

    Raises:
        DiskFullError: the disk is full.
    """
    moment = datetime.now(UTC)
    target = directory / moment.strftime(NAME)
    target.mkdir(parents=True)
    try:
        tables = _write_all(url, target, left_out)
        _make_views(target, tables)
        manifest = Manifest(target.name, moment.isoformat(), tables=tables)
        (target / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n")
        _switch(directory, target)
    except BaseException as error:
        shutil.rmtree(target)
        if _is_full(error):
            raise DiskFullError(f"no space for the extract in {directory}: free some, and run it again") from error
        raise
    _prune(directory, moment - keep)
    return manifest


def _write_all(url: str, target: Path, left_out: Collection[str]) -> dict[str, Table]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_BETWEEN_RUNS)
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            marts: dict[tuple[str, str], list[Column]] = {}
            for schema, table, *column in connection.execute(_COLUMNS, (list(SCHEMAS),)):
                marts.setdefault((schema, table), []).append(Column(*column))
            names = {".".join(name): (name, columns) for name, columns in marts.items()}
            return {name: _write(connection, *mart, target, left_out) for name, mart in names.items()}


def _write(
    connection: psycopg.Connection,
    name: tuple[str, str],
    columns: list[Column],
    target: Path,
    left_out: Collection[str],
) -> Table:
    kept = [column for column in columns if ".".join((*name, column.name)) not in left_out]
    path = target.joinpath(*name).with_suffix(".parquet")
    path.parent.mkdir(exist_ok=True)
    schema = schema_of(kept)
    query = sql.SQL("select {} from {}").format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in kept), sql.Identifier(*name)
    )
    rows = 0
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in stream(connection, query, schema):
            writer.write_batch(batch)
            rows += batch.num_rows
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    types = {column.name: str(column.type) for column in schema}
    return Table(rows, digest, path.stat().st_size, types, [column.name for column in columns if column not in kept])


def _make_views(target: Path, tables: dict[str, Table]) -> None:
    with duckdb.connect(str(target / DATABASE)) as database:
        for name in tables:
            schema, table = name.split(".")
            file = str(target.resolve() / schema / f"{table}.parquet").replace("'", "''")
            database.execute(f'create schema if not exists "{schema}"')
            database.execute(f'create view "{schema}"."{table}" as select * from read_parquet(\'{file}\')')  # noqa: S608


def _switch(directory: Path, target: Path) -> None:
    link = directory / f".{target.name}"
    link.symlink_to(target.name)
    os.replace(link, directory / CURRENT)  # noqa: PTH105


def _is_full(error: BaseException) -> bool:
    """Whether a full disk is the cause, from Python, Arrow or DuckDB."""
    words = os.strerror(errno.ENOSPC)
    return isinstance(error, OSError | duckdb.Error) and words in str(error)


def _prune(directory: Path, before: datetime) -> None:
    """Remove extracts that another one replaced before then, unfinished ones, and nothing else that is kept there."""
    found = [path for path in directory.iterdir() if _NAMED.fullmatch(path.name)]
    extracts = sorted(path for path in found if path.is_dir() and not path.is_symlink())
    complete = [path.name for path in extracts if (path / MANIFEST).exists()]
    for path in extracts:
        ended = next((name for name in complete if name > path.name), CURRENT) if path.name in complete else path.name
        if ended < before.strftime(NAME):
            shutil.rmtree(path)
