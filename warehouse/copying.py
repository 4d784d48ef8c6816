"""Decoded messages as text for COPY, built before the transaction so that Postgres does not wait for it."""

from collections.abc import Container, Iterable
from dataclasses import dataclass

from warehouse.decode import Row
from warehouse.lanes import Numbering

_NULL = r"\N"

COLUMNS = (*Row._fields, "lane", "number")


@dataclass(frozen=True)
class Rows:
    """Rows by their index in a batch, ordered so that the first of equal ids wins, and as lines of text."""

    rows: dict[int, Row]
    lines: dict[int, str]

    @classmethod
    def of(cls, rows: dict[int, Row], numbering: Numbering) -> "Rows":
        """Write rows with their lane and number; all values from senders are escaped."""
        return cls(rows, {index: _line(row, *numbering(index)) for index, row in rows.items()})

    def only(self, indexes: Iterable[int]) -> "Rows":
        """A subset."""
        lines = {index: self.lines[index] for index in indexes}
        return Rows({index: self.rows[index] for index in lines}, lines)

    def without(self, indexes: Container[int]) -> "Rows":
        """The remaining ones."""
        return self.only(index for index in self.rows if index not in indexes)

    def texts(self) -> dict[str, str]:
        """For each topic, lines for COPY into a table of `COLUMNS`."""
        lines: dict[str, list[str]] = {}
        for index, row in self.rows.items():
            lines.setdefault(row.topic, []).append(self.lines[index])
        return {topic: "".join(of_topic) for topic, of_topic in lines.items()}

    def indexed_text(self) -> str:
        """Lines for COPY into a table of `index` and `COLUMNS`."""
        return "".join(f"{index}\t{line}" for index, line in self.lines.items())


def _line(row: Row, lane: int, number: int) -> str:
    key = _NULL if row.key is None else _escaped(row.key)
    unknown = _NULL if row.unknown_fields is None else _escaped(row.unknown_fields)
    return (
        f"{row.event_id}\t{row.event_type}\t{row.schema_version}\t{row.occurred_at}\t{_escaped(row.producer)}\t{key}\t"
        f"{_escaped(row.data)}\t{row.topic}\t{row.kafka_partition}\t{row.kafka_offset}\t{row.traceparent or _NULL}\t"
        f"{unknown}\t{lane}\t{number}\n"
    )


def _escaped(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", r"\\")
    if "\n" in text or "\t" in text or "\r" in text:
        text = text.replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")
    return text
