"""A service whose routes take an `Idempotency-Key`; `app.state.work` is what their work does at its end.

app = keyed_app(settings, Database(url))
app.state.work = Gates()
async with client_of(app, token) as client: ...
"""

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated

import httpx2
from fastapi import Request, Response
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Mapped, mapped_column

from services.common.identity.policy import shopper
from services.common.runtime.settings import ServiceSettings
from services.common.storage.database import ServiceBase, Session, sqlalchemy_url
from services.common.web.app import build_app
from services.common.web.fields import Schema, ShortText
from services.common.web.idempotency import IDEMPOTENT, REQUIRES_KEY, IdempotencyTable
from services.common.web.idempotency_store import Claim
from services.common.web.routing import Router

WRITE = text("INSERT INTO effects (name) VALUES (:name)")
WRITE_ONCE = text("INSERT INTO effects (name) SELECT :name WHERE NOT EXISTS (SELECT FROM effects WHERE name = :name)")


class Base(ServiceBase):
    pass


class Effects(Base):
    __tablename__ = "effects"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Idempotency(IdempotencyTable, Base):
    pass


class Settings(ServiceSettings, env_prefix="KEYED_"):
    service: str = "catalog"  # as whose tokens of services are meant


class Effect(Schema):
    name: ShortText


CALLER = shopper(services=("importer",))
router = Router()


@router.post("/v1/effects", status_code=201, dependencies=[CALLER, IDEMPOTENT])
async def effect(body: Effect, session: Session, request: Request, response: Response) -> Effect:
    """What is done in the request's transaction."""
    await session.execute(WRITE, {"name": body.name})
    response.headers["Location"] = f"/v1/effects/{body.name}"
    await request.app.state.work(session)
    return body


@router.post("/v1/charges", status_code=201, dependencies=[CALLER])
async def charge(body: Effect, request: Request, claim: Annotated[Claim, REQUIRES_KEY]) -> Effect:
    """What is done elsewhere, once for each claimed key."""
    async with request.app.state.database.sessions.begin() as session:
        await session.execute(WRITE_ONCE, {"name": f"{claim.scope} {claim.key}"})
    await request.app.state.work(None)
    return body


async def nothing(_):
    """Work that ends at once."""


class Gates:
    """Work that waits for the test: `await gates.begun.get()` is the end of the next one, which raises what is set."""

    def __init__(self):
        self.begun = asyncio.Queue()

    async def __call__(self, _):
        end = asyncio.get_running_loop().create_future()
        await self.begun.put(end)
        if (error := await end) is not None:
            raise error


def create_tables(url):
    """Create the service's tables."""
    engine = create_engine(sqlalchemy_url(url))
    Base.metadata.create_all(engine)
    engine.dispose()


def keyed_app(settings, database, *, routers=(router,)):
    """The application."""
    app = build_app(settings, title="Keyed", routers=[*routers], database=database)
    app.state.work = nothing
    return app


@asynccontextmanager
async def client_of(app, token):
    """A client of the application, with a caller's token; errors are answers. There is no broker to follow."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://keyed", headers=headers) as client:
        yield client
    await app.state.database.close()
