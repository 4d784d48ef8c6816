"""The findings of a check: all bad rows in one file, and a report with counts."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Any, Self

import orjson

from shop_import.wording import counted

REPORT, ROWS = "import-report.json", "import-rows.csv"
EXAMPLES = 5
"""Examples per fault in the report; the other file has all bad rows."""


class Fault(Enum):
    """Why a row is bad, and what to do about it."""

    ROW_BROKEN = ("cannot be read as a row", "fix its quotes, braces or number of fields")
    BLANK = ("is blank", "fill it in")
    TOO_LONG = ("is too long", "shorten it to the length that the column allows")
    CONTROL_CHARACTER = ("contains a control character", "remove it")
    BAD_USER = ("contains a space or a slash", "write user ids without either")
    BAD_PATH = ("has an empty or padded name in its path", "write `PARENT > CHILD`")
    NOT_A_NUMBER = ("is not a whole number", "write digits only")
    TOO_LARGE = ("is too large", "check the value; a quantity is at most 1,000,000, an amount below 10¹²")
    ZERO = ("is 0", "remove the row")
    NEGATIVE = ("is below 0", "only the quantity of an order line may be negative: a cancellation or a return")
    NOT_MONEY = (
        "is not an amount",
        "write 1234 or 1234.50, without thousands separators; for 1234,50 set `decimal: ','` in the mapping",
    )
    TOO_PRECISE = ("has more decimals than its currency", "round it, or check the currency")
    NO_AMOUNT = ("is missing, and so is the amount", "give the unit price or the amount of the line")
    NOT_A_TIME = ("is not a readable time", "write 2026-11-25 09:30, or set `date_format:` in the mapping")
    NO_SUCH_TIME = ("does not exist in the shop's time zone", "check the time zone")
    ABSURD_YEAR = ("is before the year 2000 or after 2099", "check the date format")
    IN_FUTURE = ("is in the future", "check the date format and the time zone")
    NOT_A_FLAG = ("is neither true nor false", "write true or false (1 or 0, yes or no)")
    NOT_AN_IMAGE = ("is neither an address nor a path", "write https://shop.example/tea.jpg or /images/tea.jpg")
    UNKNOWN_ACTION = ("is not an action type", "map it under `types:` in the mapping, or remove the row")
    INCOMPLETE_ACTION = ("is missing, and this action type requires it", "fill it in")
    REPEATED = ("appeared before with other values", "keep one row per id")
    UNKNOWN_PARENT = ("is not in the categories file", "add the parent category")
    CATEGORY_CYCLE = ("is its own ancestor", "fix the parents")
    UNKNOWN_CATEGORY = ("is not in the categories file", "add it there")
    UNKNOWN_ITEM = (
        "is not in the items file",
        "add it there; --skip-bad keeps its orders, with an inactive product",
    )
    NO_JSON = ("is no JSON object", 'write {"color": "red"}, or a column `attribute:color`')
    UNKNOWN_PARENT_ITEM = ("is not in the items file, or bad there", "add the parent, or fix its row")
    PARENT_IS_VARIANT = ("is a variant itself", "name its parent: variants have one level")
    NO_PRICE = ("is missing, and the item was never sold", "add a price")
    OFFER_NOT_BELOW_PRICE = ("is not below the price", "lower it, or remove the offer")
    OFFER_INCOMPLETE = ("has no start, or does not end after it", "give both times, the end after the start")
    OTHER_USER = ("differs from that of the order's first line", "use a separate order number for each buyer")
    ORDER_TOO_LONG = ("has more than 5,000 lines", "split the order")
    ORDER_CHANGED = (
        "was imported before with other lines, user or time",
        "an order is imported once: enter changes as lines with a negative quantity, or remove it",
    )
    UNMATCHED = ("matches no earlier order of this buyer", "none needed if the order is older than the files")
    ACTION_CHANGED = ("was imported before with other values", "an action is imported once: remove it")

    @property
    def why(self) -> str:
        """What is wrong, to be read after the column's name."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.value[1]


def private(file: Path) -> Path:
    """An empty file that only its owner may read: it will hold what customers did."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    return file


@dataclass(frozen=True)
class BadRow:
    """A value that cannot be imported; rows are numbered as in an editor: the header is 1.

    Attributes:
        limit: what the value was held to, if that is not the same for every shop.
    """

    file: str
    row: int
    column: str
    value: str | None
    fault: Fault
    limit: str | None = None

    @property
    def why(self) -> str:
        """What is wrong, to be read after the column's name."""
        return f"{self.fault.why}, {self.limit}" if self.limit else self.fault.why

    def __str__(self) -> str:
        value = "" if self.value is None else f" ({self.value[:80]!r})"
        return f"{self.file}, row {self.row}: {self.column}{value} {self.why}; {self.fault.remedy}"


@dataclass
class Findings:
    """The findings, collected while the files are read.

    Attributes:
        directory: where the report and the bad rows are written.
        files: what was read, and how: encoding and delimiter, detected or given.
        counts: rows by outcome.
        notes: assumptions that were made.
        faults: number of bad values, by file, column and fault.
    """

    directory: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    faults: Counter[tuple[str, str, Fault]] = field(default_factory=Counter)
    examples: dict[tuple[str, str, Fault], list[BadRow]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._output: IO[str] = private(self.directory / ROWS).open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._output)
        self._rows.writerow(("file", "row", "column", "value", "fault", "why", "remedy"))
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()

    def add(self, bad: Iterable[BadRow]) -> None:
        """Record bad rows."""
        for each in bad:
            place = (each.file, each.column, each.fault)
            self.faults[place] += 1
            examples = self.examples.setdefault(place, [])
            if len(examples) < EXAMPLES:
                examples.append(each)
            self._write(each)

    def warn(self, rows: Iterable[BadRow]) -> None:
        """Record rows that are imported only in part."""
        for each in rows:
            self.counts[each.fault.name.lower()] += 1
            self._write(each)

    def _write(self, each: BadRow) -> None:
        fault = each.fault
        self._rows.writerow((each.file, each.row, each.column, each.value, fault.name, each.why, fault.remedy))

    @property
    def is_clean(self) -> bool:
        """Whether every row can be imported."""
        return not self.faults

    def write(self, **about: Any) -> None:  # noqa: ANN401 - any further report fields
        """Write the report."""
        self._output.flush()
        report = self.directory / REPORT
        fresh = private(report.with_name(f".{REPORT}"))
        fresh.write_bytes(orjson.dumps(self.summary() | about, default=str, option=orjson.OPT_INDENT_2) + b"\n")
        fresh.replace(report)

    def summary(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "files": self.files,
            "counts": dict(self.counts),
            "notes": self.notes,
            "faults": [
                {
                    "file": file,
                    "column": column,
                    "fault": fault.name,
                    "why": self.examples[file, column, fault][0].why,
                    "remedy": fault.remedy,
                    "values": number,
                    "examples": [{**asdict(each), "fault": fault.name} for each in self.examples[file, column, fault]],
                }
                for (file, column, fault), number in self.faults.most_common()
            ],
        }

    def lines(self) -> list[str]:
        """The report for people."""
        read = [
            f"{name}: {about['file']}, {counted(about['rows'], 'rows')}, {about['read_as']}"
            for name, about in self.files.items()
        ]
        bad = [
            f"{number:,} times, first: {self.examples[place][0]}" if number > 1 else str(self.examples[place][0])
            for place, number in self.faults.most_common()
        ]
        return [*read, *self.notes, *bad]
