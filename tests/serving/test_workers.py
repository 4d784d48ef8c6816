"""Two workers of serving beside each other: each reads every action, whichever worker the shopper meets next."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from serving.app import create_app
from tests.ml.tiny_bundle import MILK, RICE, TEA
from tests.services.conformance import served
from tests.serving.conftest import put_bundle
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
USER = "of-both"


async def test_every_worker_reads_every_action(settings, bundles, happens, order, tokens):
    put_bundle(bundles, "b1")
    apps = create_app(settings), create_app(settings)

    async def products(shelf):
        """What each worker has on a shelf."""
        found = []
        for app in apps:
            transport = httpx2.ASGITransport(app)
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://serving", auth=tokens.as_named
            ) as client:
                answer = (await client.get(f"/v1/users/{USER}/recommendations?shelf={shelf}")).json()
            found.append([item["productId"] for item in answer["items"]])
        return found

    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        await eventually(lambda: all(app.state.recommender.follower.has_caught_up for app in apps))
        await happens("PRODUCT_VIEWED", user_id=USER, product_id=RICE)
        await happens("ORDER_COMPLETED", **order(MILK, order_id=51, user_id=USER))

        await eventually(lambda: products("CONTINUE_SHOPPING"), lambda found: found == [[RICE]] * 2)
        await eventually(lambda: products("RECOMMENDED"), lambda found: not any(MILK in each for each in found))


async def test_processes_have_the_same_page_however_long_each_has_run(
    settings, bundles, tokens, happens, order, tmp_path
):
    put_bundle(bundles, "b2")
    environment = {
        **tokens.environment,
        "KAFKA_URL": settings.kafka_url,
        "TANAWARI_BUNDLES": str(bundles),
        "CATALOG_URL": "http://127.0.0.1:9",
        "CONTENT_URL": "http://127.0.0.1:9",
    }

    def worker(name):
        return served("serving", environment, tmp_path / name)

    async def pages(*urls):
        """The bundle behind the page of each, and its shelves."""
        found = []
        for url in urls:
            async with httpx2.AsyncClient(base_url=url, auth=tokens.as_named, trust_env=False) as client:
                page = (await client.post("/v1/pages", json={"userId": USER})).json()
            shelves = [[item["productId"] for item in shelf["items"]] for shelf in page["shelves"]]
            found.append((page["modelVersion"], shelves))
        return found

    with worker("first") as first, worker("second") as second:
        await happens("ORDER_COMPLETED", **order(MILK, order_id=52, user_id=USER))
        await happens("PRODUCT_VIEWED", user_id=USER, product_id=TEA)
        await eventually(lambda: pages(first, second), lambda found: all(each[1][0][:1] == [TEA] for each in found))

        put_bundle(bundles, "b3", now=datetime.now(UTC) + timedelta(days=1))  # its cut is past all that happened
        with worker("third") as third:
            found = await eventually(
                lambda: pages(first, second, third), lambda found: {each[0] for each in found} == {"b3"}
            )

    assert found[0] == found[1] == found[2]
    assert found[0][1][0] == []
