import psycopg
import pytest

from services.catalog.models import Base
from services.common.storage.migrate import migrate
from tests.services.migrated import differences


def test_the_migrations_make_what_the_models_say(database_url):
    assert differences(database_url, Base.metadata) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE products DROP CONSTRAINT ck_products_stock_not_negative",
        "ALTER TABLE products ALTER stock_version DROP DEFAULT",
        "DROP INDEX ix_outbox_unpublished; CREATE INDEX ix_outbox_unpublished ON outbox (id)",
        "ALTER TABLE idempotency ALTER body DROP NOT NULL",
        "CREATE TABLE forgotten (id bigint)",
    ],
)
def test_a_table_that_is_otherwise_than_its_model_is_found(database, change):
    url = database("catalog")
    migrate("catalog", url)
    with psycopg.connect(url) as connection:
        connection.execute(change)
    assert differences(url, Base.metadata) != []
