"""Every statement of every service has its index: the plans of real calls on tables of 100,000 rows are read."""

import asyncio
import importlib

import psycopg
import pytest

from services.common.storage.migrate import migrate
from services.common.web import app as web
from services.contracts.vault import ensure_keys
from stack.keys import HOLDERS
from tests.applications import HAVE_DATABASE, PACKAGES, application
from tests.services.gateway.standing_in import Service, served
from tests.services.plans.driving import Driver
from tests.services.plans.examples import ANSWERS, REFUSED
from tests.services.plans.explained import Explained, faults
from tests.services.plans.filling import SMALL, fill

ALLOWED = {
    ("GET /v1/attributes", "reads all of categories"): "those above a category are looked for, by forms of staff",
    **dict.fromkeys(
        (
            (f"{method} /v1/attributes/{{code}}", each)
            for method in ("PATCH", "DELETE")
            for each in ("reads all of products", "Seq Scan products throws rows away")
        ),
        "staff changes an attribute a few times a year, and looks for the products that have it",
    ),
    ("worker search follower", "reads all of categories"): "a thousand changed products are in as many categories",
    ("GET /v1/snapshot/products", "reads all of special_prices"): "it reads the whole catalogue, in pages",
}
"""What reads a whole table, by who does, and why it may."""
NOT_USED_HERE = {
    "ix_search_documents_mentioned": "only a search for what the shop has not reads descriptions",
    "ix_reviews_visible": "few reviews of a product are sorted; one with thousands among many needs it",
    "ix_outbox_personal": "the tables that all services share are alike; auth and profile use it",
    "ix_idempotency_caller": "likewise; cart, order and profile use it",
}
UNUSED_INDEXES = """
    SELECT indexrelname FROM pg_stat_user_indexes JOIN pg_index USING (indexrelid)
    WHERE idx_scan = 0 AND NOT indisunique AND relname NOT LIKE 'top_page_displays_g%'
"""
"""Without those that are there to keep rows unique."""


@pytest.fixture(scope="module", params=sorted(HAVE_DATABASE))
def service(request):
    return request.param


@pytest.fixture(scope="module")
def others():
    """The address of all other services."""
    service = Service("others")
    for path, answer in ANSWERS.items():
        service.says(path, answer)
    with served(service) as url:
        yield url


@pytest.fixture(scope="module")
def driven(service, others, tokens, database, postgres_server, broker, tmp_path_factory):
    """The service after all of its routes were called and its workers have worked."""
    folder = tmp_path_factory.mktemp(service)
    ensure_keys(folder / "keys.json")
    broker.create_topics()
    url = database(service)
    name = url.rpartition("/")[2]
    migrate(service, url)
    admin_url = postgres_server.url(name)
    importlib.import_module(f"services.{service}.app")  # rooms have tables of their own
    metadata = importlib.import_module(f"services.{service}.models").Base.metadata
    large = fill(admin_url, url, metadata)
    settings = {**tokens.settings, "mail_folder": folder, "keys_file": folder / "keys.json", "database_url": url}
    settings |= {f"{each}_url": others for each in PACKAGES}
    settings |= {"kafka_url": broker.url, "local_password": "local"}
    if service in HOLDERS:
        settings["auth_signing_key_file"] = tokens.key_file(service)
    workers = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web, "live", lambda given, live=web.live: workers.extend(given) or live(given))
        app = application(service, **settings)
    driver = Driver(app, service, tokens, Explained(postgres_server.log, admin_url, name))
    driver.large, driver.admin_url, driver.metadata = large, admin_url, metadata

    async def drive():
        await driver.call_routes()
        await driver.work(workers)
        for part in (app.state.producer, app.state.cache, app.state.database):
            if part is not None:
                await part.close()

    asyncio.run(drive())
    return driver


def test_every_table_is_large_but_those_that_never_are(driven):
    assert set(driven.metadata.tables) - driven.large - set(SMALL) - {"top_page_displays"} == set()


def test_every_route_answers(driven):
    assert driven.refused.keys() - REFUSED.keys() == set(), driven.refused


def test_no_statement_reads_a_whole_table(driven):
    found = {
        f"{who}: {fault}: {statement[:500]}"
        for who, statements in driven.did.items()
        for statement, plan in statements
        for fault in faults(plan, driven.large)
        if (who, fault) not in ALLOWED
    }
    assert found == set()


def test_every_index_is_used(driven):
    with psycopg.connect(driven.admin_url) as connection:
        unused = {name for (name,) in connection.execute(UNUSED_INDEXES)}
    assert unused - NOT_USED_HERE.keys() == set()


@pytest.mark.parametrize(
    ("plan", "found"),
    [
        ({"Node Type": "Seq Scan", "Relation Name": "orders"}, ["reads all of orders"]),
        ({"Node Type": "Seq Scan", "Relation Name": "roles"}, []),
        (
            {"Node Type": "Index Scan", "Index Name": "pk", "Rows Removed by Filter": 3_000, "Actual Loops": 2},
            ["Index Scan pk throws rows away"],
        ),
        (
            {"Node Type": "Limit", "Plans": [{"Node Type": "Seq Scan", "Relation Name": "orders"}]},
            ["reads all of orders"],
        ),
    ],
)
def test_a_plan_is_faulty_that_reads_more_than_it_is_asked_for(plan, found):
    assert list(faults(plan, {"orders"})) == found
