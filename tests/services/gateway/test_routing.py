import pytest

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/v1/products", "catalog"),
        ("/v1/products/7", "catalog"),
        ("/v1/products/7/stock", "catalog"),
        ("/v1/products/popular", "analytics"),
        ("/v1/products/trending", "analytics"),
        ("/v1/products/sku:a%2Fb/statistics", "analytics"),
        ("/v1/funnel", "analytics"),
        ("/v1/search-terms", "analytics"),
        ("/v1/products/7/similar", "serving"),
        ("/v1/products/sku:a%2Fb/similar", "serving"),
        ("/v1/products/sku:a%2Fsimilar", "catalog"),
        ("/v1/categories/3", "catalog"),
        ("/v1/actions", "analytics"),
        ("/v1/users/900/actions", "analytics"),
        ("/v1/users/900/views", "analytics"),
        ("/v1/users/anon:1/recommendations", "serving"),
        ("/v1/auth/sessions", "auth"),
        ("/v1/auth/users/900/roles/analyst", "auth"),
        ("/v1/users/me", "profile"),
        ("/v1/users/me/export", "profile"),
        ("/v1/users/900", "profile"),
        ("/v1/erasures/900", "profile"),
        ("/v1/carts/me/items", "cart"),
        ("/v1/orders", "order"),
        ("/v1/orders/7/returns", "order"),
        ("/v1/returns/7/approve", "order"),
        ("/v1/users/900/orders", "order"),
        ("/v1/users/900/returns", "order"),
        ("/v1/payments/7", "payment"),
        ("/v1/users/900/payments", "payment"),
        ("/v1/local-payments/7/action", "payment"),
        ("/v1/webhooks/stripe", "payment"),
        ("/v1/pages", "serving"),
        ("/v1/feedback", "serving"),
        ("/v1/models", "serving"),
        ("/v1/displays", "content"),
        ("/v1/top-page-displays/5", "content"),
        ("/v1/generations", "content"),
        ("/v1/generations/g1/activate", "content"),
    ],
)
def test_a_path_is_answered_by_its_service(gateway, path, service):
    assert gateway().get(path).json()["service"] == service


def test_an_unknown_path_is_a_404_of_the_gateway(gateway, services):
    answer = gateway().get("/v1/secrets")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert not any(service.asked for service in services.values())


@pytest.mark.parametrize(
    "path",
    [
        "/v1/products/../../metrics",
        "/v1/products/%2e%2e/%2E./metrics",
        "/v1/products/x/../bulk",
        "/v1/products/x%2F..%2Fbulk",
        "/v1/categories/./bulk",
        "/v1/../metrics",
    ],
)
def test_no_path_leads_out_of_the_routing_table(gateway, services, raw, path):
    status = raw(gateway(), f"POST {path} HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n".encode())
    assert status == 404
    assert not any(service.asked for service in services.values())


def test_a_path_travels_as_it_was_written_even_where_few_would_write_it_so(gateway, services, raw):
    raw(gateway(), b"GET /v1/products/a|b%zz HTTP/1.1\r\nHost: shop\r\n\r\n")
    assert services["catalog"].asked[0].scope["raw_path"] == b"/v1/products/a|b%zz"


def test_path_and_query_travel_as_they_were_written(gateway):
    seen = gateway().get("/v1/categories/A%20%3E%20B%2FC?code=a%20b&code=c+d").json()
    assert (seen["path"], seen["query"]) == ("/v1/categories/A%20%3E%20B%2FC", "code=a%20b&code=c+d")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_reaches_the_service(gateway, method):
    assert gateway().request(method, "/v1/products/7").json()["method"] == method


def test_the_answer_of_the_service_is_not_touched(gateway, services):
    services["catalog"].says("/v1/products/7", {"title": "Gone"}, status=410)
    answer = gateway().get("/v1/products/7")
    assert (answer.status_code, answer.json()) == (410, {"title": "Gone"})


def test_headers_of_one_hop_and_cookies_end_here(gateway):
    sent = {"Connection": "x-once", "X-Once": "1", "Cookie": "a=b", "TE": "trailers", "X-Kept": "yes"}
    seen = gateway().get("/v1/products", headers=sent).json()["headers"]
    assert seen["x-kept"] == "yes"
    assert not {"x-once", "cookie", "te"} & set(seen)


def test_the_service_learns_who_asked_and_by_which_name(gateway):
    client = gateway()
    seen = client.get("/v1/products").json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-host"] == f"{client.base_url.host}:{client.base_url.port}"


def test_the_request_id_goes_along_and_comes_back(gateway):
    answer = gateway().get("/v1/products", headers={"X-Request-Id": "order-7"})
    assert answer.headers["x-request-id"] == answer.json()["headers"]["x-request-id"] == "order-7"


def test_a_request_id_is_made_where_there_is_no_usable_one(gateway):
    answer = gateway().get("/v1/products", headers={"X-Request-Id": "two words"})
    assert answer.headers["x-request-id"] == answer.json()["headers"]["x-request-id"] != "two words"


def test_the_trace_goes_on(gateway):
    seen = gateway().get("/v1/products", headers={"traceparent": TRACEPARENT}).json()["headers"]
    assert seen["traceparent"].split("-")[1] == TRACEPARENT.split("-")[1]


def test_the_service_gets_no_more_time_than_the_caller_grants(gateway):
    seen = gateway().get("/v1/products", headers={"X-Deadline-Ms": "700"}).json()["headers"]
    assert 0 < int(seen["x-deadline-ms"]) <= 700


def test_without_a_deadline_the_gateway_sets_its_own(gateway):
    seen = gateway(timeout_seconds=3).get("/v1/products", headers={"X-Deadline-Ms": "soon"}).json()["headers"]
    assert int(seen["x-deadline-ms"]) == 3000


def test_a_bad_token_ends_at_the_gateway(gateway, services):
    answer = gateway().get("/v1/products", headers={"Authorization": "Bearer no.such.token"})
    assert answer.status_code == 401
    assert not services["catalog"].asked


def test_a_good_token_goes_along(gateway, bearer):
    headers = bearer("900")
    assert gateway().get("/v1/products", headers=headers).json()["headers"]["authorization"] == headers["Authorization"]


def test_a_browser_of_a_named_origin_may_ask(gateway):
    answer = gateway(cors_origins=("https://shop.example",)).get(
        "/v1/products", headers={"Origin": "https://shop.example"}
    )
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"


def test_a_page_of_a_named_origin_changes_only_what_it_has_seen(gateway):
    client = gateway(cors_origins=("https://shop.example",))
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "if-match, idempotency-key",
    }
    assert client.options("/v1/banners/1", headers=asked).status_code == 200
    answer = client.get("/v1/products", headers={"Origin": "https://shop.example"})
    assert {"ETag", "Location"} <= set(answer.headers["access-control-expose-headers"].split(", "))


def test_a_browser_of_another_origin_may_not(gateway):
    answer = gateway(cors_origins=("https://shop.example",)).get("/v1/products", headers={"Origin": "https://evil"})
    assert "access-control-allow-origin" not in answer.headers
