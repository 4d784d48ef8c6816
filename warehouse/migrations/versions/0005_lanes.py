"""Rows of `raw` stand in lanes, name their user, and keep all of the envelope; event tables follow one template."""

from alembic import op

revision = "0005"
down_revision = "0004"

LANES = """
create table landing.lanes (
    lane int generated always as identity primary key,
    topic text not null,
    kafka_partition int,
    number bigint not null default 0,
    unique nulls not distinct (topic, kafka_partition)
);
comment on table landing.lanes is
    'A partition of a topic, or (without one) its dead letters that were retried. Who writes rows of a lane holds its '
    'row until the commit, so that the numbers of a lane become visible in order.';
comment on column landing.lanes.number is 'the largest taken; never begun anew, whatever the broker''s offsets do';

grant select, insert, update on landing.lanes to tanawari_loader;
grant usage on schema landing to tanawari_dbt;
grant select on landing.lanes to tanawari_dbt;
"""

TEMPLATE = """
create table landing.event_table (
    event_id uuid primary key,
    event_type text not null,
    schema_version int not null,
    occurred_at timestamptz not null,
    producer text not null,
    key text,
    data jsonb not null,
    topic text not null,
    kafka_partition int not null,
    kafka_offset bigint not null,
    loaded_at timestamptz not null default now(),
    loaded_xid bigint not null default pg_current_xact_id()::text::bigint,
    lane int not null,
    number bigint not null,
    user_id text generated always as (data ->> 'userId') stored,
    traceparent text,
    unknown_fields jsonb
);
create index on landing.event_table (loaded_xid);
create index on landing.event_table (lane, number);
create index on landing.event_table (user_id) where user_id is not null;
comment on table landing.event_table is
    'What every event table of raw is like. A migration that alters it alters those that are there in the same way.';
comment on column landing.event_table.unknown_fields is 'of the envelope, of which this release knows nothing';
"""

UPGRADE_TABLES = """
do $$
declare
    name text;
begin
    for name in select tablename from pg_tables where schemaname = 'raw' and tablename <> 'dead_letters' loop
        execute format('alter index raw.%1$I rename to %2$I', name || '_loaded_xid', name || '_loaded_xid_idx');
        execute format($sql$
            insert into landing.lanes (topic, kafka_partition)
            select distinct topic, kafka_partition from raw.%1$I order by topic, kafka_partition
        $sql$, name);
        execute format($sql$
            alter table raw.%1$I
                add lane int,
                add number bigint,
                add user_id text generated always as (data ->> 'userId') stored,
                add traceparent text,
                add unknown_fields jsonb
        $sql$, name);
        execute format($sql$
            with numbered as (
                select event_id, lanes.lane, row_number() over (
                    partition by lanes.lane order by loaded_xid, kafka_offset, event_id
                ) as number
                from raw.%1$I inner join landing.lanes using (topic, kafka_partition)
            ), rows as (
                update raw.%1$I as events set lane = numbered.lane, number = numbered.number
                from numbered where events.event_id = numbered.event_id
                returning events.lane, events.number
            )
            update landing.lanes set number = taken.number
            from (select lane, max(number) as number from rows group by lane) as taken
            where lanes.lane = taken.lane
        $sql$, name);
        execute format('alter table raw.%1$I alter lane set not null, alter number set not null', name);
        execute format('create index on raw.%1$I (lane, number)', name);
        execute format('create index on raw.%1$I (user_id) where user_id is not null', name);
    end loop;
    insert into landing.lanes (topic, kafka_partition)
    select topic, kafka_partition from landing.partitions order by topic, kafka_partition
    on conflict do nothing;
end $$
"""

DOWNGRADE_TABLES = """
do $$
declare
    name text;
begin
    for name in select tablename from pg_tables where schemaname = 'raw' and tablename <> 'dead_letters' loop
        execute format(
            'alter table raw.%1$I drop lane, drop number, drop user_id, drop traceparent, drop unknown_fields', name
        );
        execute format('alter index raw.%1$I rename to %2$I', name || '_loaded_xid_idx', name || '_loaded_xid');
    end loop;
end $$
"""


def upgrade() -> None:
    op.execute(LANES)
    op.execute(TEMPLATE)
    op.execute(UPGRADE_TABLES)


def downgrade() -> None:
    op.execute(DOWNGRADE_TABLES)
    op.execute("drop table landing.event_table")
    op.execute("drop table landing.lanes")
    op.execute("revoke usage on schema landing from tanawari_dbt")
