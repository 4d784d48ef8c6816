"""What landed is counted, not derived: by partition with what was lost, and by lane with what has been verified."""

from alembic import op

revision = "0007"
down_revision = "0006"

COLUMNS = """
alter table landing.partitions
    add lost bigint not null default 0,
    drop constraint nothing_is_lost;
comment on column landing.partitions.lost is
    'offsets that the broker''s retention deleted before they landed; at most so many messages';

alter table landing.lanes add stored bigint not null default 0;
comment on column landing.lanes.stored is 'rows and dead letters, as the inserts counted them';

alter table raw.dead_letters add lane int, add number bigint;
create index on raw.dead_letters (lane, number);
comment on column raw.dead_letters.lane is 'of its message; null where revision 0005 or older kept it';

create table landing.verified (
    lane int primary key references landing.lanes,
    number bigint not null,
    stored bigint not null,
    lost bigint not null default 0,
    verified_at timestamptz not null default now()
);
comment on table landing.verified is
    'Up to which number, and with how many rows and dead letters, a lane was found whole: nobody counts these again, '
    'and only these may be deleted.';
grant select, insert, update on landing.verified to tanawari_loader;
"""

COUNT = """
do $$
declare
    name text;
begin
    for name in select tablename from pg_tables where schemaname = 'raw' and tablename <> 'dead_letters' loop
        execute format($sql$
            update landing.lanes set stored = counted.stored
            from (select lane, count(*) as stored from raw.%1$I group by lane) as counted
            where lanes.lane = counted.lane
        $sql$, name);
    end loop;
    insert into landing.verified (lane, number, stored) select lane, number, stored from landing.lanes;
end $$
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(COUNT)


def downgrade() -> None:
    op.execute("drop table landing.verified")
    op.execute("alter table raw.dead_letters drop lane, drop number")
    op.execute("alter table landing.lanes drop stored")
    op.execute("""
        alter table landing.partitions
            drop lost,
            add constraint nothing_is_lost check (consumed = landed + duplicates + dead_letters)
    """)
