"""Seconds to bring all marts out of the warehouse as Parquet files with a DuckDB database over them.

The reference reads the same columns of the same rows by connectorx into memory, and writes nothing. The two take turns;
the best of each counts.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import connectorx

from benchmarks.measure import in_turns
from benchmarks.report import Figure, Options, at_most, run, tell
from benchmarks.state import parts
from warehouse.extracts import Manifest, extract

SECONDS: Final = at_most(2)


def measure(options: Options) -> Iterator[Figure]:
    """The seconds, on the whole data's marts."""
    with parts(options.state, "postgres") as environment:
        url = environment.variables["WAREHOUSE_PIPELINES_URL"]
        yield compare(url, rounds=1 if options.small else 3)


def compare(url: str, *, rounds: int) -> Figure:
    """The extract beside connectorx, on any warehouse with marts."""
    with tempfile.TemporaryDirectory(prefix="tanawari-extract-") as name:
        manifest = extract(url, Path(name))
        tell(f"{len(manifest.tables)} marts, {sum(table.rows for table in manifest.tables.values()):,} rows")
        ours, theirs = in_turns(
            lambda: _seconds_of_extract(url, Path(name)), lambda: _seconds_of_reading(url, manifest), rounds=rounds
        )
    return Figure.chosen("all marts", "s", SECONDS, ours, theirs, by=min)


def _seconds_of_extract(url: str, directory: Path) -> float:
    started = time.perf_counter()
    extract(url, directory)
    return _told("extract", started)


def _seconds_of_reading(url: str, manifest: Manifest) -> float:
    started = time.perf_counter()
    for name, table in manifest.tables.items():
        schema, bare = name.split(".")
        columns = ", ".join(f'"{column}"' for column in table.columns)
        connectorx.read_sql(url, f'select {columns} from "{schema}"."{bare}"', return_type="arrow")  # noqa: S608 - ours
    return _told("connectorx", started)


def _told(what: str, started: float) -> float:
    seconds = time.perf_counter() - started
    tell(f"{what}: {seconds:.1f} s")
    return seconds


if __name__ == "__main__":
    run("extract", measure, __doc__)
