import httpx2
import psycopg
import pytest

from services.content.app import create_app
from stack.parts.valkey import Valkey

ROW = '{"displayType":"RECOMMENDED","rank":1,"productId":1}'


@pytest.fixture
def valkey(tmp_path):
    """A Valkey of the test's own, for the test stops it."""
    with Valkey(tmp_path) as server:
        yield server


async def test_displays_are_cached_and_go_on_without_the_cache(settings, tokens, valkey):
    app = create_app(settings.model_copy(update={"redis_url": valkey.url}))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://content", auth=tokens.as_staff) as client,
    ):
        await client.post("/v1/generations", json={"generation": "g1", "bundle": "b1"})
        await client.put("/v1/generations/g1/rows", content=ROW)
        await client.post("/v1/generations/g1/activate", json={"rows": 1})
        fresh = await client.get("/v1/displays")
        with psycopg.connect(settings.database_url) as behind_its_back:
            behind_its_back.execute("UPDATE top_page_displays SET product_id = 2")
        assert (await client.get("/v1/displays")).content == fresh.content
        valkey.kill()
        without = await client.get("/v1/displays")
        assert without.status_code == 200
        assert without.json()["shelves"][0]["items"][0]["productId"] == 2
        assert (await client.get("/health/ready")).json()["status"] == "degraded"
