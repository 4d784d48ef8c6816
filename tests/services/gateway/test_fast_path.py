"""The fast path forwards what the route forwards, and nothing that the route refuses."""

from types import SimpleNamespace

import pytest
from fastapi.routing import iter_route_contexts

from services.gateway.app import create_app
from services.gateway.documents import service_of
from services.gateway.fast_path import ForwardingFastPath
from services.gateway.routing import ForwardingRoute
from services.gateway.settings import GatewaySettings

BY_THE_ROUTE = {"X-Deadline-Ms": "10000"}
OF_ONE_REQUEST = {"x-request-id", "traceparent", "x-deadline-ms"}


@pytest.fixture
def looked_at(monkeypatch):
    """The requests that reach the application behind the fast path."""
    seen = []
    find = ForwardingFastPath._find

    def watch(self, scope):
        found = find(self, scope)
        if found is None:
            seen.append((scope["method"], scope["path"]))
        return found

    monkeypatch.setattr(ForwardingFastPath, "_find", watch)
    return seen


def seen_by_service(answer):
    seen = answer.json()
    return {**seen, "headers": {name: value for name, value in seen["headers"].items() if name not in OF_ONE_REQUEST}}


@pytest.mark.parametrize(
    "path", ["/v1/products?q=a%20b", "/v1/products/sku:a%2Fb/similar", "/v1/users/anon:1/recommendations", "/v1/models"]
)
def test_both_ways_a_service_sees_the_same_and_the_caller_too(gateway, bearer, looked_at, path):
    client, headers = gateway(), {**bearer("900"), "X-Kept": "yes", "Cookie": "a=b"}
    client.get("/v1/products", headers=headers)
    looked_at.clear()
    fast = client.get(path, headers=headers)
    assert looked_at == []
    slow = client.get(path, headers={**headers, **BY_THE_ROUTE})
    assert len(looked_at) == 1
    assert seen_by_service(fast) == seen_by_service(slow)
    assert fast.headers.keys() == slow.headers.keys()


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/v1/products", {}),
        ("GET", "/v1/products/bulk", {}),
        ("GET", "/v1/top-page", {}),
        ("GET", "/v1/products", {"Content-Length": "0"}),
        ("GET", "/v1/products", {"Authorization": "Bearer no.such.token"}),
        ("GET", "/v1/products", {"Authorization": "Basic abc"}),
    ],
)
def test_what_is_not_clear_is_left_to_the_route(gateway, looked_at, method, path, headers):
    gateway().request(method, path, headers=headers)
    assert looked_at == [(method, path)]


def test_its_refusals_are_the_routes(gateway, nowhere, monkeypatch):
    monkeypatch.setattr("services.gateway.rate_limit.time", SimpleNamespace(time=lambda: 1_800_000_000.0))
    client = gateway(catalog_url=nowhere, address_requests_per_minute=2)
    for status in (503, 429):
        slow, fast = client.get("/v1/products", headers=BY_THE_ROUTE), client.get("/v1/products")
        assert (slow.status_code, fast.status_code) == (status, status)
        fields = ("type", "title", "status", "detail")
        assert {name: slow.json()[name] for name in fields} == {name: fast.json()[name] for name in fields}
        assert slow.headers.keys() == fast.headers.keys()


async def test_who_leaves_before_the_answer_is_no_error_on_either_way(environment, caplog):
    app, sent = create_app(GatewaySettings(**environment)), []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    for more in ({}, BY_THE_ROUTE):
        headers = [(name.lower().encode(), value.encode()) for name, value in {"Host": "shop", **more}.items()]
        asked = {"method": "GET", "path": "/v1/products", "raw_path": b"/v1/products", "query_string": b""}
        await app(
            {"type": "http", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), **asked}, receive, send
        )
    assert [message["status"] for message in sent if "status" in message] == [499, 499]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_no_route_of_the_gateways_own_is_on_a_path_of_the_table(environment):
    routes = iter_route_contexts(create_app(GatewaySettings(**environment)).routes)
    own = [each.path_format for each in routes if not isinstance(each.original_route, ForwardingRoute)]
    assert "/v1/top-page" in own
    assert [path for path in own if path and service_of(path)] == []
