"""Reads files as chunks of text: whatever the format, every value becomes the text that a CSV would have."""

import codecs
import csv
import gzip
import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl
import pyarrow.parquet as pq

from shop_import.folder import FolderError
from shop_import.mapping import FileMapping

CHUNK_ROWS = 50_000
PROBE_BYTES = 1 << 20
ENCODINGS = ("utf-8", "cp932")
UNASSIGNED = frozenset("\x80\uf8f0\uf8f1\uf8f2\uf8f3")
"""The characters that Python returns for unassigned CP932 bytes."""
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
DELIMITERS = {",": "comma", "\t": "tab", ";": "semicolon"}
ENDINGS = (".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
FLOAT_DECIMALS = 6
"""Digits of a float to keep; the rest is noise: 15.299999999999999 means 15.3."""


@dataclass(frozen=True)
class Chunk:
    """Some rows: `table` has the column `row` and a text column for each requested column.

    Attributes:
        broken: numbers of the rows that could not be read.
    """

    table: pl.DataFrame
    broken: Sequence[int]


@dataclass(frozen=True)
class Source:
    """One file of a shop, and how it is read.

    Attributes:
        read_as: how, in words, including what was detected.
        columns: the file's columns.
    """

    path: Path
    kind: str
    read_as: str
    columns: tuple[str, ...]
    encoding: str = "utf-8"
    delimiter: str = ","

    def chunks(self, wanted: Sequence[str]) -> Iterator[Chunk]:
        """The rows in order, with the requested columns."""
        read = {"parquet": self._parquet, "csv": self._csv, "ndjson": self._ndjson}[self.kind]
        return read(list(wanted))

    def _csv(self, wanted: list[str]) -> Iterator[Chunk]:
        with self._text() as text:
            rows = csv.reader(text, delimiter=self.delimiter, strict=True)
            next(rows)
            start, width = 2, len(self.columns)
            while batch := _batch(rows, width):
                numbers: Sequence[int] = range(start, start + len(batch))
                start += len(batch)
                broken: list[int] = []
                if set(map(len, batch)) != {width}:  # an empty line is not a row
                    broken = [number for number, row in zip(numbers, batch, strict=True) if len(row) not in {0, width}]
                    numbers = [number for number, row in zip(numbers, batch, strict=True) if len(row) == width]
                    batch = [row for row in batch if len(row) == width]
                columns = list(zip(*batch, strict=True)) or [()] * width
                yield Chunk(_table(numbers, {name: columns[self.columns.index(name)] for name in wanted}), broken)

    def _ndjson(self, wanted: list[str]) -> Iterator[Chunk]:
        with self._text() as text:
            numbered = enumerate(text, start=1)
            while batch := list(itertools.islice(numbered, CHUNK_ROWS)):
                good, broken = [], []
                for number, line in batch:
                    if line.strip():
                        content = _object(line)
                        broken.append(number) if content is None else good.append((number, content))
                values = {name: [_text_of(content.get(name)) for _, content in good] for name in wanted}
                yield Chunk(_table([number for number, _ in good], values), broken)

    def _parquet(self, wanted: list[str]) -> Iterator[Chunk]:
        start = 1
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(CHUNK_ROWS, columns=wanted):
                table = pl.DataFrame(pl.from_arrow(batch)).select(_texts(batch.num_rows, start, wanted))
                yield Chunk(table, [])
                start += batch.num_rows

    def _text(self) -> IO[str]:
        return _open(self.path, self.encoding)


def find(folder: Path, name: str, mapping: FileMapping) -> Path | None:
    """Find a file: by the mapping, else by its documented name; None if it is missing.

    Raises:
        FolderError: the file that the mapping names is missing, or several could be meant.
    """
    if mapping.file is not None:
        path = folder / mapping.file
        if not path.is_file():
            there = ", ".join(sorted(entry.name for entry in folder.iterdir() if entry.is_file()))
            raise FolderError(
                f"the mapping names {mapping.file} for {name}, which is not in {folder}; available: {there}"
            )
        return path
    found = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise FolderError(f"{folder} has {names}: select one with {name}.file in the mapping")
    return found[0] if found else None


def open_source(path: Path, mapping: FileMapping) -> Source:
    """Detect a file's format, encoding, delimiter and columns.

    Raises:
        FolderError: it cannot be read; the message names the remedy.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    plain = suffixes[:-1] if suffixes[-1:] == [".gz"] else suffixes
    ending = plain[-1] if plain else ""
    try:
        if ending == ".parquet":
            return Source(path, "parquet", "Parquet", tuple(pq.read_schema(path).names))
        encoding, detected = (mapping.encoding, "given") if mapping.encoding else (_encoding(path), "detected")
        told = f"{encoding.upper()} ({detected})"
        if ending in {".ndjson", ".jsonl"}:
            return Source(path, "ndjson", f"NDJSON, {told}", _keys(path, encoding), encoding)
        if ending in {".csv", ".tsv", ".txt"}:
            return _csv_source(path, encoding, told, mapping.delimiter)
    except FolderError:
        raise
    except LookupError as error:
        raise FolderError(f"{path.name}: {mapping.encoding} is not a known encoding; write e.g. cp932") from error
    except UnicodeDecodeError as error:
        raise not_decoded(path, error) from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise FolderError(f"{path.name} cannot be read: {error}") from error
    raise FolderError(
        f"{path.name} has no known format: use .parquet, .csv, .tsv or .ndjson, the last three also with .gz"
    )


def not_decoded(path: Path, error: UnicodeDecodeError) -> FolderError:
    """What to say of a file whose bytes are not text in the encoding it was read in."""
    return FolderError(
        f"{path.name} is not {error.encoding} from byte {error.start} on: set `encoding:` in the mapping"
    )


def _csv_source(path: Path, encoding: str, told: str, given: str | None) -> Source:
    with _open(path, encoding) as text:
        header = text.readline()
    delimiter = given or max(DELIMITERS, key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    if not any(names):
        raise FolderError(f"{path.name} is empty: the first line must have the column names")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FolderError(f"{path.name} has the column {twice[0]!r} twice")
    how = f"CSV, {told}, {DELIMITERS.get(delimiter, repr(delimiter))} ({'given' if given else 'detected'})"
    return Source(path, "csv", how, tuple(names), encoding, delimiter)


def _open(path: Path, encoding: str) -> IO[str]:
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    return opened(path, "rt", encoding=encoding, newline="")


def _encoding(path: Path) -> str:
    """The first encoding that decodes the whole file."""
    opened: Any = gzip.open if path.suffix.lower() == ".gz" else open
    with opened(path, "rb") as file:
        start = file.read(4)
    for mark, encoding in MARKS.items():
        if start.startswith(mark):
            return encoding
    for encoding in ENCODINGS:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with opened(path, "rb") as file:
                while block := file.read(PROBE_BYTES):
                    if not UNASSIGNED.isdisjoint(decoder.decode(block)):
                        break
                else:
                    decoder.decode(b"", final=True)
                    return encoding
        except UnicodeDecodeError:
            continue
    raise FolderError(f"{path.name} is neither UTF-8 nor CP932: set `encoding:` in the mapping, or save it as UTF-8")


def _keys(path: Path, encoding: str) -> tuple[str, ...]:
    """All keys of the first rows, because a row may omit keys."""
    with _open(path, encoding) as text:
        objects = [_object(line) or {} for line in itertools.islice(text, CHUNK_ROWS)]
    return tuple(dict.fromkeys(key for each in objects for key in each))


def _batch(rows: Iterator[list[str]], width: int) -> list[list[str]]:
    """The next rows; an invalid row has too many fields."""
    batch: list[list[str]] = []
    while len(batch) < CHUNK_ROWS:
        try:
            batch.extend(itertools.islice(rows, CHUNK_ROWS - len(batch)))
        except csv.Error:
            batch.append([""] * (width + 1))
        else:
            break
    return batch


def _object(line: str) -> dict[str, Any] | None:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return content if isinstance(content, dict) else None


def _text_of(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        rounded = round(value, FLOAT_DECIMALS)
        return str(int(rounded)) if rounded.is_integer() else str(rounded)
    return str(value) if isinstance(value, int) else orjson.dumps(value).decode()


def _table(numbers: Sequence[int], values: Mapping[str, Sequence[str | None]]) -> pl.DataFrame:
    columns = [pl.Series("row", numbers, pl.Int64)]
    return pl.DataFrame([*columns, *(pl.Series(name, column, pl.String) for name, column in values.items())])


def _texts(rows: int, start: int, wanted: list[str]) -> list[pl.Expr | pl.Series]:
    """The columns of a Parquet file as text; times with a zone are written in UTC with an offset."""
    numbers = pl.int_range(start, start + rows, dtype=pl.Int64).alias("row")
    return [numbers, *(_as_text(name) for name in wanted)]


def _as_text(name: str) -> pl.Expr:
    return pl.col(name).map_batches(_series_as_text, return_dtype=pl.String)


def _series_as_text(series: pl.Series) -> pl.Series:
    kind = series.dtype
    if kind.is_float():
        rounded = series.cast(pl.Float64).round(FLOAT_DECIMALS)
        whole = (rounded == rounded.floor()) & (rounded.abs() < float(1 << 53))
        return pl.select(
            pl.when(rounded.is_nan())
            .then(None)
            .when(whole)
            .then(rounded.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(rounded.cast(pl.String))
        ).to_series()
    if isinstance(kind, pl.Datetime):
        if kind.time_zone:
            return series.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00")
        return series.dt.strftime("%Y-%m-%d %H:%M:%S%.6f")
    return series.cast(pl.String)
