"""Two workers of serving beside each other: each reads every action, whichever worker the shopper meets next."""

import httpx2
import pytest

from serving.app import create_app
from tests.ml.tiny_bundle import MILK, RICE
from tests.serving.conftest import put_bundle, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
USER = "anon:of-both"


async def test_every_worker_reads_every_action(settings, bundles, happens, order, eventually):
    put_bundle(bundles, "b1")
    apps = create_app(settings), create_app(settings)

    async def products(shelf):
        """What each worker has on a shelf."""
        found = []
        for app in apps:
            async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://serving") as client:
                answer = (await client.get(f"/v1/users/{USER}/recommendations?shelf={shelf}")).json()
            found.append([item["productId"] for item in answer["items"]])
        return found

    async with apps[0].router.lifespan_context(apps[0]), apps[1].router.lifespan_context(apps[1]):
        await until(lambda: all(app.state.recommender.follower.has_caught_up for app in apps))
        await happens("PRODUCT_VIEWED", user_id=USER, product_id=RICE)
        await happens("ORDER_COMPLETED", **order(MILK, order_id=51, user_id=USER))

        await eventually(lambda: products("CONTINUE_SHOPPING"), lambda found: found == [[RICE]] * 2)
        await eventually(lambda: products("RECOMMENDED"), lambda found: not any(MILK in each for each in found))
