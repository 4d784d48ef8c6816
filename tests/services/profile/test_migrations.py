import psycopg

from services.common.storage.database import Database
from services.common.storage.migrate import migrate
from services.profile import erasures
from services.profile.models import Base
from tests.services.migrated import differences


def test_the_migrations_make_what_the_models_say(database_url):
    assert differences(database_url, Base.metadata) == []


async def test_a_deletion_of_before_does_not_wait_for_services_that_came_later(database):
    url = database("profile")
    migrate("profile", url, "0002")
    reported = "INSERT INTO erasures SELECT 'gone', unnest(%s::text[]), now()"
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO deleted_users (id) VALUES ('gone'), ('going')")
        connection.execute(reported, [["auth", "profile", "analytics", "content"]])
    for way in ("heads", "0002", "heads"):
        migrate("profile", url, way)
    own = Database(url)
    async with own.sessions() as session:
        assert [row.id for row in await erasures.incomplete(session, 10, None)] == ["going"]
    await own.close()
