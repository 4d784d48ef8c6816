"""A deployment from nothing, by its URLs alone: prepared, looked at, imported into, landed."""

import asyncio
import json
import os
import socket
import subprocess
import sys

import psycopg
import pytest
from typer.testing import CliRunner

from cli.command import tanawari
from services.contracts.topics import TOPICS
from shop_import.sender import Sender
from stack.databases import role_url
from stack.history import HistoryRecord
from stack.parts.postgres import Postgres
from stack.parts.process import HOST
from stack.programs import ROOT, WAREHOUSE_ROLES
from stack.state import StateError
from tests.conftest import UNSAFE_BUT_FAST
from tests.service_process import ServiceProcess
from tests.shop_import.conftest import ITEMS, ORDERS
from tests.waiting import wait_until

SERVICES = ("auth", "profile", "catalog", "cart", "payment", "order", "content", "analytics")
GIVEN = ("--currency", "JPY", "--timezone", "Asia/Tokyo")


@pytest.fixture(scope="module")
def urls(tmp_path_factory, broker, tokens):
    """The addresses of an empty broker and of an empty server, and of who may make databases but is no superuser."""
    with Postgres(tmp_path_factory.mktemp("server") / "data", password="p", settings=UNSAFE_BUT_FAST) as server:
        place = f"{HOST}:{server.port}"
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("create role dba login createdb createrole password 'p'")
        services = {f"{name.upper()}_DATABASE_URL": name for name in SERVICES}
        yield {
            "POSTGRES_ADMIN_URL": role_url(place, "dba", "p", "postgres"),
            **{variable: role_url(place, name, "a secret", name) for variable, name in services.items()},
            **{name: role_url(place, role, "a secret", "shop") for name, role in WAREHOUSE_ROLES.items()},
            "KAFKA_URL": broker.url,
            "KAFKA_IDEMPOTENCE": "false",
            **tokens.environment_of("importer"),
        }


def commands(urls, folder, patch):
    """`tanawari …` in an empty folder, with the URLs of the deployment set, and others."""
    patch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("TANAWARI_STATE")]:
        patch.delenv(name)
    return lambda *words, **more: CliRunner().invoke(tanawari(), list(map(str, words)), env={**urls, **more})


@pytest.fixture
def run(urls, tmp_path, monkeypatch):
    return commands(urls, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def prepared(urls, tmp_path_factory):
    """What the first `tanawari prepare` of the deployment told."""
    with pytest.MonkeyPatch.context() as patch:
        return json.loads(commands(urls, tmp_path_factory.mktemp("first"), patch)("prepare", "--json").stdout)


@pytest.fixture
def catalog(urls, prepared, tmp_path):
    """The catalog of the prepared deployment; its URL."""
    assert prepared
    with ServiceProcess("catalog", urls, tmp_path / "catalog.log") as service:
        yield service.url


@pytest.fixture
def shop(tmp_path):
    """A shop of one order."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "items.csv").write_text(ITEMS)
    (folder / "orders.csv").write_text(f"{ORDERS}A1,u1,2026-10-01,T1,1,5\n")
    return folder


def test_what_is_missing_is_made_once_by_one_who_is_no_superuser_and_told(run, urls, prepared):
    kinds = ("role", "database", "schema")
    names = {kind: {each["name"] for each in prepared if each["kind"] == kind} for kind in kinds}
    assert not any(each["was_there"] for each in prepared)
    assert names["role"] == {*SERVICES, *WAREHOUSE_ROLES.values()}
    assert names["database"] == {*SERVICES, "shop"}
    assert names["schema"] == {*SERVICES, "warehouse"}
    assert [each["detail"].count(",") + 1 for each in prepared if each["kind"] == "topics"] == [len(TOPICS)]

    again = json.loads(run("prepare", "--json").stdout)
    assert all(each["was_there"] for each in again)
    assert len(again) == len(prepared)
    with psycopg.connect(urls["WAREHOUSE_LOADER_URL"]) as connection:
        assert connection.execute("select count(*) from raw.order_v1").fetchone() == (0,)


@pytest.mark.usefixtures("prepared")
def test_a_page_at_random_costs_the_planner_of_the_warehouse_twice_one_in_order(urls):
    with psycopg.connect(urls["WAREHOUSE_DBT_URL"]) as connection:
        assert connection.execute("show random_page_cost").fetchone() == ("2",)


@pytest.mark.usefixtures("prepared")
def test_a_role_that_is_there_gets_the_password_of_its_url(run, urls):
    renewed = urls["CATALOG_DATABASE_URL"].replace("a%20secret", "another")
    assert run("prepare", CATALOG_DATABASE_URL=renewed).exit_code == 0
    with psycopg.connect(renewed) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    run("prepare")


def test_a_role_of_others_keeps_its_password_and_rights(run, urls):
    with psycopg.connect(urls["POSTGRES_ADMIN_URL"], autocommit=True) as dba:
        dba.execute("create role reporting nologin")
        dba.execute("grant reporting to dba")
        dba.execute("create database reporting owner reporting")
        theirs = urls["POSTGRES_ADMIN_URL"].replace("dba:p@", "reporting:mine@").replace("/postgres", "/reporting")
        made = json.loads(run("prepare", "--json", DAGSTER_DATABASE_URL=theirs).stdout)
        query = "select rolcanlogin, (select datacl is null from pg_database where datname = rolname) from pg_roles"
        assert dba.execute(f"{query} where rolname = 'reporting'").fetchone() == (False, True)
    assert [each["detail"] for each in made if (each["kind"], each["name"]) == ("role", "reporting")] == [
        "was not made by tanawari prepare: its password is not changed"
    ]


def test_a_database_of_others_is_refused_and_stays_as_it_is(run, urls):
    with psycopg.connect(urls["POSTGRES_ADMIN_URL"], autocommit=True) as dba:
        dba.execute("create database others")
        ours = urls["CATALOG_DATABASE_URL"].replace("//catalog:", "//dagster:").replace("/catalog", "/others")
        refused = run("prepare", DAGSTER_DATABASE_URL=ours)
        assert "the database others belongs to dba, not to dagster" in str(refused.exception)
        assert dba.execute("select datacl from pg_database where datname = 'others'").fetchone() == (None,)


@pytest.mark.usefixtures("prepared")
def test_why_a_migration_failed_is_told(run, urls):
    wrong = urls["CATALOG_DATABASE_URL"].replace("a%20secret", "wrong")
    refused = run("prepare", POSTGRES_ADMIN_URL="", CATALOG_DATABASE_URL=wrong)
    assert 'password authentication failed for user "catalog"' in str(refused.exception)


def test_what_is_on_another_server_is_left_to_others(run):
    shown = run("prepare", "--json", DAGSTER_DATABASE_URL="postgresql://dagster:x@db.example/dagster")
    (other,) = [each for each in json.loads(shown.stdout) if each["name"] == "dagster"]
    assert other["detail"] == "is on another server, db.example:5432: not checked"


def test_what_the_server_refuses_is_told_in_a_line(run, urls):
    refused = run("prepare", POSTGRES_ADMIN_URL=urls["CATALOG_DATABASE_URL"])
    assert str(refused.exception).startswith("could not create databases and roles: ")
    incomplete = run("prepare", CATALOG_DATABASE_URL=f"postgresql://{HOST}/")
    assert str(incomplete.exception) == "CATALOG_DATABASE_URL has no dbname and no user"


def test_a_warehouse_without_the_urls_of_all_its_roles_is_refused(run):
    refused = run("prepare", WAREHOUSE_ANALYST_URL="")
    assert "WAREHOUSE_ANALYST_URL of tanawari_analyst" in str(refused.exception)


@pytest.mark.usefixtures("prepared")
def test_the_status_says_what_answers_and_what_is_missing(run):
    shown = json.loads(run("status", "--json").stdout)
    assert shown["phase"] == "running"
    assert {each["state"] for each in shown["processes"].values()} == {"ready"}
    away = run("status", "--json", CATALOG_URL=f"http://{HOST}:1")
    assert (away.exit_code, json.loads(away.stdout)["processes"]["CATALOG_URL"]["state"]) == (3, "not answering")


def test_a_shop_is_imported_once_and_its_directory_is_of_this_deployment(run, urls, catalog, shop, tmp_path):
    done = run("import", shop, *GIVEN, "--json", CATALOG_URL=catalog)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["sent"] == {"order.v1": 1, "user-actions.v1": 1}
    assert "Run Dagster's job `refresh`" in done.stderr
    assert done.stderr.startswith("using CATALOG_URL 127.0.0.1:")
    with psycopg.connect(urls["WAREHOUSE_LOADER_URL"]) as connection:
        assert connection.execute("select count(*) from raw.order_v1").fetchone() == (1,)
    assert HistoryRecord.read(tmp_path / ".tanawari-import").sent_imports == 1
    assert not (tmp_path / ".tanawari").exists()

    again = run("import", shop, "--json", CATALOG_URL=catalog)
    assert json.loads(again.stdout)["sent"] == {}
    other = run("import", shop, CATALOG_URL="http://another.example")
    assert isinstance(other.exception, StateError)
    assert "choose another directory with --work-dir DIR" in str(other.exception)


async def send_unreadable(settings):
    """Send what others might while a shop is imported."""
    async with Sender.connected(settings, idempotent=False) as sender:
        await sender.send("user-actions.v1", [("u1", "unreadable")])


def test_an_import_counts_its_own_dead_letters_and_no_others(run, broker, catalog, shop):
    (shop / "orders.csv").write_text(f"{ORDERS}D1,u1,2026-10-01,T1,1,5\n")
    asyncio.run(send_unreadable(broker.settings))
    assert run("import", shop, *GIVEN, CATALOG_URL=catalog).exit_code == 0

    (shop / "orders.csv").write_text(f"{ORDERS}D1,u1,2026-10-01,T1,2,5\n")
    other = run("import", shop, *GIVEN, "--work-dir", "another", CATALOG_URL=catalog)
    assert str(other.exception).startswith("dead letters of this import: 1;")


WAITING = "select count(*) > 0 from pg_locks where not granted"


def test_an_import_that_was_killed_while_it_landed_continues_and_every_order_lands_once(
    run, urls, catalog, shop, tmp_path
):
    lines = "".join(f"C{number},u1,2026-10-01,T1,1,5\n" for number in range(20))
    (shop / "orders.csv").write_text(f"{ORDERS}{lines}")
    command = [sys.executable, "-m", "cli", "import", str(shop), *GIVEN]
    with psycopg.connect(urls["WAREHOUSE_DATABASE_URL"]) as owner, psycopg.connect(urls["POSTGRES_ADMIN_URL"]) as other:
        other.autocommit = True
        (before,) = owner.execute("select count(*) from raw.order_v1").fetchone()
        owner.execute("lock table raw.order_v1 in share mode")
        environment = {**os.environ, **urls, "CATALOG_URL": catalog, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, cwd=tmp_path, env=environment) as killed:
            wait_until(lambda: other.execute(WAITING).fetchone(), lambda row: row == (True,))
            killed.kill()
        owner.rollback()
        assert not HistoryRecord.read(tmp_path / ".tanawari-import").is_sent
        done = run("import", shop, *GIVEN, "--json", CATALOG_URL=catalog)
        assert done.exit_code == 0, done.output
        (after,) = owner.execute("select count(*) from raw.order_v1").fetchone()
    assert after - before == 20
    assert HistoryRecord.read(tmp_path / ".tanawari-import").is_sent


@pytest.mark.usefixtures("prepared")
def test_an_import_that_is_ended_says_so_and_how_to_go_on(urls, shop, tmp_path):
    with socket.create_server((HOST, 0)) as catalog:  # takes connections, and never answers
        address = f"http://{HOST}:{catalog.getsockname()[1]}"
        command = [sys.executable, "-m", "cli", "import", str(shop), *GIVEN, "--work-dir", str(tmp_path / "work")]
        environment = {**os.environ, **urls, "CATALOG_URL": address, "PYTHONPATH": str(ROOT)}
        importing = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
        with importing, catalog.accept()[0]:
            importing.terminate()
            _, said = importing.communicate()
    assert "ended by SIGTERM" in said
    assert "interrupted: " in said
    assert importing.returncode != 0


@pytest.mark.usefixtures("prepared")
def test_land_says_what_landed(run, urls):
    shown = run("land", "--json")
    assert shown.exit_code == 0, shown.output
    assert set(json.loads(shown.stdout)) <= set(TOPICS)
    assert urls["KAFKA_URL"] in shown.stderr
