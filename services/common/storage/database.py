"""One database per service, one transaction per request: committed before the response is sent, else rolled back.

class Base(ServiceBase): ...                        # in a service's models.py; its tables derive from it

@router.post("/v1/products")
async def create(body: NewProduct, session: Session) -> ProductOut:
    return await service.create(session, body)      # services flush, they never commit
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from sqlalchemy import BigInteger, Connection, DateTime, Executable, MetaData, Numeric, Row, Text, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool

from services.common.runtime.deadline import time_left

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
COLUMN_TYPES: Final[dict[Any, Any]] = {
    int: BigInteger,
    str: Text,
    Decimal: Numeric(15, 3),
    datetime: DateTime(timezone=True),
    dict[str, Any]: JSONB,
}
STATEMENT_SECONDS = 60
POOL_SECONDS = 2.0
"""How long a request waits for a connection, where all are taken: then it is a 503."""
SESSION: Final = {
    "timezone": "UTC",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "random_page_cost": "1.1",  # of what is in memory, or on an SSD; Postgres' own 4 is a spinning disk's
}
"""What holds on every connection of a service."""
OPTIONS: Final = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
CONNECT_SECONDS: Final = 3
_LIMIT = text("SELECT set_config('statement_timeout', :milliseconds, true)")


class ServiceBase(DeclarativeBase):
    """The base of all services' tables; each service derives its own `Base`, with its own metadata."""

    type_annotation_map = COLUMN_TYPES

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        """Give a service's base its metadata, whose constraint names follow one convention."""
        if ServiceBase in cls.__bases__:
            cls.__abstract__ = True
            cls.metadata = MetaData(naming_convention=NAMING)
        super().__init_subclass__(**options)


def most_connections(pool_size: int) -> int:
    """How many a process of a service opens: those of its pool, its relay's, and that of the readiness check."""
    return 2 * pool_size + 2


def sqlalchemy_url(url: str) -> str:
    """A plain `postgresql://` URL with the driver that SQLAlchemy is to use: psycopg 3."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


class Database:
    """The engine of one database and the factory of its sessions.

    Args:
        url: plain `postgresql://role:password@host:port/name`.
        pool_size: connections kept; as many again may be opened for a moment (see `most_connections`).
        is_required: whether the service is not ready without it.
    """

    def __init__(self, url: str, *, pool_size: int = 10, is_required: bool = True) -> None:
        self.url = url
        self.is_required = is_required
        connecting = {"connect_timeout": CONNECT_SECONDS, "options": OPTIONS}
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,  # error texts are logged, and parameters may be personal data
            connect_args=connecting,
        )
        self._probe = create_async_engine(sqlalchemy_url(url), poolclass=NullPool, connect_args=connecting)
        self.sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """A connection for a moment, on which each statement is a transaction."""
        async with self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def look(self, query: Executable) -> Row[Any]:
        """The one row that a query gives, without a transaction: for who looks several times a second."""
        async with self.autocommit() as connection:
            return (await connection.execute(query)).one()

    async def check(self) -> None:
        """Raise if the database does not respond; uses a separate connection, because busy is not unready."""
        async with self._probe.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def open_session(request: Request) -> AsyncIterator[AsyncSession]:
    """The request's transaction, also as `request.state.session`; its statements end at the request's deadline.

    It takes a connection at its first statement: a request that waits for something else before holds none.
    """
    database: Database = request.app.state.database
    async with database.sessions.begin() as session:
        event.listen(session.sync_session, "after_begin", _end_at_the_deadline)
        request.state.session = session
        yield session


def _end_at_the_deadline(_: Any, __: Any, connection: Connection) -> None:  # noqa: ANN401 - SQLAlchemy's own
    if (seconds := time_left()) < STATEMENT_SECONDS:
        connection.execute(_LIMIT, {"milliseconds": str(max(int(seconds * 1000), 1))})


Session = Annotated[AsyncSession, Depends(open_session, scope="function")]
"""A parameter of this type is the request's session; its transaction ends when the route returns, before the answer."""
