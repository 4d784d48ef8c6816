from services.order.models import Base
from tests.services.migrated import differences


def test_the_migrations_make_what_the_models_say(databases):
    assert differences(databases["order"], Base.metadata) == []
