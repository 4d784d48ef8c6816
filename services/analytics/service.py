"""Writes the tables of actions."""

from collections.abc import Sequence

from sqlalchemy import Boolean, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.models import UserActionLog, ViewHistory
from services.common.messaging.erasure import erased_among
from services.common.messaging.messages import Message
from services.contracts.events.actions import ProductViewed, Search

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's

_ALIASES = {name: field.alias for name, field in (ProductViewed.model_fields | Search.model_fields).items()}
_ALIASES |= {"viewed_at": "at", "created_at": "at"}


def _insert(table: type[ViewHistory | UserActionLog]) -> TextClause:
    """SQL that reads rows from JSON payloads; it contains only our own names."""
    columns = [column for column in table.__table__.columns if column.name != "id"]
    given = [f'"{_ALIASES.get(column.name, column.name)}"' for column in columns]
    types = [f"{name} {column.type.compile(_DIALECT)}" for name, column in zip(given, columns, strict=True)]
    values = [
        f"COALESCE({name}, false)" if isinstance(column.type, Boolean) else name  # as the contract has it
        for name, column in zip(given, columns, strict=True)
    ]
    return text(
        f"INSERT INTO {table.__tablename__} ({', '.join(column.name for column in columns)})"  # noqa: S608
        f" SELECT {', '.join(values)} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given({', '.join(types)})"
        " ON CONFLICT (event_id) DO NOTHING"
    )


_INSERT_VIEWS, _INSERT_ACTIONS = _insert(ViewHistory), _insert(UserActionLog)


async def record(session: AsyncSession, messages: Sequence[Message]) -> None:
    """Write user actions to their tables, each table by one statement; those of erased users are left out."""
    views: list[str] = []
    actions: list[str] = []
    users = {message.record.key.decode() for message in messages if message.record.key}
    erased = {user.encode() for user in await erased_among(session, users)}
    for message in messages:
        if message.record.key in erased:
            continue
        rows = views if message.event_type == "PRODUCT_VIEWED" else actions
        event = f'"event_id":"{message.event_id}","at":"{message.happened_at}","action_type":"{message.event_type}"'
        rows.append(f"{{{event},{message.data[1:]}")  # the payload's object has at least one field: the user
    for insert, rows in ((_INSERT_VIEWS, views), (_INSERT_ACTIONS, actions)):
        if rows:
            await session.execute(insert, {"rows": f"[{','.join(rows)}]"})
