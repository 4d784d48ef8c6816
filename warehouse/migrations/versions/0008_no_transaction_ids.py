"""Rows of `raw` have no transaction ids any more: dbt reads by lane and number."""

from alembic import op

revision = "0008"
down_revision = "0007"

TABLES = """
do $$
declare
    place regclass;
begin
    for place in
        select 'landing.event_table'::regclass
        union all
        select oid from pg_class
        where relnamespace = 'raw'::regnamespace and relkind = 'r' and relname <> 'dead_letters'
    loop
        {}
    end loop;
end $$
"""

DROP = "execute format('alter table %s drop loaded_xid cascade', place);"
"""Cascading to the staging views of dbt, which its next run makes anew."""

ADD = """
execute format(
    'alter table %s add loaded_xid bigint not null default pg_current_xact_id()::text::bigint', place
);
execute format('create index on %s (loaded_xid)', place);
"""


def upgrade() -> None:
    op.execute(TABLES.format(DROP))


def downgrade() -> None:
    op.execute(TABLES.format(ADD))
