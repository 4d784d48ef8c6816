from services.analytics.models import Base
from tests.services.migrated import differences


def test_the_models_are_what_the_migrations_make(database_url):
    assert differences(database_url, Base.metadata) == []
