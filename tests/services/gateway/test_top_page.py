import pytest
from starlette.responses import JSONResponse

ITEM = {
    "productId": 7,
    "sku": None,
    "productName": "Tea",
    "productPrice": "12.30",
    "specialPrice": None,
    "currency": "JPY",
    "rating": 4.5,
    "image": None,
    "categoryId": 3,
    "categoryCode": "TEAS",
    "categoryName": "Teas",
    "rank": 1,
    "score": 0.5,
    "reason": "popular",
    "source": "model",
    "isNew": True,
}
PAGE = {
    "recommendationId": "r1",
    "modelVersion": "m1",
    "rulesVersion": "1",
    "generation": "g1",
    "degraded": False,
    "fallbackUsed": False,
    "warnings": [],
    "userId": "900",
    "shelves": [{"displayType": "SALE", "title": "On sale", "items": [ITEM]}],
}
DISPLAYS = {"userId": "900", "generation": "g1", "shelves": PAGE["shelves"], "hidden": [3]}

VISITOR = "anon:0198f2c4-8f5e-7c3a-9d41-5b8f0e6a7c21"


@pytest.fixture
def pages(services):
    services["serving"].says("/v1/pages", PAGE)
    services["content"].says("/v1/displays", DISPLAYS)
    return services


@pytest.fixture
def wished(services):
    """What serving was asked for: the body and the token of the last request."""
    seen = {}

    async def answer(request):
        seen.update(await request.json(), token=request.headers.get("authorization"))
        return JSONResponse(PAGE)

    services["serving"].answers["/v1/pages"] = answer
    return seen


def test_the_page_is_the_one_that_serving_made(gateway, pages, bearer):
    answer = gateway().get("/v1/top-page", headers=bearer("900"))
    assert (answer.status_code, answer.json()) == (200, PAGE)
    assert not pages["content"].asked


def test_serving_is_asked_with_the_shoppers_own_token(gateway, wished, bearer):
    headers = bearer("900")
    gateway().get("/v1/top-page?userId=900", headers=headers)
    assert wished == {"userId": "900", "token": headers["Authorization"]}


def test_a_visitors_page_needs_the_visitors_token(gateway, wished, bearer):
    headers = bearer(VISITOR)
    assert gateway().get("/v1/top-page", params={"userId": VISITOR}).status_code == 401
    gateway().get("/v1/top-page", headers=headers)
    assert wished == {"userId": VISITOR, "token": headers["Authorization"]}


def test_a_service_is_no_shopper(gateway, wished, bearer):
    gateway().get("/v1/top-page", headers=bearer("importer", calls="catalog"))
    assert "userId" not in wished


def test_a_page_is_kept_by_nobody(gateway, pages, bearer):
    assert gateway().get("/v1/top-page", headers=bearer("900")).headers["cache-control"] == "private, no-store"
    assert pages["serving"].asked


def test_without_a_token_the_page_is_everyones(gateway, wished):
    gateway().get("/v1/top-page")
    assert wished == {"token": None}


def test_a_customers_page_needs_the_customers_token(gateway, pages, bearer):
    client = gateway()
    assert client.get("/v1/top-page?userId=900").status_code == 401
    assert client.get("/v1/top-page?userId=900", headers=bearer("901")).status_code == 403
    assert not pages["serving"].asked


@pytest.mark.usefixtures("pages")
def test_while_serving_is_away_the_active_generation_is_shown(gateway, bearer, nowhere):
    page = gateway(serving_url=nowhere).get("/v1/top-page", headers=bearer("900")).json()
    assert (page["degraded"], page["generation"], page["shelves"]) == (True, "g1", PAGE["shelves"])
    assert "hidden" not in page


def test_an_error_of_serving_counts_as_away(gateway, pages, bearer):
    pages["serving"].says("/v1/pages", {"title": "Internal error"}, status=500)
    assert gateway().get("/v1/top-page", headers=bearer("900")).json()["generation"] == "g1"


def test_while_both_are_away_the_page_is_empty_and_no_error(gateway, bearer, nowhere):
    answer = gateway(serving_url=nowhere, content_url=nowhere).get("/v1/top-page", headers=bearer("900"))
    assert answer.status_code == 200
    assert (answer.json()["shelves"], answer.json()["degraded"]) == ([], True)
    assert answer.json()["warnings"] == ["serving is unavailable", "content is unavailable"]


def test_an_unknown_parameter_is_refused_by_name(gateway):
    answer = gateway().get("/v1/top-page?user=900")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.user")
