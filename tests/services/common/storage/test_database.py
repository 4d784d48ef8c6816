import re
import time
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from psycopg import errors
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.common.identity.policy import PUBLIC
from services.common.storage import database as module
from services.common.storage.database import SESSION, Database, Session, most_connections
from services.common.web.error_handlers import install_error_handlers
from services.common.web.routing import Router
from services.contracts.vault import ensure_keys
from stack.parts.postgres import SETTINGS
from tests.applications import HAVE_DATABASE, application
from tests.services.in_process import client_of

PAGE = Path(__file__).parents[4] / "docs" / "databases.md"
UNAVAILABLE = 503


@pytest.fixture(scope="module")
def url(database):
    return database()


@pytest_asyncio.fixture
async def small(url, request, monkeypatch):
    """A database with one connection, and one more for a moment; with other options if the test has some."""
    monkeypatch.setattr(module, "OPTIONS", f"{module.OPTIONS} {getattr(request, 'param', '')}")
    database = Database(url, pool_size=1)
    yield database
    await database.close()


async def test_the_limits_hold_on_every_connection(small):
    async with small.autocommit() as connection:
        shown = {name: await connection.scalar(text(f"SHOW {name}")) for name in SESSION}
    assert shown == SESSION | {"statement_timeout": "1min", "idle_in_transaction_session_timeout": "1min"}


def test_every_service_has_the_pool_of_its_settings(tmp_path):
    ensure_keys(tmp_path / "keys.json")
    given = {
        "mail_folder": tmp_path,
        "auth_signing_key_file": tmp_path / "key.pem",
        "keys_file": tmp_path / "keys.json",
    }
    apps = {name: application(name, database_pool_size=3, **given) for name in HAVE_DATABASE}
    pools = {name: app.state.database.engine.pool for name, app in apps.items()}
    assert {name: (pool.size(), pool._max_overflow) for name, pool in pools.items()} == dict.fromkeys(pools, (3, 3))


async def test_a_request_that_gets_no_connection_is_told_to_come_again_within_seconds(small):
    router, app = Router(), FastAPI()

    @router.get("/", dependencies=[PUBLIC])
    async def read(session: Session) -> int:
        return await session.scalar(text("SELECT 1"))

    app.include_router(router)
    install_error_handlers(app)
    app.state.database = small
    async with client_of(app) as client, small.engine.connect(), small.engine.connect():
        began = time.monotonic()
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (UNAVAILABLE, "2")
    assert time.monotonic() - began < module.POOL_SECONDS + 2


@pytest.mark.parametrize("small", ["-c lock_timeout=50ms"], indirect=True)
async def test_a_lock_is_not_waited_for_for_ever(small, url):
    with psycopg.connect(url) as other:
        other.execute("CREATE TABLE IF NOT EXISTS locked ()")
        other.commit()
        other.execute("LOCK TABLE locked")
        async with small.autocommit() as connection:
            with pytest.raises(DBAPIError) as refused:
                await connection.execute(text("SELECT FROM locked"))
    assert isinstance(refused.value.orig, errors.LockNotAvailable)


@pytest.mark.parametrize("small", ["-c idle_in_transaction_session_timeout=50ms"], indirect=True)
async def test_a_transaction_that_does_nothing_is_ended_and_gives_its_locks_back(small, url):
    with psycopg.connect(url) as other:
        other.execute("CREATE TABLE IF NOT EXISTS held ()")
    async with small.sessions() as session:
        await session.execute(text("LOCK TABLE held"))
        with psycopg.connect(url, options="-c lock_timeout=30s") as other:
            other.execute("SELECT FROM held")
        with pytest.raises(DBAPIError):
            await session.execute(text("SELECT 1"))
        await session.invalidate()


def test_a_process_of_each_service_fits_into_the_servers_connections():
    default = most_connections(10)
    assert len(HAVE_DATABASE) * default < int(SETTINGS["max_connections"])
    assert f"{default} connections" in PAGE.read_text()


def test_the_page_says_what_holds_on_a_connection():
    told = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", PAGE.read_text(), re.MULTILINE))
    assert {name: told.get(name) for name in SESSION} == SESSION
