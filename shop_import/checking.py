"""Reads a shop's files row by row: values go to one Parquet file each, faults to the findings."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from shop_import import attributes, reading, values
from shop_import.columns import FILES, Column, File
from shop_import.findings import BadRow, Fault, Findings
from shop_import.folder import FolderError
from shop_import.mapping import FileMapping, Shop
from shop_import.mapping import Mapping as ShopMapping
from shop_import.reading import Chunk, Source

Progress = Callable[[int], None]


@dataclass(frozen=True)
class ShopFolder:
    """An inspected shop folder: every file has its required columns.

    Attributes:
        places: for each file, our column -> the shop's column.
        attributes: the shop's columns of attributes of items, by code.
        now: later times are in the future.
    """

    path: Path
    mapping: ShopMapping
    shop: Shop
    sources: Mapping[str, Source]
    places: Mapping[str, Mapping[str, str]]
    attributes: Mapping[str, str]
    now: datetime

    def stage(self, directory: Path, findings: Findings, progress: Progress) -> None:
        """Read all files into one Parquet file each; a missing file becomes an empty one.

        Each has `row`, our columns and `is_bad`; missing or bad values are null.
        """
        for name, file in FILES.items():
            schema = staged_schema(file)
            empty = pl.DataFrame(schema=schema).to_arrow()
            with closing(pq.ParquetWriter(directory / f"{name}.parquet", empty.schema)) as output:
                source = self.sources.get(name)
                if source is None:
                    output.write_table(empty)
                    continue
                rows = 0
                of_attributes = self.attributes.values() if name == "items" else ()
                for chunk in _read(source, sorted({*self.places[name].values(), *of_attributes})):
                    staged = self._check(file, chunk, findings)
                    output.write_table(
                        staged.select(pl.col(column).cast(kind) for column, kind in schema.items())
                        .to_arrow()
                        .cast(empty.schema)
                    )
                    rows += len(staged)
                    progress(len(staged))
                findings.files[name] = {"file": source.path.name, "rows": rows, "read_as": source.read_as}

    def _limit(self, fault: Fault) -> str | None:
        return self.shop.currency if fault is Fault.TOO_PRECISE else None

    def _check(self, file: File, chunk: Chunk, findings: Findings) -> pl.DataFrame:
        findings.add(BadRow(file.name, row, "row", None, Fault.ROW_BROKEN) for row in chunk.broken)
        mapping = self.mapping.of(file.name)
        how = values.Reading(self.shop, mapping, self.now)
        texts: dict[Column, pl.Expr] = {
            file.column(ours): pl.col(theirs) for ours, theirs in self.places[file.name].items()
        }
        texts |= {file.column(ours): pl.lit(_written(value)) for ours, value in mapping.constants.items()}
        if file.name == "items" and self.attributes:
            texts[file.column("attributes")] = attributes.encoded(self.attributes)
        read = values.read(chunk.table, texts, how)
        findings.add(
            BadRow(file.name, row, column, value, Fault[fault], self._limit(Fault[fault]))
            for row, column, value, fault in read.bad.iter_rows()
        )
        findings.counts["times_in_a_skipped_hour"] += read.skipped
        findings.counts["times_in_a_repeated_hour"] += read.repeated
        absent = [column for column in file.columns if column not in texts]
        broken = pl.DataFrame(
            {"row": list(chunk.broken), "is_bad": [True] * len(chunk.broken)}, {"row": pl.Int64, "is_bad": pl.Boolean}
        )
        whole = read.table.with_columns(pl.lit(None, values.type_of(column)).alias(column.name) for column in absent)
        return pl.concat([whole, broken], how="diagonal")


def staged_schema(file: File) -> dict[str, pl.DataType | type[pl.DataType]]:
    """The columns of a staged file."""
    return {"row": pl.Int64, **{column.name: values.type_of(column) for column in file.columns}, "is_bad": pl.Boolean}


def look_at(path: Path, mapping: ShopMapping, shop: Shop, *, now: datetime) -> ShopFolder:
    """Find the files of a folder and their columns, before a row is read.

    Raises:
        FolderError: a file or a column is missing; the message names it and similar ones.
    """
    sources, places = {}, {}
    for name, file in FILES.items():
        found = reading.find(path, name, mapping.of(name))
        if found is None:
            if file.required:
                endings = ", ".join(reading.ENDINGS)
                raise FolderError(
                    f"{path} has no {name} file: name it {name} with one of the extensions {endings}, "
                    f"or set {name}.file in mapping.yaml"
                )
            continue
        sources[name] = reading.open_source(found, mapping.of(name))
        places[name] = _places(file, sources[name], mapping.of(name))
    items = sources.get("items")
    of_attributes = attributes.columns(items.columns, mapping.items.columns) if items else {}
    return ShopFolder(path, mapping, shop, sources, places, of_attributes, now)


def _places(file: File, source: Source, mapping: FileMapping) -> dict[str, str]:
    there = source.columns
    if gone := [theirs for theirs in mapping.columns.values() if theirs not in there]:
        near = get_close_matches(gone[0], there, n=3, cutoff=0.4)
        raise FolderError(
            f"{source.path.name} has no column {gone[0]!r}, which the mapping names; "
            f"similar: {', '.join(near) or 'none'}; available: {', '.join(there)}"
        )
    places = {}
    for column in file.columns:
        theirs = mapping.columns.get(column.name, column.name)
        if theirs in there and column.name not in mapping.constants:
            places[column.name] = theirs
    missing = [c for c in file.columns if c.required and c.name not in places and c.name not in mapping.constants]
    if file.name == "orders" and not {"price", "amount"} & {*places, *mapping.constants}:
        missing.append(file.column("price"))
    if missing:
        left = [name for name in there if name not in places.values()]
        told = "; ".join(f"{column.name} ({_candidates(column, left)})" for column in missing)
        raise FolderError(
            f"{source.path.name} lacks columns: {told}. Available: {', '.join(there)}. "
            f"Name them in mapping.yaml under {file.name}.columns"
        )
    return places


def _candidates(column: Column, left: Sequence[str]) -> str:
    """Suggest unused columns that may be the missing one."""
    plain = {"".join(filter(str.isalnum, name)).lower(): name for name in left}
    own = column.name.replace("_", "")
    likely = [plain[name] for name in (own, *column.likely) if name in plain]
    found = likely or [plain[name] for name in get_close_matches(own, plain, n=2)]
    return f"perhaps {' or '.join(found)}" if found else "no similar column"


def _read(source: Source, wanted: list[str]) -> Iterator[Chunk]:
    try:
        yield from source.chunks(wanted)
    except UnicodeDecodeError as error:
        raise reading.not_decoded(source.path, error) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise FolderError(f"{source.path.name} cannot be read to its end: {error}") from error


def _written(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
