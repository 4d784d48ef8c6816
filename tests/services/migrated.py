"""Do a service's models say what its migrations made?"""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from services.common.storage.database import sqlalchemy_url


def differences(url, metadata):
    """What autogenerate would change about the tables that the models name; empty when they agree."""
    engine = create_engine(sqlalchemy_url(url))
    options = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
    with engine.connect() as connection:
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return found
