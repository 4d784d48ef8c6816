"""Schemas `raw` and `landing`, dead letters, the landing's bookkeeping, and who may do what."""

from alembic import op

revision = "0001"
down_revision = None

DEAD_LETTERS = """
create table raw.dead_letters (
    id bigint generated always as identity primary key,
    event_id uuid unique,
    topic text not null,
    kafka_partition int not null,
    kafka_offset bigint not null,
    key bytea,
    value bytea,
    reason text not null,
    detail text not null,
    consumer text not null,
    failed_at timestamptz not null,
    loaded_at timestamptz not null default now(),
    retried_at timestamptz,
    resolved_at timestamptz
);
create index dead_letters_open on raw.dead_letters (topic, id) where resolved_at is null;
comment on column raw.dead_letters.event_id is 'of the message on dead-letters.v1; null where the landing gave up';
"""

PARTITIONS = """
create table landing.partitions (
    topic text,
    kafka_partition int,
    log_id text not null,
    next_offset bigint not null,
    owner uuid not null,
    epoch bigint not null default 1,
    restarts int not null default 0,
    consumed bigint not null default 0,
    landed bigint not null default 0,
    duplicates bigint not null default 0,
    dead_letters bigint not null default 0,
    updated_at timestamptz not null default now(),
    primary key (topic, kafka_partition),
    constraint nothing_is_lost check (consumed = landed + duplicates + dead_letters)
);
comment on column landing.partitions.log_id is 'the broker''s cluster id: offsets mean something in its log only';
comment on column landing.partitions.epoch is 'grows with every claim; a batch fetched under an older one is refused';
"""

GRANTS = """
do $$ begin
    execute format(
        'grant connect on database %I to tanawari_loader, tanawari_dbt, tanawari_analyst, tanawari_pipelines',
        current_database()
    );
    execute format('grant temporary on database %I to tanawari_loader', current_database());
    execute format('grant create, temporary on database %I to tanawari_dbt', current_database());
end $$;

grant usage on schema raw to tanawari_loader, tanawari_dbt;
alter default privileges in schema raw grant select, insert on tables to tanawari_loader;
alter default privileges in schema raw grant select on tables to tanawari_dbt;

grant select, insert on raw.dead_letters to tanawari_loader;
grant update (reason, detail, retried_at, resolved_at) on raw.dead_letters to tanawari_loader;
-- not the bytes, which may hold anything
grant select (id, topic, kafka_partition, kafka_offset, reason, consumer, failed_at, loaded_at, resolved_at)
    on raw.dead_letters to tanawari_dbt;

grant usage on schema landing to tanawari_loader;
grant select, insert, update on landing.partitions to tanawari_loader;
"""


def upgrade() -> None:
    op.execute("create schema raw")
    op.execute(DEAD_LETTERS)
    op.execute(PARTITIONS)
    op.execute(GRANTS)


def downgrade() -> None:
    op.execute("drop schema raw cascade")
    op.execute("drop table landing.partitions")
