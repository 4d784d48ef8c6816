"""Makes a shop's users in auth: they have a history, and no password until they reset it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from services.contracts.envelope import VISITOR
from shop_import.bulk import BulkClient, Progress
from shop_import.folder import scan_table

SEEN = {"orders": "ordered_at", "actions": "occurred_at"}


class Users(BulkClient):
    """A client of the auth service."""

    name = "auth"

    def upload(self, users: pl.DataFrame, progress: Progress) -> int:
        """Create the users that are new, but not those who were deleted since; returns the number of new ones.

        Args:
            users: user_id, registered_at (UTC).
            progress: receives the number of accepted lines.

        Raises:
            RefusedError: a line was refused.
        """
        results = self.send("/v1/auth/users/bulk", _lines(users), progress)
        return sum(result["status"] == "created" for result in results)


def users_of(folder: Path, shift: timedelta) -> pl.DataFrame:
    """The users of an import folder, each registered when first seen; guests and visitors are nobody's account."""
    seen = [scan_table(folder, name).select("user_id", pl.col(time).alias("at")) for name, time in SEEN.items()]
    known = pl.concat(seen).filter(pl.col("user_id").is_not_null() & ~pl.col("user_id").str.starts_with(VISITOR))
    first = known.group_by("user_id").agg((pl.col("at").min() + shift).alias("registered_at"))
    return first.sort("user_id").collect(engine="streaming")


def _lines(users: pl.DataFrame) -> Iterator[dict[str, Any]]:
    for user_id, registered_at in users.iter_rows():
        yield {"userId": user_id, "registeredAt": f"{registered_at.isoformat()}Z"}
