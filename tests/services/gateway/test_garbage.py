"""Services that answer what they must not: the gateway's own pages do without them."""

import pytest

from services.gateway.drawings import draw
from tests.misbehaving import ANSWERS, misbehaving, whole
from tests.services.gateway.conftest import SERVICES

URLS = [f"{name}_url" for name in SERVICES]
KINDS = {
    name: ANSWERS[name] for name in ("another page", "another shape", "deep JSON", "a bomb", "half a body", "a circle")
} | {"a document of something else": [whole(b'{"paths": {"/v1/products": [1]}, "components": 7, "shelves": {}}')]}


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_is_an_outage_and_never_an_error(gateway, kind):
    with misbehaving(KINDS[kind]) as server:
        client = gateway(**dict.fromkeys(URLS, server.url))
        page = client.get("/v1/top-page")
        drawing = client.get("/images/categories/5.svg")
        document = client.get("/openapi.json")
    assert (page.status_code, page.json()["degraded"], page.json()["shelves"]) == (200, True, [])
    assert (drawing.status_code, drawing.text) == (200, draw("", ""))
    assert (document.status_code, "/v1/products" in document.json()["paths"]) == (200, False)
