"""Where too much is asked at once, what the shop can do without is refused first, and buying goes on."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager

import pytest
from starlette.responses import Response, StreamingResponse

from services.gateway.shedding import Share, share_of
from tests.waiting import eventually, wait_until

CATEGORY, SEARCH = "/v1/categories/7", "/v1/search"


@pytest.fixture
def flood(services):
    """Asks for a path many times at once, whose service answers at the end only; gives those that were refused."""

    @contextmanager
    def begin(client, service, path, number, *, taken):
        may_answer = threading.Event()

        async def answer(_):
            await eventually(may_answer.is_set)
            return Response()

        services[service].answers[path] = answer
        with ThreadPoolExecutor(number) as pool:
            asked = [pool.submit(client.get, path) for _ in range(number)]
            try:
                wait_until(lambda: len(services[service].asked) == taken)
                wait_until(lambda: sum(each.done() for each in asked) == number - taken)
                yield [each.result() for each in asked if each.done()]
            finally:
                may_answer.set()
            assert sorted(each.result().status_code for each in wait(asked).done)[:taken] == [200] * taken

    return begin


def test_a_flood_of_browsing_leaves_room_for_buying(gateway, flood):
    client = gateway(requests_at_once=8)
    with flood(client, "catalog", CATEGORY, 20, taken=6) as refused:
        assert {(each.status_code, each.headers["retry-after"]) for each in refused} == {(503, "2")}
        bought = (client.post(path) for path in ("/v1/orders", "/v1/carts/me/items", "/v1/webhooks/stripe"))
        assert [each.status_code for each in (*bought, client.get("/session"), client.get("/health/live"))] == [200] * 5
        assert client.get("/v1/users/me").status_code == 503


def test_a_flood_of_searches_leaves_room_for_other_browsing(gateway, flood):
    client = gateway(requests_at_once=8)
    with flood(client, "catalog", SEARCH, 20, taken=4):
        assert client.get("/v1/top-page").status_code == client.get("/images/categories/0.svg").status_code == 503
        assert client.get(CATEGORY).status_code == client.get("/").status_code == 200


def test_readers_of_a_service_leave_it_room_for_buying(gateway, flood, monkeypatch):
    monkeypatch.setattr("services.gateway.upstream.CONNECTIONS", 4)
    client = gateway()
    with flood(client, "cart", "/v1/carts/me", 8, taken=3):
        assert client.put("/v1/carts/me/items/7").status_code == 200
        assert client.get(CATEGORY).status_code == 200


def test_who_does_not_read_an_answer_keeps_nobody_out(gateway, services):
    may_end = threading.Event()

    async def endless(_):
        async def pieces():
            yield b"the beginning"
            await eventually(may_end.is_set)

        return StreamingResponse(pieces())

    services["catalog"].answers[SEARCH] = endless
    client = gateway(requests_at_once=2)
    with client.stream("GET", SEARCH):
        assert client.get("/v1/products/popular").status_code == client.get(CATEGORY).status_code == 200
        may_end.set()


SHARES = {
    Share.BUYING: """
        POST /v1/orders; GET /v1/orders/7; POST /v1/orders/7/cancel; POST /v1/carts/me/items;
        DELETE /v1/carts/me/items/7; GET /v1/payments/7; POST /v1/local-payments/7/action; POST /v1/webhooks/paypal;
        GET /session; POST /session/refresh; POST /v1/auth/sessions/refresh
    """,
    Share.BROWSING: "GET /; GET /v1/products/7; POST /v1/products; GET /v1/carts/me; POST /session; GET /v1/users/me",
    Share.EXTRAS: """
        GET /v1/top-page; GET /v1/products; GET /v1/products/popular; GET /v1/products/7/similar; POST /v1/pages;
        GET /v1/products/trending; GET /v1/products/7/statistics; GET /v1/funnel; GET /v1/search-terms;
        GET /v1/search; GET /v1/search/suggestions; GET /v1/images/0a-400.webp;
        GET /v1/users/7/recommendations; POST /v1/actions; POST /v1/feedback; GET /images/categories/7.svg
    """,
}


@pytest.mark.parametrize("share", SHARES)
def test_each_request_has_its_share(share):
    assert {share_of(*each.split()) for each in SHARES[share].split(";")} == {share}
