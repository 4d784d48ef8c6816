import asyncio

import psycopg
import pytest

from services.common.messaging.producer import Producer
from services.contracts.envelope import Event
from services.contracts.events.identity import UserDeleted
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def row(product_id, rank=1, **more):
    return {"displayType": "RECOMMENDED", "userId": None, "rank": rank, "productId": product_id, **more}


async def roll_back(client, **body):
    return await client.post("/v1/generations/rollback", json=body or None)


async def test_a_generation_is_invisible_until_it_is_activated_and_told_then(load, activate, shelves, events):
    answer = await load("seen", row(1), row(2, 2))
    assert (answer.json()["rows"], await shelves()) == (2, {})
    assert (await activate("seen", 2)).json()["isActive"] is True
    assert await shelves() == {"RECOMMENDED": [1, 2]}
    assert events("seen") == [("GENERATION_ACTIVATED", {"generation": "seen", "bundle": "bundle-1", "rows": 2})]


async def test_a_generation_with_other_than_the_expected_rows_is_not_activated(load, activate):
    await load("short", row(1))
    answer = await activate("short", 2)
    assert (answer.status_code, answer.json()["title"]) == (409, "Generation incomplete")


async def test_a_generation_without_rows_is_not_activated(client, activate):
    await client.post("/v1/generations", json={"generation": "empty", "bundle": "bundle-1"})
    assert (await activate("empty", 1)).status_code == 409


async def test_activating_twice_is_activating_once(load, activate, client, events):
    await load("before-twice", row(1))
    await load("twice", row(2))
    for name in ("before-twice", "twice", "twice"):
        assert (await activate(name, 1)).status_code == 200
    assert len(events("twice")) == 1
    assert (await roll_back(client)).json()["generation"] == "before-twice"


async def test_a_rollback_shows_what_was_shown_before_and_is_told(load, activate, client, shelves, events):
    for name, product in (("good", 11), ("bad", 12)):
        await load(name, row(product))
        await activate(name, 1)
    answer = await roll_back(client)
    assert (answer.json()["generation"], await shelves()) == ("good", {"RECOMMENDED": [11]})
    assert events("good")[-1][1] | {"bundle": ""} == {"generation": "good", "previous": "bad", "bundle": "", "rows": 1}


async def test_an_older_generation_can_be_activated_again_and_again(load, activate, client, shelves, events):
    for name, product in (("older", 13), ("newer", 14)):
        await load(name, row(product))
        await activate(name, 1)
    answers = await asyncio.gather(*(activate("older", 1) for _ in range(5)))
    assert {(answer.status_code, answer.json()["isActive"]) for answer in answers} == {(200, True)}
    assert await shelves() == {"RECOMMENDED": [13]}
    assert [data["previous"] for _, data in events("older")][1:] == ["newer"]
    assert (await roll_back(client)).json()["generation"] == "newer"


async def test_a_rollback_from_a_generation_that_is_no_longer_active_is_refused(load, activate, client):
    for name in ("left", "current"):
        await load(name, row(1))
        await activate(name, 1)
    assert (await roll_back(client, generation="left")).status_code == 409
    assert (await roll_back(client, generation="current")).status_code == 200


async def test_a_repeated_upload_takes_the_place_of_the_one_before(load, activate, shelves):
    await load("repeated", row(21), row(22, 2))
    assert (await load("repeated", row(23))).json()["rows"] == 1
    await activate("repeated", 1)
    assert await shelves() == {"RECOMMENDED": [23]}


async def test_a_generation_that_was_shown_takes_no_other_rows(load, activate):
    await load("fixed", row(1))
    await activate("fixed", 1)
    assert (await load("fixed", row(2))).status_code == 409


async def test_a_name_belongs_to_one_bundle(client):
    first, again, other = [
        await client.post("/v1/generations", json={"generation": "named", "bundle": bundle}) for bundle in "aab"
    ]
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (row(2**63), "body.2.productId"),
        (row(2, 0), "body.2.rank"),
        (row(2, 2, reason="a\0b"), "body.2.reason"),
        (row(2, 2, colour="red"), "body.2.colour"),
    ],
)
async def test_a_bad_row_is_named_and_nothing_of_the_upload_remains(load, client, bad, field):
    answer = await load("spoilt", row(1), bad)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    listed = (await client.get("/v1/generations")).json()["items"]
    assert next(each["rows"] for each in listed if each["generation"] == "spoilt") is None


async def test_a_name_that_the_catalog_gives_is_taken_however_long(load):
    category = row(None, 2, categoryId=7, categoryName="c" * 500)
    assert (await load("long-names", row(1, productName="p" * 2_000), category)).json()["rows"] == 2


async def test_two_rows_for_one_place_are_refused(load):
    answer = await load("crowded", row(1), row(2))
    assert (answer.status_code, answer.json()["title"]) == (422, "Rank taken twice")


async def test_twenty_concurrent_activations_happen_one_after_the_other(load, activate, client, events):
    for name in ("left-hand", "right-hand"):
        await load(name, row(1))
    answers = await asyncio.gather(*(activate(name, 1) for name in ("left-hand", "right-hand") * 10))
    assert {answer.status_code for answer in answers} == {200}
    told = sorted(
        (data["previous"], data["generation"])
        for name in ("left-hand", "right-hand")
        for _, data in events(name)
        if {data["previous"], data["generation"]} <= {"left-hand", "right-hand"}
    )
    assert all(previous != generation for previous, generation in told)
    active = [each for each in (await client.get("/v1/generations")).json()["items"] if each["isActive"]]
    assert len(active) == 1


async def test_old_generations_lose_their_rows_but_neither_the_active_one_nor_the_one_before(
    load, activate, client, database_url
):
    for number in range(2):
        await load(f"kept-{number}", row(1))
        await activate(f"kept-{number}", 1)
    for number in range(4):
        await load(f"newer-{number}", row(1))
    listed = {each["generation"]: each for each in (await client.get("/v1/generations")).json()["items"]}
    kept = [name for name in listed if name.startswith(("kept", "newer")) and not listed[name]["droppedAt"]]
    assert kept == ["newer-3", "newer-2", "newer-1", "kept-1", "kept-0"]
    with psycopg.connect(database_url) as connection:
        query = "SELECT DISTINCT generation FROM top_page_displays WHERE generation IS NOT NULL"
        assert {name for (name,) in connection.execute(query)} == set(kept)
    assert (await activate("newer-0", 1)).status_code == 409


@pytest.fixture
def reader(database_url):
    """Somebody who reads all rows for long, as a backup does; to be closed."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT count(*) FROM top_page_displays")
        yield connection


async def test_while_a_backup_reads_uploads_and_pages_go_on_and_old_rows_are_dropped_after_it(
    load, client, shelves, reader
):
    async def dropped():
        listed = (await client.get("/v1/generations", params={"limit": 500})).json()["items"]
        return {each["generation"] for each in listed if each["droppedAt"]}

    before = await dropped()
    for number in range(4):
        assert (await load(f"backed-up-{number}", row(1))).status_code == 200
    assert (await dropped(), await shelves()) == (before, await shelves())
    reader.close()
    await load("after-the-backup", row(1))
    assert "backed-up-0" in await dropped()


async def test_rows_that_a_backup_reads_are_not_replaced_and_their_upload_may_be_repeated(load, reader):
    reader.rollback()
    await load("read", row(1))
    reader.execute("SELECT count(*) FROM top_page_displays")
    answer = await load("read", row(2))
    assert (answer.status_code, answer.json()["title"], answer.headers["retry-after"]) == (503, "Table is read", "2")
    reader.rollback()
    assert (await load("read", row(2))).status_code == 200


async def test_merchandisers_and_uploads_do_not_wait_for_each_other(load, client):
    pin = {"displayType": "SALE", "mode": "pin"}
    await load("replaced", row(1))
    answers = await asyncio.gather(
        *(client.post("/v1/top-page-displays", json=pin | {"productId": each}) for each in range(1, 11)),
        *(load(f"beside-{number}", row(1)) for number in range(5)),
        *(load("replaced", row(2)) for _ in range(3)),
    )
    assert {answer.status_code for answer in answers} <= {200, 201}


async def test_only_operators_and_services_touch_generations(client, tokens):
    body = {"generation": "mine", "bundle": "bundle-1"}
    for roles, status in (((), 403), (("merchandiser",), 403), (("operator",), 201)):
        headers = {"Authorization": f"Bearer {tokens.user('u1', roles=roles)}"}
        assert (await client.post("/v1/generations", json=body, headers=headers)).status_code == status


async def test_of_what_merchandisers_showed_to_a_deleted_user_it_is_told_that_it_is_gone(settings, client, events):
    body = {"displayType": "SALE", "mode": "pin", "productId": 99}
    theirs, everyones = [
        (await client.post("/v1/top-page-displays", json=body | whose)).json()["id"] for whose in ({"userId": "ex"}, {})
    ]
    producer = Producer(settings)
    await producer.send(
        "auth.v1", "ex", Event.of("USER_DELETED", UserDeleted(user_id="ex"), producer="auth").to_bytes()
    )
    await producer.close()
    await eventually(lambda: events("ex"), lambda found: [name for name, _ in found] == ["USER_DATA_ERASED"])
    told = [[data["change"] for _, data in events(f"display:{each}")] for each in (theirs, everyones)]
    assert told == [["CREATED", "DELETED"], ["CREATED"]]
    await client.delete(f"/v1/top-page-displays/{everyones}")


async def test_a_deleted_users_shelves_are_removed_from_every_generation_and_it_is_reported(
    settings, load, activate, shelves, events
):
    await load("with-gone", row(901, userId="gone"), row(902, userId="stays"))
    await activate("with-gone", 2)
    assert (await shelves("gone"))["RECOMMENDED"] == [901]
    producer = Producer(settings)
    deleted = Event.of("USER_DELETED", UserDeleted(user_id="gone"), producer="auth")
    await producer.send("auth.v1", "gone", deleted.to_bytes())
    await producer.close()
    await eventually(lambda: events("gone"), lambda found: [name for name, _ in found] == ["USER_DATA_ERASED"])
    assert "RECOMMENDED" not in await shelves("gone")
    assert (await shelves("stays"))["RECOMMENDED"] == [902]
    made_before = [row(903, userId="gone"), row(904, userId="stays")]
    await load("made-before", *made_before)
    await activate("made-before", len(made_before))
    assert "RECOMMENDED" not in await shelves("gone")
    assert (await shelves("stays"))["RECOMMENDED"] == [904]
