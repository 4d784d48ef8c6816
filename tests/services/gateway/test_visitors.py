import jwt
import pytest

from services.gateway import cookies


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_an_app_gets_a_visitor_and_its_token(gateway):
    answer = gateway().post("/v1/visitors")
    visitor, claims = answer.json(), claims_of(answer.json()["token"])
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert (claims["sub"], claims["token_use"]) == (visitor["visitorId"], "visitor")
    assert claims["exp"] - claims["iat"] == pytest.approx(visitor["expiresIn"], abs=1)
    headers = {"Authorization": f"Bearer {visitor['token']}"}
    assert gateway().get("/v1/products", headers=headers).status_code == 200


def test_every_visitor_is_another_one(gateway):
    client = gateway()
    assert len({client.post("/v1/visitors").json()["visitorId"] for _ in range(3)}) == 3


@pytest.mark.parametrize("path", ["/", "/account/login", "/products/7"])
def test_a_page_makes_a_browser_a_visitor_once(gateway, path):
    client = gateway()
    set_cookie = client.get(path).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(set_cookie.split("; "))
    assert "set-cookie" not in client.get(path).headers


def test_new_visitors_of_an_address_are_limited_and_known_ones_are_not(gateway):
    client = gateway(address_requests_per_minute=1)
    assert [client.get("/").status_code for _ in range(3)] == [200] * 3
    client.cookies.clear()
    assert client.get("/").status_code == 429


def test_a_link_of_another_site_does_not_replace_the_visitor_whose_cookie_the_browser_keeps_back(gateway):
    answer = gateway().get("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (200, False)
    assert gateway().get("/session", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_visitor_whose_token_is_not_valid_any_more_is_a_new_one(gateway, tokens):
    client = gateway()
    ended = tokens.signer("gateway").visitor_token("anon:00000000-0000-4000-8000-000000000000", lifetime=-60)
    answer = client.get("/", headers={"Cookie": f"{cookies.VISITOR}={ended}"})
    assert f"{cookies.VISITOR}=" in answer.headers["set-cookie"]


def test_a_page_with_a_cookie_is_in_no_shared_cache(gateway):
    assert "private" in gateway().get("/").headers["cache-control"]


def test_a_token_of_somebody_else_in_the_cookie_is_nobodys(gateway):
    client = gateway()
    forged = {"Cookie": f"{cookies.VISITOR}=no.such.token"}
    assert client.get("/v1/products", headers=forged).status_code == 401
    assert client.get("/session", headers=forged).json()["kind"] == "visitor"


def test_a_picture_needs_no_valid_cookie(gateway):
    forged = {"Cookie": f"{cookies.SESSION}=no.such.token"}
    assert gateway().get("/images/categories/0.svg", headers=forged).status_code == 200
