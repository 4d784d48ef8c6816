import jwt
import pytest

pytestmark = pytest.mark.usefixtures("auth")

LOGIN = {"email": "aiko@example.com", "password": "correct horse battery"}
SESSIONS, REFRESH = "/v1/auth/sessions", "/v1/auth/sessions/refresh"


def cookie_of(answer, name):
    """The attributes of a cookie that an answer sets."""
    [found] = [each for each in answer.headers.get_list("set-cookie") if each.startswith(f"{name}=")]
    return set(found.split("; ")[1:])


def bearer_at(client, path="/v1/products", **options):
    """The subject of the token that a service gets."""
    header = client.get(path, **options).json()["headers"].get("authorization")
    return header and jwt.decode(header.removeprefix("Bearer "), options={"verify_signature": False})["sub"]


def test_a_browser_without_a_cookie_becomes_a_visitor_and_stays_one(gateway):
    client = gateway()
    first, second = client.get("/session").json(), client.get("/session").json()
    assert first["kind"] == "visitor"
    assert first["userId"] == second["userId"] == bearer_at(client)
    assert client.get("/session").headers["cache-control"] == "no-store"


def test_who_logs_in_is_that_user(gateway):
    client = gateway()
    answer = client.post("/session", json=LOGIN)
    assert (answer.json()["kind"], answer.json()["userId"], answer.json()["roles"]) == ("user", "u7", ["customer"])
    assert client.get("/session").json()["userId"] == bearer_at(client) == "u7"


def test_auth_learns_which_visitor_logs_in_and_from_where(gateway, auth):
    client = gateway()
    client.get("/session")
    client.post("/session", json=LOGIN)
    seen = next(each for each in auth.asked if each.url.path == SESSIONS).headers
    assert (seen["x-visitor-token"], seen["x-forwarded-for"]) == (client.cookies["tanawari_visitor"], "127.0.0.1")


def test_no_script_can_read_a_token(gateway):
    client = gateway()
    answer = client.post("/session", json=LOGIN)
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=300"} == cookie_of(answer, "tanawari_session") - {""}
    assert {"HttpOnly", "SameSite=strict", "Path=/session", "Max-Age=86400"} == cookie_of(answer, "tanawari_refresh")
    assert client.cookies["tanawari_session"] not in answer.text
    assert "r1" not in answer.text


def test_over_https_cookies_never_travel_without_it(gateway):
    answer = gateway().post("/session", json=LOGIN, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in cookie_of(answer, "tanawari_session")


def test_services_see_a_bearer_token_and_no_cookie(gateway):
    client = gateway()
    client.post("/session", json=LOGIN)
    seen = client.get("/v1/products").json()["headers"]
    assert seen["authorization"] == f"Bearer {client.cookies['tanawari_session']}"
    assert "cookie" not in seen


def test_a_token_in_the_header_wins_over_the_cookie(gateway, bearer):
    client = gateway()
    client.post("/session", json=LOGIN)
    assert bearer_at(client, headers=bearer("901")) == "901"


def test_a_wrong_password_is_told_in_auths_words(gateway, auth):
    told = {"type": "urn:x", "title": "Wrong credentials", "status": 401, "detail": "No such address and password."}
    auth.says(SESSIONS, told, 401)
    answer = gateway().post("/session", json=LOGIN)
    assert (answer.status_code, answer.json()) == (401, told)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
def test_another_page_logs_nobody_in_or_out_and_does_nothing_by_the_cookie(gateway, auth, headers):
    client = gateway()
    client.post("/session", json=LOGIN)
    asked = len(auth.asked)
    answers = [
        client.post("/session", json=LOGIN, headers=headers),
        client.post("/session/refresh", headers=headers),
        client.delete("/session", headers=headers),
        client.post("/preview/view", json={"userId": "1"}, headers=headers),
        client.delete("/preview/view", headers=headers),
    ]
    assert {answer.status_code for answer in answers} == {403}
    assert len(auth.asked) == asked
    assert "authorization" not in client.post("/v1/actions", headers=headers).json()["headers"]


def test_our_own_page_may_in_a_browser_that_names_only_the_origin(gateway):
    client = gateway()
    origin = f"http://{client.base_url.netloc.decode()}"
    assert client.post("/session", json=LOGIN, headers={"Origin": origin}).status_code == 200
