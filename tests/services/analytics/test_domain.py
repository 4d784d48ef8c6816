"""The fields of each type: what an action lacks, and what it cannot have, is refused by name with its place."""

import pytest

from services.analytics.domain import FIELDS, NEEDS

pytestmark = pytest.mark.asyncio(loop_scope="module")
GIVEN = {
    **dict.fromkeys(("productId", "orderId", "returnId", "searchCategoryId", "quantity"), 7),
    "searchKeyword": "tea",
    "rating": 4,
}
REFUSED = [(name, lacking) for name in FIELDS for lacking in NEEDS[name]]
BLANK = {"searchKeyword": " \u3000", "rating": 0, "quantity": 0}


def action(name, **more):
    return {"actionType": name, "userId": "2375", **{each: GIVEN[each] for each in NEEDS[name]}, **more}


@pytest.fixture
def outcomes(client, as_service):
    """What comes of a batch: each action's faults, by the fast path and by the models."""

    async def send(*actions):
        found = []
        for more in ({}, {"metadata": None}):  # which only the models read
            sent = [{**each, **more} for each in actions]
            answer = await client.post("/v1/actions", json={"actions": sent}, headers=as_service)
            results = answer.json()["results"]
            found.append([[error["field"] for error in each.get("errors", ())] for each in results])
        assert found[0] == found[1]
        return found[0]

    return send


async def test_each_type_is_accepted_with_what_it_needs_and_no_more(outcomes):
    assert await outcomes(*map(action, FIELDS)) == [[]] * 19


async def test_whatever_a_type_needs_is_refused_without_it_and_costs_nothing_else(outcomes):
    lacking = [{key: value for key, value in action(name).items() if key != field} for name, field in REFUSED]
    assert await outcomes(action("USER_LOGIN"), *lacking) == [[], *([field] for _, field in REFUSED)]


async def test_a_blank_keyword_no_stars_and_no_pieces_are_nothing(outcomes):
    blank = [(name, field) for name, field in REFUSED if field in BLANK]
    refused = [action(name, **{field: BLANK[field]}) for name, field in blank]
    assert await outcomes(action("USER_LOGIN"), *refused) == [[], *([field] for _, field in blank)]


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("CART_ADD", "searchKeyword", "tea"),
        ("CART_ADD", "resultCount", 3),
        ("SEARCH_BY_KEYWORD", "productId", 7),
        ("SEARCH_BY_KEYWORD", "sku", "7"),
        ("ORDER_COMPLETE", "returnId", 7),
        ("REVIEW_START", "rating", 4),
        ("USER_LOGIN", "orderId", 7),
        ("PRODUCT_VIEWED", "quantity", 1),
        ("PRODUCT_VIEWED", "clockOffsetSeconds", 5),  # which the collector finds out
    ],
)
async def test_a_field_that_would_mean_nothing_is_refused_by_name(outcomes, name, field, value):
    assert await outcomes(action("USER_LOGIN"), action(name, **{field: value})) == [[], [field]]
