"""The labelled searches, by the catalog's API: see `search/README.md` and `benchmarks/search_quality.py`."""

import asyncio

import psycopg
import pytest

from benchmarks.labelled_searches import NAIVE, score, shop
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEAST, NO_WORSE = 0.95, 0.03
_COUNTED = "SELECT documents FROM search_state"


async def test_the_labelled_searches_find_what_is_meant_and_no_class_less_than_a_naive_search(
    client, upsert, database_url
):
    categories, attributes, products = shop()
    for attribute in attributes:
        assert (await client.post("/v1/attributes", json=attribute)).is_success
    await upsert("categories", *categories)
    await upsert("products", *products)
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:

        async def counted():
            return await (await connection.execute(_COUNTED)).fetchone()

        await eventually(counted, lambda row: row == (len(products),))
    await client._transport.app.state.words.refresh()
    loop = asyncio.get_running_loop()

    def ask(parameters):
        answer = asyncio.run_coroutine_threadsafe(client.get("/v1/search", params=parameters), loop).result()
        return answer.raise_for_status().json()

    mean, classes = await asyncio.to_thread(score, ask)
    assert mean >= LEAST
    assert {name: value for name, value in classes.items() if value < NAIVE[name] - NO_WORSE} == {}
