from services.payment.models import Base
from tests.services.migrated import differences


def test_the_migrations_make_what_the_models_say(database_url):
    assert differences(database_url, Base.metadata) == []
