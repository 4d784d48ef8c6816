import pytest
import pytest_asyncio

from tests.services.profile.addresses import TOKYO

pytestmark = pytest.mark.asyncio(loop_scope="module")
ME = "/v1/users/me"
DEFAULTS = {"locale": None, "personalisation": {"consent": True}, "shelves": {"optedOut": []}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def anna(registered):
    return await registered("anna")


async def test_a_user_who_registered_has_a_profile_with_the_defaults(registered):
    answer = (await (await registered("new")).get(ME)).json()
    assert (answer["id"], answer["email"], answer["version"]) == ("new", "new@example.com", 1)
    assert answer["preferences"] == DEFAULTS
    assert answer["address"] is None


async def test_a_change_keeps_what_it_omits_and_null_clears(anna):
    await anna.patch(ME, json={"displayName": "Anna", "firstName": "Anna-Lena", "phoneNumber": "03-1234-5678"})
    answer = (await anna.patch(ME, json={"lastName": "Bach", "firstName": None})).json()
    assert [answer[name] for name in ("displayName", "firstName", "lastName")] == ["Anna", None, "Bach"]
    assert answer == (await anna.get(ME)).json()


async def test_a_change_of_one_preference_keeps_the_others_and_null_restores_the_default(anna):
    await anna.patch(ME, json={"preferences": {"locale": "ja", "shelves": {"optedOut": ["SALE"]}}})
    answer = await anna.patch(ME, json={"preferences": {"personalisation": {"consent": False}, "locale": None}})
    assert answer.json()["preferences"] == {
        "locale": None,
        "personalisation": {"consent": False},
        "shelves": {"optedOut": ["SALE"]},
    }
    assert (await anna.patch(ME, json={"preferences": None})).json()["preferences"] == DEFAULTS


async def test_addresses_are_replaced_as_a_whole(anna):
    await anna.patch(ME, json={"address": {"addresses": [TOKYO, {**TOKYO, "label": "Work"}]}})
    answer = await anna.patch(ME, json={"address": {"addresses": [{**TOKYO, "id": "home"}]}})
    assert answer.json()["address"] == {"addresses": [{**TOKYO, "id": "home", "isDefault": True}]}
    assert (await anna.patch(ME, json={"address": None})).json()["address"] is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "other@example.com"}, "body.email"),
        ({"preferences": {"colour": "red"}}, "body.preferences.colour"),
        ({"preferences": {"shelves": {"optedOut": ["BARGAIN"]}}}, "body.preferences.shelves.optedOut.0"),
        ({"preferences": {"locale": "japanese, please"}}, "body.preferences.locale"),
        ({"address": {"addresses": [{**TOKYO, "postalCode": "15"}]}}, "body.address.addresses.0.postalCode"),
        ({"avatar": "http://example.com/a.png"}, "body.avatar"),
        ({"avatar": "javascript:alert(1)"}, "body.avatar"),
        ({"avatar": "https://example.com/" + 2_000 * "a"}, "body.avatar"),
        ({"phoneNumber": "call me"}, "body.phoneNumber"),
        ({"version": None}, "body.version"),
    ],
)
async def test_a_refusal_names_the_field(anna, body, field):
    answer = await anna.patch(ME, json=body)
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]


async def test_a_change_is_told_with_what_the_platform_needs_and_no_address(registered, events):
    ben = await registered("ben")
    preferences = {"personalisation": {"consent": False}, "shelves": {"optedOut": ["SALE"]}, "locale": "ja"}
    await ben.patch(ME, json={"displayName": "Ben", "address": {"addresses": [TOKYO]}, "preferences": preferences})
    (_, snapshot), (_, action) = told = events("ben")[1:]
    assert [event_type for event_type, _ in told] == ["USER_PROFILE_UPDATED", "USER_UPDATE"]
    assert snapshot == {
        "userId": "ben",
        "displayName": "Ben",
        "locale": "ja",
        "personalisationConsent": False,
        "optedOutShelves": ["SALE"],
        "profileVersion": 2,
    }
    assert action["metadata"] == {"fields": ["address", "display_name", "preferences"]}


async def test_a_change_to_what_is_there_already_is_not_told(registered, events):
    carl = await registered("carl")
    for _ in range(2):
        answer = await carl.patch(ME, json={"displayName": "Carl", "preferences": {"locale": "de"}})
    assert answer.json()["version"] == 2
    assert len(events("carl")) == 3


async def test_a_change_that_is_based_on_an_older_version_is_refused(registered):
    dora = await registered("dora")
    assert (await dora.patch(ME, json={"version": 1, "displayName": "Dora"})).status_code == 200
    answer = await dora.patch(ME, json={"version": 1, "displayName": "Theodora"})
    assert (answer.status_code, answer.json()["title"]) == (409, "Version conflict")
    assert (await dora.get(ME)).json()["displayName"] == "Dora"


async def test_a_repeated_change_with_its_key_gets_the_first_answer(registered):
    emma = await registered("emma")
    first, second = [
        await emma.patch(ME, json={"version": 1, "displayName": "Emma"}, headers={"Idempotency-Key": "k"}) for _ in "12"
    ]
    assert (second.status_code, second.json()) == (200, first.json())


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(
    ("subject", "token", "status"),
    [
        ("anna", {}, 200),
        ("ben", {}, 403),
        ("merchant", {"roles": ("merchandiser",)}, 403),
        ("otto", {"roles": ("operator",)}, 200),
        ("ada", {"roles": ("admin",)}, 200),
    ],
)
async def test_a_profile_is_for_its_user_and_for_operators(calling, subject, token, status):
    assert (await calling(subject, **token).get("/v1/users/anna")).status_code == status


async def test_there_is_no_profile_of_an_unknown_user(calling):
    assert (await calling("nobody").get(ME)).status_code == 404
    assert (await calling("nobody").patch(ME, json={"displayName": "N"})).status_code == 404
