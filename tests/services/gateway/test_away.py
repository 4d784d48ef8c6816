import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import UUID

import pytest
from starlette.responses import Response

from services.common.runtime.settings import ServerLimits
from services.common.web.guard import GuardedProtocol
from stack.parts.process import free_port
from tests.services.gateway.standing_in import broken
from tests.waiting import wait_until


@contextmanager
def slamming_door():
    """A server that hangs up on everyone; gives its address and the list of visits."""
    visits = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run():
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                visits.append(address)
                connection.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", visits
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_that_a_service_is_away_is_told_without_waiting_for_it(gateway, nowhere):
    answer = gateway(catalog_url=nowhere, timeout_seconds=600).get("/v1/products")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0


def test_the_others_are_still_there(gateway, nowhere):
    assert gateway(catalog_url=nowhere).get("/v1/displays").status_code == 200


BUYING = {"cart": "/v1/carts/me", "order": "/v1/orders", "payment": f"/v1/payments/{UUID(int=1)}"}


@pytest.mark.parametrize(("state", "status"), {"away": 503, "silent": 504}.items())
@pytest.mark.parametrize("service", BUYING)
def test_where_one_of_those_that_sell_is_of_no_use_the_rest_of_the_shop_is_open(gateway, service, state, status):
    with broken(state) as url:
        client = gateway(timeout_seconds=0.5, **{f"{service}_url": url})
        answers = {name: client.get(path).status_code for name, path in BUYING.items()}
        assert client.get("/v1/products").status_code == client.get("/v1/top-page").status_code == 200
    assert answers == dict.fromkeys(BUYING, 200) | {service: status}


def test_a_service_that_hangs_up_is_a_502(gateway):
    with slamming_door() as (url, _):
        answer = gateway(catalog_url=url).get("/v1/products")
    assert (answer.status_code, "retry-after" in answer.headers) == (502, True)


def test_a_service_that_does_not_answer_in_time_is_a_504(gateway, services):
    async def answer(_):
        await asyncio.sleep(5)

    services["catalog"].answers["/v1/products"] = answer
    answer = gateway().get("/v1/products", headers={"X-Deadline-Ms": "50"})
    assert answer.status_code == 504


def test_a_failing_service_is_left_alone_for_a_while(gateway):
    with slamming_door() as (url, visits):
        client = gateway(catalog_url=url)
        statuses = [client.get("/v1/products").status_code for _ in range(6)]
    assert statuses == [502, 502, 502, 503, 503, 503]
    assert len(visits) == 3


def answers_late(service, seconds=0.5):
    async def answer(_):
        await asyncio.sleep(seconds)
        return Response()

    service.answers["/v1/products"] = answer


def test_a_service_that_is_always_too_slow_is_left_alone_too(gateway, services):
    answers_late(services["catalog"])
    client = gateway(timeout_seconds=0.1)
    assert [client.get("/v1/products").status_code for _ in range(4)] == [504, 504, 504, 503]


def test_nobody_closes_the_shop_by_granting_no_time(gateway, services):
    answers_late(services["catalog"], 0.05)
    client = gateway(preview_shoppers=())
    impatient = {client.get("/v1/products", headers={"X-Deadline-Ms": "1"}).status_code for _ in range(10)}
    assert impatient == {504}
    assert client.get("/v1/products").status_code == 200


def test_half_a_body_reaches_no_service_and_ends_with_a_408(gateway, services, raw, monkeypatch):
    monkeypatch.setattr(GuardedProtocol, "limits", ServerLimits(body_pause_seconds=0.1))
    half = b"POST /v1/actions HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nhalf"
    assert raw(gateway(), half) == 408
    assert not services["analytics"].asked


def test_nobody_closes_the_shop_by_spaces_after_a_header(gateway, services, raw):
    client = gateway()
    spaces = b"GET /v1/products HTTP/1.1\r\nHost: shop\r\nX-A: a \t \r\n\r\n"
    assert [raw(client, spaces) for _ in range(4)] == [200] * 4
    assert services["catalog"].asked[0].headers["x-a"] == "a"


def test_nobody_closes_the_shop_by_what_cannot_be_sent_on(gateway, raw):
    client = gateway()
    unspeakable = b"GET /v1/products?q=\xff HTTP/1.1\r\nHost: shop\r\n\r\n"
    assert [raw(client, unspeakable) for _ in range(4)] == [400] * 4
    assert client.get("/v1/products").status_code == 200


def test_one_caller_has_a_part_of_the_connections_only(gateway, services, bearer, monkeypatch):
    monkeypatch.setattr("services.gateway.upstream.CONNECTIONS_PER_CALLER", 1)
    asked, may_answer = threading.Event(), threading.Event()

    async def answer(_):
        asked.set()
        await asyncio.to_thread(may_answer.wait)
        return Response()

    services["catalog"].answers["/v1/products/1"] = answer
    client = gateway()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(client.get, "/v1/products/1")
        assert asked.wait(10)
        assert client.get("/v1/products").status_code == 429
        assert client.get("/v1/products", headers=bearer("900")).status_code == 200
        may_answer.set()
        assert first.result().status_code == 200
    wait_until(lambda: client.get("/v1/products").status_code == 200)


def test_a_service_that_comes_back_is_asked_again(gateway, services, serve):
    port = free_port()
    client = gateway(catalog_url=f"http://127.0.0.1:{port}")
    assert [client.get("/v1/products").status_code for _ in range(4)] == [503] * 4
    with serve(services["catalog"], port):
        wait_until(lambda: client.get("/v1/products").status_code == 200)


def test_a_service_whose_own_parts_are_away_opens_no_circuit(gateway, services):
    services["catalog"].says("/v1/products", {"title": "Service unavailable"}, status=503)
    client = gateway()
    assert {client.get("/v1/products").status_code for _ in range(6)} == {503}
    assert len(services["catalog"].asked) == 6


def test_readiness_tells_that_a_service_is_away_and_not_which(gateway, nowhere):
    answer = gateway(catalog_url=nowhere).get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})
