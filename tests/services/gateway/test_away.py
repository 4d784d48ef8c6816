import asyncio
import socket
import threading
import time
from contextlib import contextmanager

from starlette.responses import Response


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


def test_a_service_that_is_away_is_told_fast(gateway, nowhere):
    started = time.monotonic()
    answer = gateway(catalog_url=nowhere).get("/v1/products")
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) > 0
    assert time.monotonic() - started < 2


def test_the_others_are_still_there(gateway, nowhere):
    assert gateway(catalog_url=nowhere).get("/v1/displays").status_code == 200


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
    client = gateway(preview_households=())
    impatient = {client.get("/v1/products", headers={"X-Deadline-Ms": "1"}).status_code for _ in range(10)}
    assert impatient == {504}
    assert client.get("/v1/products").status_code == 200


def test_nobody_closes_the_shop_by_sending_half_a_body(gateway, raw):
    client = gateway(timeout_seconds=0.1)
    half = b"POST /v1/actions HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\nhalf"
    assert [raw(client, half) for _ in range(4)] == [504] * 4
    assert client.post("/v1/actions", json={}).status_code == 200


def test_a_service_that_comes_back_is_asked_again(gateway, services, serve, nowhere):
    port = int(nowhere.rpartition(":")[2])
    client = gateway(catalog_url=nowhere)
    assert [client.get("/v1/products").status_code for _ in range(4)] == [503] * 4
    with serve(services["catalog"], port):
        deadline = time.monotonic() + 10
        while client.get("/v1/products").status_code != 200:
            assert time.monotonic() < deadline


def test_a_service_whose_own_parts_are_away_opens_no_circuit(gateway, services):
    services["catalog"].says("/v1/products", {"title": "Service unavailable"}, status=503)
    client = gateway()
    assert {client.get("/v1/products").status_code for _ in range(6)} == {503}
    assert len(services["catalog"].asked) == 6


def test_readiness_names_the_service_that_is_away(gateway, nowhere):
    answer = gateway(catalog_url=nowhere).get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert {name for name, state in answer.json()["dependencies"].items() if state != "ok"} == {"catalog"}
