from email.message import EmailMessage

import jwt
import pytest

pytestmark = pytest.mark.usefixtures("viewing")

LOGIN = {"email": "aiko@example.com", "password": "correct horse battery"}
VIEW = "/v1/auth/users/900/view-as"


@pytest.fixture
def viewing(auth, tokens):
    """Auth as it lets the gateway view as the user 900."""
    token = tokens.user("900", actor="service:gateway")
    auth.says(VIEW, {"userId": "900", "accessToken": token, "tokenType": "Bearer", "expiresIn": 300}, 201)
    return auth


def view_as(client, user_id="900"):
    return client.post("/preview/view", json={"userId": user_id})


def subject_at(client):
    token = client.get("/v1/products").json()["headers"]["authorization"].removeprefix("Bearer ")
    return jwt.decode(token, options={"verify_signature": False})["sub"]


def test_the_preview_views_as_a_user_and_says_so(gateway):
    client = gateway(preview_shoppers=("900", "1"))
    session = view_as(client).json()
    assert (session["kind"], session["userId"], session["isView"], session["roles"]) == ("user", "900", True, [])
    assert client.get("/session").json()["isView"] is True
    assert subject_at(client) == "900"


def test_auth_is_asked_by_the_gateways_own_token(gateway, viewing):
    view_as(gateway())
    [asked] = [each for each in viewing.asked if each.url.path == VIEW]
    token = asked.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["sub"], claims["aud"], claims["token_use"]) == ("gateway", "auth", "service")


def test_an_id_with_odd_characters_is_one_part_of_the_path(gateway, viewing):
    view_as(gateway(), "a?b=#1")
    assert viewing.asked[-1].scope["raw_path"] == b"/v1/auth/users/a%3Fb%3D%231/view-as"


def test_whoever_stops_viewing_is_who_logged_in(gateway):
    client = gateway()
    client.post("/session", json=LOGIN)
    view_as(client)
    after = client.delete("/preview/view").json()
    assert (after["userId"], after["isView"]) == ("u7", False)
    assert subject_at(client) == "u7"


def test_whoever_stops_viewing_is_the_visitor_of_before(gateway):
    client = gateway()
    before = client.get("/session").json()["userId"]
    view_as(client)
    assert client.delete("/preview/view").json()["userId"] == before


def test_who_logs_in_views_as_nobody(gateway):
    client = gateway()
    view_as(client)
    client.post("/session", json=LOGIN)
    assert client.get("/session").json()["userId"] == "u7"


def test_a_user_that_does_not_exist_is_told_in_auths_words(gateway, viewing):
    told = {"type": "urn:x", "title": "User not found", "status": 404, "detail": "There is no user 901."}
    viewing.says("/v1/auth/users/901/view-as", told, 404)
    client = gateway()
    assert view_as(client, "901").json() == told
    assert "tanawari_view" not in client.cookies


@pytest.mark.parametrize("user_id", ["two words", "anon:00000000-0000-4000-8000-000000000000"])
def test_an_id_that_is_no_users_is_refused_by_name(gateway, user_id):
    answer = view_as(gateway(), user_id)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.userId")


def test_without_the_switch_there_is_no_preview(gateway, viewing, tmp_path):
    client = gateway(preview_login=False, preview_mail_folder=tmp_path)
    answers = [view_as(client), client.delete("/preview/view"), client.get("/preview/inbox")]
    assert {answer.status_code for answer in answers} == {404}
    assert client.get("/session").json()["preview"] is None
    assert viewing.asked == []


def test_the_latest_mails_come_first(gateway, tmp_path):
    for number in range(25):
        mail = EmailMessage()
        mail["To"], mail["Subject"] = f"u{number:02}@example.com", "Confirm / 確認"
        mail.set_content("次のリンク http://shop/account/confirm#code=1", cte="8bit")
        (tmp_path / f"{number:02}.eml").write_bytes(mail.as_bytes())
    (tmp_path / "99.new").write_text("a draft")
    answer = gateway(preview_mail_folder=tmp_path).get("/preview/inbox")
    assert answer.headers["Cache-Control"] == "no-store"
    items = answer.json()["items"]
    assert (len(items), items[0]["to"], items[0]["subject"]) == (20, "u24@example.com", "Confirm / 確認")
    assert "次のリンク" in items[0]["text"]


def test_without_a_folder_there_are_no_mails(gateway):
    assert gateway().get("/preview/inbox").status_code == 404
