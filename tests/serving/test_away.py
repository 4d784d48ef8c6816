"""What serving follows goes away: it answers 200 all the same, and says what is missing."""

import httpx2
import pytest
from prometheus_client import REGISTRY

from serving.app import create_app
from serving.feedback import messages_of
from serving.schemas import Feedback
from serving.settings import ServingSettings
from tests.ml.tiny_bundle import MILK
from tests.serving.conftest import put_bundle
from tests.waiting import eventually

CLICK = {"displayType": "SALE", "productId": MILK, "rank": 1}


@pytest.fixture
def away(tokens, tmp_path):
    """Settings under which neither broker nor content answers."""
    return ServingSettings(
        kafka_url="127.0.0.1:9",
        content_url="http://127.0.0.1:9",
        catalog_url="http://127.0.0.1:9",
        **tokens.settings,
        bundles_dir=tmp_path,
        watch_seconds=0.02,
    )


@pytest.fixture
async def app(away):
    app = create_app(away)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app, tokens):
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://serving", auth=tokens.as_named) as client:
        yield client


async def test_without_a_bundle_the_answer_is_empty_and_says_so(client):
    answer = await client.get("/v1/users/newcomer/recommendations")

    assert answer.status_code == 200
    assert answer.json()["items"] == []
    assert answer.json()["degraded"] is True
    assert "NO_MODEL" in answer.json()["warnings"]


async def test_without_a_bundle_a_page_has_empty_shelves(client):
    answer = await client.post("/v1/pages", json={"userId": "newcomer"})

    assert answer.status_code == 200
    assert [shelf["items"] for shelf in answer.json()["shelves"]] == [[]] * 6
    assert {"NO_MODEL", "CONTENT_AWAY"} <= set(answer.json()["warnings"])


async def test_without_a_bundle_nothing_is_similar(client):
    answer = await client.get(f"/v1/products/{MILK}/similar")

    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_the_first_bundle_is_taken_without_a_restart(client, app, tmp_path):
    put_bundle(tmp_path, "b1")
    await eventually(lambda: app.state.recommender.models.current is not None)

    answer = await client.get("/v1/users/newcomer/recommendations")

    assert answer.json()["items"]
    assert answer.json()["warnings"] == ["CONTENT_AWAY", "CATALOG_UNREAD", "LIVE_CATCHING_UP", "LIVE_PAUSED"]


async def test_feedback_is_taken_while_the_broker_is_away(client):
    answer = await client.post("/v1/feedback", json={"recommendationId": "r", "userId": "newcomer", "clicked": CLICK})

    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "degraded": False})


async def test_feedback_that_the_broker_never_took_is_counted_as_dropped(away):
    def dropped():
        return REGISTRY.get_sample_value("tanawari_feedback_dropped_total")

    app, before = create_app(away), dropped()
    async with app.router.lifespan_context(app):
        app.state.feedback.take("newcomer", messages_of(Feedback(recommendation_id="r", clicked=CLICK), "newcomer"))
        await eventually(lambda: app.state.feedback.failure is not None)

    assert dropped() == before + 1


async def test_a_refused_champion_is_told_with_its_reason(client, app, tmp_path, as_staff):
    put_bundle(tmp_path, "b1")
    (tmp_path / "b1" / "factors.npy").unlink()
    await eventually(lambda: app.state.recommender.models.refusal is not None)

    told = (await client.get("/v1/models", headers=as_staff)).json()

    assert told["champion"] == "b1"
    assert told["serving"] is None
    assert (told["refused"]["bundle"], told["refused"]["reason"]) == ("b1", "MISSING_FILE")
    answer = await client.get("/v1/users/newcomer/recommendations")
    assert "CHAMPION_REFUSED" in answer.json()["warnings"]


async def test_it_is_ready_though_degraded_and_alive(client):
    ready = await client.get("/health/ready")
    live = await client.get("/health/live")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert set(ready.json()["dependencies"]) == {"broker", "model"}
    assert live.status_code == 200


async def test_metrics_are_told(client):
    assert "tanawari_bundles_refused_total" in (await client.get("/metrics")).text
