"""Answers say in which arm of an experiment their user is, and feedback carries it on."""

import pytest

from serving.feedback import messages_of
from serving.merchandising import MISSES
from serving.recommender import versions_of
from serving.schemas import Feedback
from tests.ml.tiny_bundle import BUYER, MILK, TEA
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
RUNNING = {"name": "ranking", "arm": None, "arms": [{"name": "control", "weight": 1}, {"name": "other", "weight": 1}]}


@pytest.fixture
async def experiment(content_service, app):
    content_service.says |= {"experiment": RUNNING}
    await app.state.merchandising.refresh()


@pytest.fixture
def answers(client, as_user):
    """Each kind of answer to a user."""

    async def ask(user_id):
        headers = as_user(user_id)
        return [
            (await client.post("/v1/pages", json={"userId": user_id}, headers=headers)).json(),
            (await client.get(f"/v1/users/{user_id}/recommendations", headers=headers)).json(),
        ]

    return ask


@pytest.mark.usefixtures("experiment")
async def test_every_answer_to_a_user_says_the_same_arm(answers):
    arms = [answer["experiment"] for user_id in ("u1", "u2", "u3", "u4") for answer in await answers(user_id)]
    assert arms[::2] == arms[1::2]
    assert {(each["name"], each["arm"]) for each in arms} == {("ranking", "control"), ("ranking", "other")}


@pytest.mark.usefixtures("experiment")
async def test_what_is_for_everyone_has_no_arm(client):
    for answer in (await client.post("/v1/pages", json={}), await client.get(f"/v1/products/{MILK}/similar")):
        assert answer.json()["experiment"] is None


@pytest.mark.usefixtures("content_service")
async def test_without_an_experiment_there_is_no_arm(answers):
    assert [answer["experiment"] for answer in await answers(BUYER)] == [None, None]


@pytest.mark.usefixtures("experiment")
async def test_feedback_on_an_answer_carries_its_arm(answers):
    for answer in await answers(BUYER):
        clicked = {"displayType": "SALE", "productId": TEA, "rank": 1}
        report = {"recommendationId": answer["recommendationId"], "shown": [clicked], "clicked": clicked}
        for message in messages_of(Feedback.model_validate(report), BUYER):
            assert b'"experiment":"ranking"' in message
            assert f'"arm":"{answer["experiment"]["arm"]}"'.encode() in message


async def test_the_id_of_an_answer_without_an_arm_is_read_as_before():
    assert versions_of("id~b1~r1~g1~") == {
        "model_version": "b1",
        "rules_version": "r1",
        "generation": "g1",
        "degraded": False,
    }


@pytest.mark.usefixtures("experiment")
async def test_who_does_not_consent_is_in_no_arm(answers, happens):
    await happens("USER_PROFILE_UPDATED", user_id="private", personalisation_consent=False, profile_version=1)

    async def arms():
        return [answer["experiment"] for answer in await answers("private")]

    await eventually(arms, lambda found: found == [None, None])


@pytest.mark.usefixtures("experiment")
async def test_while_content_is_silent_there_is_no_arm_for_the_experiment_may_have_ended(answers, app, content_service):
    content_service.says = None
    for _ in range(MISSES):
        await app.state.merchandising.refresh()
    assert [answer["experiment"] for answer in await answers(BUYER)] == [None, None]
