"""The plans of all statements of a database, as they were executed: Postgres' own `auto_explain` logs them.

It sees statements of every library and of triggers, with their real parameters.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

MOST_DISCARDED = 5_000
"""Rows that a step may read and throw away. A shopper's own rows may be so many, a table's must not."""
SETTINGS = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_parameter_max_length": "0",
    "auto_explain.log_format": "json",
}
_ENTRY = re.compile(r"LOG:  duration: [\d.]+ ms  plan:\n((?:\t.*\n)+)")
_DISCARDED = ("Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter")


class Explained:
    """The plans since the last look; connections that were open before are not explained."""

    def __init__(self, log: Path, admin_url: str, database: str) -> None:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            for name, value in SETTINGS.items():
                statement = SQL("ALTER DATABASE {} SET {} = {}")
                named = SQL(".").join(map(Identifier, name.split(".")))
                connection.execute(statement.format(Identifier(database), named, value))
        self._log, self._read = log, log.stat().st_size

    def statements(self) -> list[tuple[str, dict[str, Any]]]:
        """Each statement with the root of its plan."""
        with self._log.open("rb") as log:
            log.seek(self._read)
            text = log.read()
        self._read += len(text)
        entries = [json.loads(found) for found in _ENTRY.findall(text.decode())]
        return [(" ".join(entry["Query Text"].split()), entry["Plan"]) for entry in entries]


def faults(plan: dict[str, Any], large: set[str]) -> Iterator[str]:
    """What reads a large table as a whole, or much more of it than is wanted."""
    table = plan.get("Relation Name", "")
    if plan["Node Type"] == "Seq Scan" and table in large:
        yield f"reads all of {table}"
    discarded = sum(plan.get(name, 0) for name in _DISCARDED) * plan.get("Actual Loops", 1)
    if discarded > MOST_DISCARDED:
        yield f"{plan['Node Type']} {plan.get('Index Name', table)} throws rows away"
    for part in plan.get("Plans", ()):
        yield from faults(part, large)
