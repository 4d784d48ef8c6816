"""Parses a chunk's text into values and faults, by column, because there are millions of rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from services.contracts.envelope import MAX_QUANTITY, OLDEST, YOUNGEST
from services.contracts.string_formats import ADDRESS_BYTES, IMAGE_ADDRESS
from shop_import.columns import ACTION_TYPES, Column, Kind
from shop_import.findings import Fault
from shop_import.folder import MONEY, TIME
from shop_import.mapping import FileMapping, Shop

MONEY_DIGITS = 12
GAP = timedelta(hours=1)
"""A time in the hour that clocks skip in spring is moved by this."""
YES, NO = ("true", "1", "yes", "y", "t"), ("false", "0", "no", "n", "f")
TYPES: dict[Kind, pl.DataType | type[pl.DataType]] = {
    Kind.MONEY: MONEY,
    Kind.COUNT: pl.Int64,
    Kind.CHANGE: pl.Int64,
    Kind.TIME: TIME,
    Kind.FLAG: pl.Boolean,
}
PATHS = ("category_id", "parent_id")

Conditions = list[tuple[pl.Expr, Fault]]


@dataclass(frozen=True)
class Reading:
    """What parsing a column depends on besides its text."""

    shop: Shop
    mapping: FileMapping
    now: datetime


@dataclass(frozen=True)
class Values:
    """The parsed content of a chunk.

    Attributes:
        table: row, the values (null if missing or bad) and `is_bad`.
        bad: one row per bad value: row, column, value, fault (its name).
        skipped: number of local times in an hour that the clocks skip.
        repeated: number of local times in an hour that occurs twice.
    """

    table: pl.DataFrame
    bad: pl.DataFrame
    skipped: int
    repeated: int


def type_of(column: Column) -> pl.DataType | type[pl.DataType]:
    """The type of a column's values."""
    return TYPES.get(column.kind, pl.String)


def read(chunk: pl.DataFrame, columns: Mapping[Column, pl.Expr], reading: Reading) -> Values:
    """Read the columns of a chunk.

    Args:
        chunk: the column `row`, and text.
        columns: the text expression of each column.
        reading: the settings of the file.
    """
    texts = chunk.select("row", *(_clean(text).alias(column.name) for column, text in columns.items()))
    texts = texts.with_columns(
        part for column in columns if column.kind is Kind.TIME for part in _clock(column, reading)
    )
    read_as = {column: READERS[column.kind](pl.col(column.name), column, reading) for column in columns}
    names = [column.name for column in columns]
    faults = texts.select(
        "row", *(_first(column, conditions).alias(column.name) for column, (_, conditions) in read_as.items())
    ).with_columns(pl.any_horizontal(pl.col(names).is_not_null()).alias("is_bad"))
    values = texts.select(
        "row", *(value.cast(type_of(column), strict=False).alias(column.name) for column, (value, _) in read_as.items())
    ).with_columns(faults.get_column("is_bad"))
    unusual = [_unusual(texts, column, reading) for column in columns if column.kind is Kind.TIME]
    return Values(
        values, _bad(texts, faults, names), sum(each[0] for each in unusual), sum(each[1] for each in unusual)
    )


def _bad(texts: pl.DataFrame, faults: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    wrong = faults.filter("is_bad")
    if wrong.is_empty():
        return pl.DataFrame(schema=["row", "column", "value", "fault"])
    told = wrong.unpivot(names, index="row", variable_name="column", value_name="fault").drop_nulls("fault")
    written = texts.join(wrong.select("row"), on="row", how="semi").unpivot(names, index="row", variable_name="column")
    return told.join(written, on=["row", "column"]).select("row", "column", "value", "fault").sort("row")


def _unusual(texts: pl.DataFrame, column: Column, reading: Reading) -> tuple[int, int]:
    """The numbers of local times in an hour that the clocks skip, and in one that occurs twice."""
    local, offset = _clock_names(column)
    times = texts.filter(pl.col(offset).is_null()).get_column(local)
    zone = reading.shop.timezone
    first = times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    second = times.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    return int((times.is_not_null() & first.is_null()).sum()), int((first != second).sum())


def _clean(text: pl.Expr) -> pl.Expr:
    stripped = text.cast(pl.String).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _first(column: Column, conditions: Conditions) -> pl.Expr:
    """The first fault of a value, null for none."""
    blank = [(pl.col(column.name).is_null(), Fault.BLANK)] if column.required else []
    found = [pl.when(condition).then(pl.lit(fault.name)) for condition, fault in [*blank, *conditions]]
    return pl.coalesce(*found, pl.lit(None, pl.String))


def _text(text: pl.Expr, column: Column, _: Reading) -> tuple[pl.Expr, Conditions]:
    controls = r"\x00" if column.kind is Kind.TEXT else r"[\x00-\x1f]"
    conditions = [
        (text.str.len_chars() > column.longest, Fault.TOO_LONG),
        (text.str.contains(controls), Fault.CONTROL_CHARACTER),
    ]
    if column.name in PATHS:
        parts = text.str.split(" > ")
        padded = parts.list.eval((pl.element() == "") | (pl.element() != pl.element().str.strip_chars())).list.any()
        conditions.append((padded, Fault.BAD_PATH))
    return text, conditions


def _user(text: pl.Expr, column: Column, reading: Reading) -> tuple[pl.Expr, Conditions]:
    value, conditions = _text(text, column, reading)
    return value, [*conditions, (text.str.contains(r"[\s/]"), Fault.BAD_USER)]


def _money(text: pl.Expr, _: Column, reading: Reading) -> tuple[pl.Expr, Conditions]:
    if reading.mapping.decimal == ",":
        text = text.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    is_number = text.str.contains(r"^[+-]?[0-9]+(\.[0-9]+)?$")
    has_decimals = text.str.contains(".", literal=True)
    short = pl.when(has_decimals).then(text.str.strip_chars_end("0").str.strip_chars_end(".")).otherwise(text)
    decimals = rf"\.[0-9]{{{reading.shop.minor_digits + 1},}}$"
    whole = short.str.replace(r"\..*$", "").str.strip_chars_start("+-").str.strip_chars_start("0")
    return short, [
        (~is_number, Fault.NOT_MONEY),
        (short.str.contains(decimals), Fault.TOO_PRECISE),
        (whole.str.len_chars() > MONEY_DIGITS, Fault.TOO_LARGE),
    ]


def _whole(text: pl.Expr, column: Column, _: Reading) -> tuple[pl.Expr, Conditions]:
    number = text.str.replace(r"\.0+$", "").str.strip_chars_start("+").cast(pl.Int64, strict=False)
    rest = [(number < 0, Fault.NEGATIVE)] if column.kind is Kind.COUNT else [(number == 0, Fault.ZERO)]
    return number, [
        (~text.str.contains(r"^[+-]?[0-9]+(\.0+)?$"), Fault.NOT_A_NUMBER),
        (number.is_null() & text.is_not_null(), Fault.TOO_LARGE),
        (number.abs() > MAX_QUANTITY, Fault.TOO_LARGE),
        *rest,
    ]


def _flag(text: pl.Expr, _: Column, __: Reading) -> tuple[pl.Expr, Conditions]:
    lower = text.str.to_lowercase()
    return lower.is_in(YES), [(~lower.is_in((*YES, *NO)), Fault.NOT_A_FLAG)]


def _image(text: pl.Expr, column: Column, reading: Reading) -> tuple[pl.Expr, Conditions]:
    value, conditions = _text(text, column, reading)
    return value, [
        *conditions,
        (text.str.len_bytes() > ADDRESS_BYTES, Fault.TOO_LONG),
        (~text.str.contains(f"^(?:{IMAGE_ADDRESS})$"), Fault.NOT_AN_IMAGE),
    ]


def _action(text: pl.Expr, _: Column, reading: Reading) -> tuple[pl.Expr, Conditions]:
    ours = text.replace(reading.mapping.types)
    return ours, [(~ours.is_in(ACTION_TYPES), Fault.UNKNOWN_ACTION)]


def _local(text: pl.Expr, reading: Reading) -> tuple[pl.Expr, pl.Expr]:
    """The local time, and its offset from UTC, null if none is given."""
    if reading.mapping.date_format is not None:
        parsed = text.str.to_datetime(reading.mapping.date_format, time_unit="us", strict=False, exact=True)
        if "%z" in reading.mapping.date_format:
            return parsed.dt.convert_time_zone("UTC").dt.replace_time_zone(None), pl.duration(
                minutes=text.str.len_chars() * 0
            )
        return parsed, pl.lit(None, pl.Duration("us"))
    form = r"^([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?:[T ]([0-9]{1,2}:[0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,9})?))?)?"
    zone = r" ?(Z|[+-][0-9]{2}:?[0-9]{2})?$"
    parts = text.str.extract_groups(form + zone).struct
    date = pl.concat_str(parts.field("1"), parts.field("2"), parts.field("3"), separator="-")
    clock = pl.concat_str(parts.field("4").fill_null("00:00"), parts.field("5").fill_null("00"), separator=":")
    parsed = pl.concat_str(date, clock, separator=" ").str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False
    )
    sign = pl.when(parts.field("6").str.starts_with("-")).then(-1).otherwise(1)
    digits = parts.field("6").str.replace("Z", "0000").str.replace_all(r"[+:-]", "")
    minutes = digits.str.slice(0, 2).cast(pl.Int64) * 60 + digits.str.slice(2, 2).cast(pl.Int64)
    return parsed, pl.duration(minutes=sign * minutes)


def _clock_names(column: Column) -> tuple[str, str]:
    return f"{column.name}, local", f"{column.name}, offset"


def _clock(column: Column, reading: Reading) -> list[pl.Expr]:
    """The two columns that `_time` and `_unusual` read; they are expensive and computed once."""
    parts = _local(pl.col(column.name), reading)
    return [part.alias(name) for part, name in zip(parts, _clock_names(column), strict=True)]


def _time(text: pl.Expr, column: Column, reading: Reading) -> tuple[pl.Expr, Conditions]:
    local, offset = map(pl.col, _clock_names(column))
    told = local.dt.replace_time_zone(None) - offset
    at = pl.coalesce(told, _at(local, reading), _at(local - GAP, reading) + GAP)
    oldest, youngest = (limit.replace(tzinfo=None) for limit in (OLDEST, YOUNGEST))
    return at, [
        (text.is_not_null() & local.is_null(), Fault.NOT_A_TIME),
        ((local < oldest) | (local >= youngest), Fault.ABSURD_YEAR),
        (local.is_not_null() & at.is_null(), Fault.NO_SUCH_TIME),
        (pl.lit(not column.may_lie_ahead) & (at > reading.now.astimezone(UTC).replace(tzinfo=None)), Fault.IN_FUTURE),
    ]


def _at(local: pl.Expr, reading: Reading) -> pl.Expr:
    placed = local.dt.replace_time_zone(reading.shop.timezone, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


READERS: dict[Kind, Callable[[pl.Expr, Column, Reading], tuple[pl.Expr, Conditions]]] = {
    Kind.ID: _text,
    Kind.TEXT: _text,
    Kind.USER: _user,
    Kind.MONEY: _money,
    Kind.COUNT: _whole,
    Kind.CHANGE: _whole,
    Kind.TIME: _time,
    Kind.FLAG: _flag,
    Kind.IMAGE: _image,
    Kind.ACTION: _action,
}
