"""`tanawari rebuild`: a service's copies of another's data are made again, of all that the owner has told of it.

The ids are taken in parts, each in one transaction. It first locks the inbox, so that the service's consumers wait, and
then reads what the owner has: nothing newer is overwritten, because it has not been handled yet. Readers see the old
rows until the new ones are there, and no other consumer is told anything.
"""

import asyncio
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from aiokafka import ConsumerRecord
from rich.console import Console
from rich.progress import track
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from cli.copies import COPIES, Copy, Owned, owned_by
from cli.deployment import at
from cli.options import JsonOption, WhereOption, screen, tell
from services.common.messaging.messages import Message, read
from services.common.storage.database import Database
from stack.state import StateError

_LOCK = (text("SET LOCAL lock_timeout = '30s'"), text("LOCK TABLE inbox IN SHARE ROW EXCLUSIVE MODE"))
_OTHERWISE = "ARRAY['updated_at', 'account_version', 'version', 'catalog_version']"
"""What may differ though the copy was right."""


@dataclass
class Rebuilt:
    """What came of one table: how many of its owner's ids it was about, and how many of them were not right."""

    table: str
    owner: str
    ids: int = 0
    events: int = 0
    corrected: int = 0


def rebuild(
    service: Annotated[str, typer.Argument(help="analytics, cart, content or profile.", metavar="SERVICE")],
    state: WhereOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Rebuild a service's copies of products, categories, wishes or addresses from their owner's events.

    The service may run meanwhile, or not. The command can be interrupted and run again.
    """
    copies = [copy for copy in COPIES if copy.service == service]
    if not copies:
        names = ", ".join(sorted({copy.service for copy in COPIES}))
        more = "; it reads what it needs at its start: restart it" if service == "serving" else ""
        raise StateError(f"{service} keeps no copies that can be rebuilt{more}; those that do: {names}")
    deployment = at(state)
    mine, theirs = _variable(service), {copy.owner.service: _variable(copy.owner.service) for copy in copies}
    deployment.announce(mine, *theirs.values())
    found = []
    for copy in copies:
        with owned_by(deployment.variables[theirs[copy.owner.service]]) as owned:
            found.append(asyncio.run(_rebuild(copy, owned, deployment.variables[mine])))
        if not as_json:
            made = found[-1]
            tell(f"{made.table}: {made.corrected:,} of {made.ids:,} were not right; {made.owner} told {made.events:,}")
    if as_json:
        screen.print_json(data=[asdict(each) for each in found])


async def _rebuild(copy: Copy, owned: Owned, url: str) -> Rebuilt:
    done = Rebuilt(f"{copy.service}.{copy.table}", copy.owner.service)
    database = Database(url, pool_size=1)
    try:
        ids = await _ids(copy, owned, database)
        parts = [ids[first : first + copy.part] for first in range(0, len(ids), copy.part)]
        for part in track(parts, done.table, console=Console(stderr=True), transient=True):
            async with database.sessions.begin() as session:
                await _rebuild_part(copy, owned, session, part, done)
    except DBAPIError as error:
        raise StateError(f"{_variable(copy.service)}: {error.orig}; what was not rebuilt is as it was") from error
    finally:
        await database.close()
    return done


async def _ids(copy: Copy, owned: Owned, database: Database) -> list[str]:
    """All that the owner or the copy knows of; where no row may be added, those of the copy."""
    async with database.sessions() as session:
        ids = set(await session.scalars(text(f"SELECT DISTINCT {copy.key}::text FROM {copy.table}")))  # noqa: S608 - our names
    if copy.is_whole:
        ids |= {each for (each,) in owned.execute(copy.owner.ids)}
    return sorted(ids)


async def _rebuild_part(copy: Copy, owned: Owned, session: AsyncSession, ids: list[str], done: Rebuilt) -> None:
    mine = f"{copy.key} = ANY(CAST(:ids AS {copy.type}[]))"
    rows = text(f"SELECT {copy.key}, (to_jsonb(t) - {_OTHERWISE})::text FROM {copy.table} t WHERE {mine}")  # noqa: S608 - our names
    given = {"ids": ids}
    for statement in _LOCK:
        await session.execute(statement)
    before = {tuple(row) for row in await session.execute(rows, given)}
    await session.execute(text(copy.forget.format(table=copy.table, mine=mine)), given)
    for values in copy.owner.tell(owned, ids):
        messages = [message for value in values if (message := _message(copy.owner.topic, value))]
        await copy.handle(session, messages)
        done.events += len(messages)
    after = {tuple(row) for row in await session.execute(rows, given)}
    done.corrected += len({each for each, _ in before ^ after})
    done.ids += len(ids)


def _message(topic: str, value: bytes) -> Message | None:
    """None for what no consumer could read."""
    message, _ = read(ConsumerRecord(topic, 0, 0, 0, 0, None, value, None, 0, len(value), ()))
    return message


def _variable(service: str) -> str:
    return f"{service.upper()}_DATABASE_URL"
