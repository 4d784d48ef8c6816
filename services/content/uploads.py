"""Parses a generation's uploaded lines into rows; one invalid line refuses all of them."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from services.common.runtime.errors import Fault, Unprocessable, faults_of
from services.common.storage.database import Database
from services.common.web.ndjson import Line
from services.content.partitions import UPLOADED
from services.content.queries import Ids, ids_of
from services.content.schemas_generations import GenerationRow


class BadRow(Unprocessable):
    """A line of an upload is invalid; nothing of the upload is kept."""

    title = "Bad row"


async def read_rows(database: Database, lines: AsyncIterator[Sequence[Line]]) -> AsyncIterator[list[tuple[Any, ...]]]:
    """The values of `UPLOADED` for each line, in chunks as received.

    Raises:
        BadRow: a line is invalid, or has an unknown id.
    """
    now = datetime.now(UTC)
    async for chunk in lines:
        rows = [(number, _read(number, line)) for number, line in chunk]
        ids = await _ids(database, [row for _, row in rows])
        yield [_values(number, row, ids, now) for number, row in rows]


async def _ids(database: Database, rows: list[GenerationRow]) -> Ids:
    """Our ids for the shop's ids in rows; in a separate transaction, because the upload's is in COPY."""
    skus = [row.sku for row in rows if row.sku is not None]
    codes = [row.category_code for row in rows if row.category_code is not None]
    if not skus and not codes:
        return {}
    async with database.sessions() as session:
        return await ids_of(session, skus, codes)


def _read(number: int, line: bytes) -> GenerationRow:
    try:
        return GenerationRow.model_validate_json(line)
    except ValidationError as error:
        raise _bad_row(number, faults_of(error, "body", number)) from error


def _values(number: int, row: GenerationRow, ids: Ids, now: datetime) -> tuple[Any, ...]:
    values = {**row.__dict__, "display_type": row.display_type.value, "start_date": row.start_date or now}
    for ours, own, wire in (("product_id", "sku", "sku"), ("category_id", "category_code", "categoryCode")):
        if (name := values[own]) is not None:
            found = ids.get((own, name))
            if found is None or values[ours] not in (None, found):
                message = f"names nothing, or another thing: {name}"
                raise _bad_row(number, [Fault(field=f"body.{number}.{wire}", message=message)])
            values[ours] = found
    return tuple(values[name] for name in UPLOADED)


def _bad_row(number: int, faults: list[Fault]) -> BadRow:
    return BadRow(f"Line {number} is not a row; nothing was loaded.", errors=faults)
