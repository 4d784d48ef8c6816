"""What checking a shop's files has found: bad rows in a file of their own, and all of it counted in a report."""

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Any, Self

import orjson

REPORT, ROWS = "import-report.json", "import-rows.csv"
EXAMPLES = 5
"""So many bad rows of a kind stand in the report; all of them in the other file."""


class Fault(Enum):
    """Why a row is bad, and what to do about it."""

    ROW_BROKEN = ("cannot be read as a row", "mend its quotes, braces or number of fields")
    BLANK = ("is blank", "fill it in")
    TOO_LONG = ("is too long", "shorten it to what the reference of the columns allows")
    CONTROL_CHARACTER = ("holds a character that cannot be printed", "remove it")
    BAD_USER = ("holds a blank or a slash", "write user ids without either")
    BAD_PATH = ("has an empty or padded name in its path", "write `PARENT > CHILD`")
    NOT_A_NUMBER = ("is no whole number", "write digits only")
    TOO_LARGE = ("is larger than allowed", "check the value; quantities end at 1,000,000, amounts below 10,000,000,000")
    ZERO = ("is 0", "leave the row out")
    NEGATIVE = ("is below 0", "only the quantity of an order's line may be: it cancels or returns")
    NOT_MONEY = ("is no amount", "write 1234.50; for 1234,50 say `decimal: ','` in the mapping")
    TOO_PRECISE = ("has more decimals than the currency", "round it, or check the currency")
    NO_AMOUNT = ("is missing, and so is the amount", "give the price of one or the amount of the line")
    NOT_A_TIME = ("is no time that we can read", "write 2026-11-25 09:30, or say `date_format:` in the mapping")
    NO_SUCH_TIME = ("never was on the shop's clocks", "check the time zone")
    ABSURD_YEAR = ("lies before the year 2000 or after 2099", "check the date format")
    IN_FUTURE = ("lies in the future", "check the date format and the time zone")
    NOT_A_FLAG = ("is neither true nor false", "write true or false (1 or 0, yes or no)")
    UNKNOWN_ACTION = ("is no action type", "translate it under `types:` in the mapping, or leave the row out")
    INCOMPLETE_ACTION = ("is missing, which this action type needs", "fill it in")
    REPEATED = ("has come before with other values", "keep one row of each id")
    UNKNOWN_PARENT = ("is not in the file of categories", "add the category above it")
    CATEGORY_CYCLE = ("is below itself", "mend the parents")
    UNKNOWN_CATEGORY = ("is not in the file of categories", "add it there")
    UNKNOWN_ITEM = (
        "is not in the file of items",
        "add it there; --skip-bad keeps orders of it, under an inactive product",
    )
    NO_PRICE = ("is missing, and the item was never sold", "give the item a price")
    OFFER_NOT_BELOW_PRICE = ("is not below the price", "lower it, or leave the offer out")
    OFFER_INCOMPLETE = ("has no beginning, or does not end after it", "give both times, in their order")
    OTHER_USER = ("differs from that of the order's first line", "give each buyer's order its own number")
    ORDER_TOO_LONG = ("has more than 5,000 lines", "split the order")
    ORDER_CHANGED = (
        "was imported before with other lines, user or time",
        "an order is imported once: tell changes as lines below 0, or leave it out",
    )
    UNMATCHED = ("comes back of no earlier order of this buyer", "nothing, if the order is older than the files")
    ACTION_CHANGED = ("was imported before with other values", "an action is imported once: leave it out")

    @property
    def why(self) -> str:
        """What is wrong, to be read behind the column's name."""
        return self.value[0]

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.value[1]


@dataclass(frozen=True)
class BadRow:
    """A value that cannot be taken; rows are counted as an editor does: the header is 1."""

    file: str
    row: int
    column: str
    value: str | None
    fault: Fault

    def __str__(self) -> str:
        value = "" if self.value is None else f" ({self.value[:80]!r})"
        return f"{self.file}, row {self.row}: {self.column}{value} {self.fault.why}; {self.fault.remedy}"


@dataclass
class Findings:
    """Collected while the files are read; closed, the report is complete.

    Attributes:
        directory: where the report and the bad rows are written.
        files: what was read, and how: encoding and delimiter, detected or given.
        counts: rows by what became of them.
        notes: what was decided without asking.
        faults: how many bad values there are, by file, column and fault.
    """

    directory: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    faults: Counter[tuple[str, str, Fault]] = field(default_factory=Counter)
    examples: dict[tuple[str, str, Fault], list[BadRow]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._output: IO[str] = (self.directory / ROWS).open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._output)
        self._rows.writerow(("file", "row", "column", "value", "fault", "why", "remedy"))
        return self

    def __exit__(self, *_: object) -> None:
        self._output.close()

    def add(self, bad: Iterable[BadRow]) -> None:
        """Keep bad rows."""
        for each in bad:
            place = (each.file, each.column, each.fault)
            self.faults[place] += 1
            examples = self.examples.setdefault(place, [])
            if len(examples) < EXAMPLES:
                examples.append(each)
            self._write(each)

    def warn(self, rows: Iterable[BadRow]) -> None:
        """Tell of rows that are taken as far as they go."""
        for each in rows:
            self.counts[each.fault.name.lower()] += 1
            self._write(each)

    def _write(self, each: BadRow) -> None:
        fault = each.fault
        self._rows.writerow((each.file, each.row, each.column, each.value, fault.name, fault.why, fault.remedy))

    @property
    def is_clean(self) -> bool:
        """Whether every row can be taken."""
        return not self.faults

    def write(self, **about: Any) -> None:  # noqa: ANN401 - whatever belongs to the report as well
        """Write the report."""
        self._output.flush()
        report = self.directory / REPORT
        fresh = report.with_name(f".{REPORT}")
        fresh.write_bytes(orjson.dumps(self.summary() | about, default=str, option=orjson.OPT_INDENT_2) + b"\n")
        fresh.replace(report)

    def summary(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "files": self.files,
            "counts": dict(self.counts),
            "notes": self.notes,
            "faults": [
                {
                    "file": file,
                    "column": column,
                    "fault": fault.name,
                    "why": fault.why,
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
            f"{name}: {about['file']}, {about['rows']:,} rows, {about['read_as']}" for name, about in self.files.items()
        ]
        bad = [
            f"{number:,} times {self.examples[place][0]}" if number > 1 else str(self.examples[place][0])
            for place, number in self.faults.most_common()
        ]
        return [*read, *self.notes, *bad]
