import jwt
import pytest

COOKIE = "tanawari_session"


def begin(client, user_id=None):
    return client.post("/preview/session", json={"userId": user_id} if user_id else {})


def test_the_preview_views_as_a_shopper(gateway):
    client = gateway()
    assert begin(client, "900").json()["userId"] == "900"
    assert client.get("/preview/session").json()["userId"] == "900"


def test_a_service_views_as_nobody(gateway, bearer):
    assert gateway().get("/preview/session", headers=bearer("importer", calls="catalog")).json()["userId"] is None


def test_the_token_is_short_and_no_script_can_read_it(gateway):
    client = gateway()
    cookie = begin(client, "900").headers["set-cookie"]
    claims = jwt.decode(client.cookies[COOKIE], options={"verify_signature": False})
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert (claims["sub"], claims["token_use"]) == ("900", "access")
    assert claims["exp"] - claims["iat"] <= 300
    assert claims["roles"] == []


def test_without_an_id_one_is_a_new_visitor(gateway):
    visitors = {begin(gateway()).json()["userId"] for _ in range(2)}
    assert len(visitors) == 2
    assert all(visitor.startswith("anon:") for visitor in visitors)


def test_services_see_a_bearer_token_and_no_cookie(gateway):
    client = gateway()
    begin(client, "900")
    seen = client.get("/v1/products").json()["headers"]
    assert seen["authorization"] == f"Bearer {client.cookies[COOKIE]}"
    assert "cookie" not in seen


def test_a_token_in_the_header_wins_over_the_cookie(gateway, bearer):
    client = gateway()
    begin(client, "900")
    headers = bearer("901")
    assert client.get("/v1/products", headers=headers).json()["headers"]["authorization"] == headers["Authorization"]


def test_another_program_on_this_machine_cannot_act_with_the_cookie(gateway):
    client = gateway()
    begin(client, "900")
    seen = client.post("/v1/actions", headers={"Sec-Fetch-Site": "same-site"}).json()["headers"]
    assert "authorization" not in seen


@pytest.mark.parametrize("lacking", [{"auth_signing_key_file": None}, {"preview_login": False}], ids=["key", "switch"])
def test_without_the_development_key_and_the_switch_there_is_no_preview(gateway, lacking):
    client = gateway(**lacking)
    assert begin(client, "900").status_code == client.get("/preview/session").status_code == 404


def test_an_id_that_is_none_is_refused_by_name(gateway):
    answer = begin(gateway(), "two words")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.userId")
