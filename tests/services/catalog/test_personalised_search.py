"""Searches of logged-in shoppers, with a running serving whose bundle has products 101 to 108."""

import psycopg
import pytest
import pytest_asyncio

from services.common.runtime.http_client import ServiceClient
from serving.app import create_app
from serving.settings import ServingSettings
from tests.ml.tiny_bundle import BREAD, BUYER, EMPTY, GONE, JAM, MILK, NEWCOMER, RICE, SOAP, TEA, VISITOR
from tests.services.catalog.conftest import OVER_BOTH
from tests.services.gateway.standing_in import BROKEN, broken, served
from tests.serving.conftest import put_bundle
from tests.waiting import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), OVER_BOTH]
NOWHERE = "http://127.0.0.1:9"
FITTING = [MILK, TEA, JAM, SOAP, RICE, GONE, EMPTY]
"""All but BREAD are green tea here; of what fits equally well the first comes first."""


@pytest.fixture(scope="module")
def serving(broker, tokens, tmp_path_factory):
    bundles = tmp_path_factory.mktemp("bundles")
    broker.create_topics()
    put_bundle(bundles, "b1")
    signing = {**tokens.settings, "auth_signing_key_file": tokens.key_file("serving")}
    nobody = {"catalog_url": NOWHERE, "content_url": NOWHERE}
    with served(create_app(ServingSettings(kafka_url=broker.url, bundles_dir=bundles, **signing, **nobody))) as url:
        yield url


@pytest.fixture(scope="module")
def settings(settings, serving):
    return settings.model_copy(update={"serving_url": serving, "ranking_seconds": 30})


@pytest_asyncio.fixture(loop_scope="module")
async def search(client, upsert, database_url, tokens):
    """To search for green tea as somebody; gives the answer's JSON."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute(f"ALTER TABLE products ALTER COLUMN id RESTART WITH {MILK}")
    names = {each: "緑茶味のクッキー" if each == BREAD else "緑茶" for each in range(MILK, EMPTY + 1)}
    await upsert("products", *({"sku": f"p{each}", "name": name, "price": "100"} for each, name in names.items()))

    async def ask(user_id=None, **parameters):
        headers = tokens.header(tokens.of(user_id)) if user_id else {}
        answer = await client.get("/v1/search", params={"q": "緑茶", **parameters}, headers=headers, auth=None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    await eventually(ask, lambda found: found["total"] == len(names))
    return ask


def ids(answer):
    return [item["id"] for item in answer["items"]]


async def test_what_fits_equally_well_comes_in_the_order_of_the_shoppers_taste(search):
    answer = await search(BUYER)
    assert answer["isPersonalised"] is True
    assert ids(answer) == [MILK, JAM, TEA, SOAP, RICE, GONE, EMPTY, BREAD]  # bread was bought, but fits worse


async def test_pages_have_each_hit_once(search):
    found, cursor = [], {}
    while cursor is not None:
        page = await search(BUYER, limit=3, **cursor)
        found.append(ids(page))
        cursor = {"cursor": page["nextCursor"]} if page["nextCursor"] else None
    assert found == [[MILK, JAM, TEA], [SOAP, RICE, GONE], [EMPTY, BREAD]]


@pytest.mark.parametrize("user_id", [None, VISITOR, NEWCOMER])
async def test_who_is_not_logged_in_or_whose_taste_is_unknown_gets_everyones_order(search, user_id):
    answer = await search(user_id)
    assert (answer["isPersonalised"], ids(answer)) == (False, [*FITTING, BREAD])


async def test_who_sorts_gets_that_order(search):
    answer = await search(BUYER, sort="price")
    assert (answer["isPersonalised"], ids(answer)) == (False, list(range(MILK, EMPTY + 1)))


@pytest.mark.parametrize("state", BROKEN)
async def test_without_serving_a_search_has_everyones_order(search, client, monkeypatch, state):
    with broken(state) as url:
        serving = ServiceClient("serving", url, timeout=0.05)
        monkeypatch.setattr(client._transport.app.state.serving, "_client", serving)
        answer = await search(BUYER)
        await serving.close()
    assert (answer["isPersonalised"], ids(answer)) == (False, [*FITTING, BREAD])
