"""Every client of ours on a Postgres that it verifies, and that takes no connection without TLS and our certificate."""

import subprocess
import sys
import tempfile
from dataclasses import astuple
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from pipelines.warehouse import Warehouse as Marts
from services.common.storage.database import Database
from services.common.storage.migrate import migrate as migrate_service
from services.contracts.envelope import Event
from services.contracts.events.actions import ProductViewed
from shop_import.sender import Sender
from stack.databases import Warehouse, create_database, create_warehouse
from stack.environment import sqlalchemy_url
from stack.programs import WAREHOUSE_ROLES
from tests.certificates import Authority
from tests.secure_postgres import SecurePostgres
from warehouse.catch_up import land_until_caught_up
from warehouse.extracts import extract
from warehouse.migrate import migrate
from warehouse.settings import LandingSettings

ROOT = Path(__file__).parents[2]
ACTIONS = "user-actions.v1"
MART = "behaviour.product_views"


@pytest.fixture(scope="module")
def server():
    with tempfile.TemporaryDirectory(prefix="tanawari-tls-") as name:
        Path(name).chmod(0o755)  # the server's user must reach its data
        with SecurePostgres(Path(name) / "postgres") as running:
            yield running


@pytest.fixture(scope="module")
def warehouse(server):
    made = create_warehouse(server.url(), dict.fromkeys(WAREHOUSE_ROLES.values(), "password"))
    verified = Warehouse(*(f"{url}?{server.query}" for url in astuple(made)))
    migrate(verified.owner)
    return verified


@pytest.fixture(scope="module")
def deceived(server):
    """A URL as someone has it who trusts another authority than the server's."""
    stranger = Authority(server.server.key.parent, "stranger").file
    return lambda url: f"{url.split('?')[0]}?{server.query_with(sslrootcert=stranger)}"


def is_refused():
    return pytest.raises(Exception, match="certificate verify failed")


async def test_a_service_migrates_and_answers_and_trusts_no_other_authority(server, deceived):
    url = f"{create_database(server.url(), 'catalog', 'password')}?{server.query}"
    migrate_service("catalog", url)
    database, other = Database(url), Database(deceived(url))
    await database.check()
    with is_refused():
        await other.check()
    await database.close()
    await other.close()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_mlflow_and_dagster_answer_and_trust_no_other_authority(server, deceived, driver):
    """The one comes with the one driver, the other with the other."""
    engine = create_engine(sqlalchemy_url(server.url(), driver))
    with engine.connect() as connection:
        assert connection.execute(text("select ssl from pg_stat_ssl where pid = pg_backend_pid()")).scalar_one()
    engine.dispose()
    with is_refused():
        create_engine(sqlalchemy_url(deceived(server.url()), driver)).connect()


def dbt(url, target, *arguments):
    """What dbt says, told its URL by a file; None if all went well."""
    (target / "url").write_text(f"{url}\n")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(target), "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.dbt", *arguments, "--target-path", target, "--log-level-file", "none"],
        env=environment | {"WAREHOUSE_DBT_URL_FILE": str(target / "url")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr if done.returncode else None


async def test_what_lands_is_modelled_read_and_extracted(broker, warehouse, tmp_path):
    broker.create_topics()
    view = Event.of("PRODUCT_VIEWED", ProductViewed(user_id="u1", product_id=7), producer="test").to_bytes().decode()
    async with Sender.connected(broker.settings, idempotent=False) as sender:
        await sender.send(ACTIONS, [("u1", view)])
    landed = await land_until_caught_up(LandingSettings(kafka_url=broker.url, warehouse_loader_url=warehouse.loader))
    assert landed[ACTIONS].landed == 1
    assert dbt(warehouse.dbt, tmp_path, "run", "--select", "+product_views") is None
    assert Marts(url=warehouse.pipelines).frame(f"select product_id from {MART}")["product_id"].to_list() == [7]
    assert extract(warehouse.pipelines, tmp_path / "extracts").tables[MART].rows == 1


async def test_landing_marts_extracts_and_dbt_trust_no_other_authority(broker, warehouse, deceived, tmp_path):
    broker.create_topics()
    with is_refused():
        await land_until_caught_up(
            LandingSettings(kafka_url=broker.url, warehouse_loader_url=deceived(warehouse.loader))
        )
    with is_refused():
        Marts(url=deceived(warehouse.pipelines)).frame("select 1 as one")
    with is_refused():
        extract(deceived(warehouse.pipelines), tmp_path / "extracts")
    assert "certificate verify failed" in dbt(deceived(warehouse.dbt), tmp_path, "seed")


def test_without_a_certificate_of_its_own_nobody_comes_in(server):
    with pytest.raises(psycopg.OperationalError, match="requires a valid client certificate"):
        psycopg.connect(f"{server.url().split('?')[0]}?{server.query_with(sslcert='', sslkey='')}")
