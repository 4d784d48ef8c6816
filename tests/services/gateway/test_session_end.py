import asyncio
import threading

import httpx2
import pytest
from starlette.responses import JSONResponse

pytestmark = pytest.mark.usefixtures("auth")

LOGIN = {"email": "aiko@example.com", "password": "correct horse battery"}
SESSIONS, REFRESH, LOGOUT = "/v1/auth/sessions", "/v1/auth/sessions/refresh", "/v1/auth/sessions/current"
ENDED = {"type": "urn:tanawari:problem:session-ended", "title": "Session ended", "status": 401, "detail": "Log in."}


def test_a_refresh_renews_both_cookies(gateway):
    client = gateway()
    client.post("/session", json=LOGIN)
    answer = client.post("/session/refresh")
    assert (answer.json()["userId"], answer.json()["canRefresh"]) == ("u7", True)
    assert client.cookies["tanawari_refresh"] == "r2"


def test_tabs_that_refresh_at_once_are_one_refresh(gateway, auth, auth_tokens):
    client = gateway()
    both, asked = threading.Barrier(2, timeout=10), []

    async def slowly(request):
        asked.append(await request.json())
        await asyncio.sleep(0.5)
        return JSONResponse(auth_tokens("r2"))

    auth.answers[REFRESH] = slowly
    statuses = []

    def tab():
        cookies = {"tanawari_refresh": "r1"}
        with httpx2.Client(base_url=client.base_url, cookies=cookies, timeout=10) as own:
            both.wait()
            statuses.append(own.post("/session/refresh").status_code)

    threads = [threading.Thread(target=tab) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200, 200]
    assert asked == [{"refreshToken": "r1"}]


def test_a_session_that_has_ended_leaves_no_cookie_and_a_new_visitor(gateway, auth):
    client = gateway()
    before = client.get("/session").json()["userId"]
    client.post("/session", json=LOGIN)
    auth.says(REFRESH, ENDED, 401)
    assert client.post("/session/refresh").json() == ENDED
    assert set(client.cookies) == {"tanawari_visitor"}
    assert client.get("/session").json()["userId"] != before


def test_without_a_session_there_is_nothing_to_refresh(gateway, auth):
    assert gateway().post("/session/refresh").status_code == 401
    assert auth.asked == []


def test_a_browser_whose_access_token_has_ended_can_refresh(gateway):
    client = gateway()
    client.post("/session", json=LOGIN)
    client.cookies.delete("tanawari_session")
    session = client.get("/session").json()
    assert (session["kind"], session["canRefresh"]) == ("visitor", True)


def test_logging_out_ends_the_session_and_begins_a_new_visitor(gateway, auth):
    client = gateway()
    before = client.get("/session").json()["userId"]
    token = client.post("/session", json=LOGIN) and client.cookies["tanawari_session"]
    after = client.delete("/session").json()
    assert (after["kind"], after["canRefresh"]) == ("visitor", False)
    assert after["userId"] not in {before, "u7"}
    assert set(client.cookies) == {"tanawari_visitor"}
    [ended] = [each for each in auth.asked if each.url.path == LOGOUT]
    assert (ended.method, ended.headers["authorization"]) == ("DELETE", f"Bearer {token}")


def test_a_session_whose_access_token_has_ended_is_ended_too(gateway, auth):
    client = gateway()
    client.post("/session", json=LOGIN)
    client.cookies.delete("tanawari_session")
    client.delete("/session")
    assert [each.url.path for each in auth.asked][-2:] == [REFRESH, LOGOUT]


def test_a_session_whose_access_token_is_refused_is_ended_by_the_other_one(gateway, auth, auth_tokens):
    client = gateway()
    client.cookies.set("tanawari_session", auth_tokens("r1", lifetime=-60)["accessToken"])
    client.cookies.set("tanawari_refresh", "r1", path="/session")
    client.delete("/session")
    assert [each.url.path for each in auth.asked][-2:] == [REFRESH, LOGOUT]


def test_who_logs_in_over_a_session_ends_it(gateway, auth):
    client = gateway()
    client.post("/session", json=LOGIN)
    token = client.cookies["tanawari_session"]
    client.post("/session", json=LOGIN)
    [ended] = [each for each in auth.asked if each.url.path == LOGOUT]
    assert ended.headers["authorization"] == f"Bearer {token}"


def test_a_refresh_token_that_never_was_one_is_removed(gateway, auth):
    auth.says(REFRESH, {**ENDED, "status": 422, "title": "Unprocessable content"}, 422)
    answer = gateway().post("/session/refresh", headers={"Cookie": "tanawari_refresh=what?"})
    [dropped] = [each for each in answer.headers.get_list("set-cookie") if each.startswith("tanawari_refresh=")]
    assert (answer.status_code, "Max-Age=0" in dropped) == (422, True)


@pytest.mark.parametrize("odd", ["\u00e9", '"\\012"', "a" * 5_000])
@pytest.mark.parametrize("name", ["tanawari_visitor", "tanawari_session"])
def test_cookies_that_are_no_tokens_keep_nobody_from_logging_in_or_out(gateway, auth, name, odd):
    client, cookie = gateway(), {"Cookie": f"{name}={odd}".encode("latin-1")}
    assert client.post("/session", json=LOGIN, headers=cookie).status_code == 200
    client.cookies.clear()
    assert client.delete("/session", headers=cookie).status_code == 200
    assert [(each.url.path, each.headers.get("x-visitor-token")) for each in auth.asked] == [(SESSIONS, None)]


def test_while_auth_is_away_the_browser_is_logged_out(gateway, auth):
    client = gateway(preview_shoppers=())
    client.post("/session", json=LOGIN)
    auth.says(LOGOUT, {}, 503)
    assert client.delete("/session").json()["kind"] == "visitor"
    assert set(client.cookies) == {"tanawari_visitor"}


@pytest.mark.parametrize(
    ("content", "status"),
    [({"accessToken": "a.b.c"}, 201), ({}, 503), ({"title": "odd"}, 404), ([1], 201), ("<html>", 500)],
)
def test_garbage_of_auth_is_an_outage_of_the_login_alone(gateway, auth, content, status):
    client = gateway(preview_shoppers=())  # one of its own, whose circuit may open
    auth.says(SESSIONS, content, status)
    answer = client.post("/session", json=LOGIN)
    assert (answer.status_code, answer.json()["title"]) == (503, "Login unavailable")
    assert "tanawari_session" not in client.cookies
    assert client.get("/v1/products").status_code == client.get("/").status_code == 200


def test_a_token_that_nobody_signed_logs_nobody_in(gateway, auth, auth_tokens):
    auth.says(SESSIONS, {**auth_tokens("r1"), "accessToken": "a.b.c"}, 201)
    client = gateway()
    assert client.post("/session", json=LOGIN).status_code == 503
    assert "tanawari_session" not in client.cookies


def test_while_auth_is_away_logins_say_so_and_running_sessions_go_on(gateway, nowhere):
    client, without = gateway(), gateway(auth_url=nowhere)
    client.post("/session", json=LOGIN)
    without.cookies = client.cookies
    answer = without.post("/session", json=LOGIN)
    assert (answer.status_code, answer.json()["title"]) == (503, "Login unavailable")
    assert "retry-after" in answer.headers
    assert without.get("/session").json()["userId"] == "u7"


def test_an_auth_that_is_slow_is_waited_for_no_longer_than_agreed(gateway, auth, monkeypatch):
    async def slow(_):
        await asyncio.sleep(2)
        return JSONResponse({})

    monkeypatch.setattr("services.gateway.accounts.SECONDS", 0.2)
    auth.answers[SESSIONS] = slow
    assert gateway(preview_shoppers=()).post("/session", json=LOGIN).status_code == 503
