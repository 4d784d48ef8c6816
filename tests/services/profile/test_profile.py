import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_user_who_registered_has_a_profile(registered, events):
    anna = await registered("anna")
    answer = (await anna.get("/v1/users/me")).json()
    assert (answer["id"], answer["email"], answer["version"]) == ("anna", "anna@example.com", 1)
    assert answer["preferences"] == {
        "locale": None,
        "personalisation": {"consent": True},
        "shelves": {"optedOut": []},
    }
    assert events("anna") == [("USER_PROFILE_CREATED", {"userId": "anna", "email": "anna@example.com"})]


async def test_a_change_keeps_what_it_omits_and_null_clears(registered):
    ben = await registered("ben")
    await ben.patch("/v1/users/me", json={"displayName": "Ben", "firstName": "Benjamin"})
    await ben.patch("/v1/users/me", json={"lastName": "Bach", "firstName": None})
    answer = (await ben.get("/v1/users/me")).json()
    assert (answer["displayName"], answer["firstName"], answer["lastName"]) == ("Ben", None, "Bach")
