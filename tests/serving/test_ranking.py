import pytest

from tests.ml.tiny_bundle import BREAD, BUYER, JAM, MILK, NEWCOMER, TEA
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def rank(client):
    async def ask(user_id, *product_ids, **options):
        answer = await client.get(f"/v1/users/{user_id}/ranking", params={"productIds": product_ids}, **options)
        return answer.status_code, answer.json()

    return ask


async def test_products_come_in_the_order_of_the_users_taste(rank):
    status, ranking = await rank(BUYER, TEA, BREAD, JAM, MILK)
    assert (status, ranking["isPersonalised"]) == (200, True)
    assert ranking["productIds"][0] == MILK
    assert ranking["productIds"][-1] == TEA


async def test_without_a_known_taste_they_stay_as_they_were(rank):
    assert await rank(NEWCOMER, TEA, MILK, 999) == (200, {"productIds": [TEA, MILK, 999], "isPersonalised": False})


async def test_nobody_learns_another_users_taste(rank, as_user):
    status, _ = await rank(BUYER, TEA, MILK, headers=as_user(NEWCOMER))
    assert status == 403


async def test_who_withdraws_consent_has_no_order_any_more(rank, happens):
    await happens("PRODUCT_VIEWED", user_id="9", product_id=TEA)
    assert await eventually(lambda: rank("9", MILK, TEA), lambda ranked: ranked[1]["isPersonalised"])
    await happens("USER_PROFILE_UPDATED", user_id="9", profile_version=2, personalisation_consent=False)
    _, ranking = await eventually(lambda: rank("9", MILK, TEA), lambda ranked: not ranked[1]["isPersonalised"])
    assert ranking["productIds"] == [MILK, TEA]
