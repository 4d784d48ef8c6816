"""Who was deleted before catalog had data of users."""

import psycopg

from services.common.messaging.erasure import erased_among
from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from stack.deletions import hand_on_deletions


async def test_catalog_stores_nothing_of_who_was_deleted_before_it_had_data_of_users(database, monkeypatch):
    monkeypatch.setattr("stack.deletions.PART", 2)
    profile, catalog = database("profile"), database("catalog")
    migrate("profile", profile)
    migrate("catalog", catalog)
    with psycopg.connect(profile) as connection:
        connection.execute("INSERT INTO deleted_users (id) SELECT 'u' || generate_series(1, 5)")
    urls = {"PROFILE_DATABASE_URL": profile, "CATALOG_DATABASE_URL": catalog}

    told, again = hand_on_deletions(urls), hand_on_deletions(urls)

    assert ([each.detail for each in told], again) == (["5 users"], [])
    known = Database(catalog)
    async with known.sessions() as session:
        assert await erased_among(session, {"u1", "u5", "living"}) == {"u1", "u5"}
    await known.close()


def test_without_profiles_database_catalog_is_told_of_nobody(database):
    assert hand_on_deletions({"CATALOG_DATABASE_URL": database("catalog")}) == []
