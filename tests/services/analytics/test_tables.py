from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from services.analytics.models import Base
from services.common.database import sqlalchemy_url


def test_the_models_are_what_the_migrations_make(database_url):
    engine = create_engine(sqlalchemy_url(database_url))
    own = {"include_name": lambda name, kind, _: kind != "table" or name in Base.metadata.tables}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=own), Base.metadata) == []
    engine.dispose()
