"""Schema `transformation`: what every run of dbt read, by what rules and models, and whether it came to its end."""

from alembic import op

revision = "0006"
down_revision = "0005"

RUNS = """
create schema transformation;
create table transformation.runs (
    number bigint generated always as identity primary key,
    since bigint references transformation.runs,
    lanes jsonb not null,
    rules jsonb not null,
    versions jsonb not null,
    is_beside boolean not null,
    started_by text not null,
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    is_complete boolean not null default false
);
comment on table transformation.runs is
    'The newest complete run is the position of all marts: what they hold, and what they were made by.';
comment on column transformation.runs.since is 'the last complete run when it began; without one it reads everything';
comment on column transformation.runs.lanes is 'the numbers of landing.lanes when it began: it reads up to these';
comment on column transformation.runs.rules is 'variables, seeds and macros that say what counts';
comment on column transformation.runs.versions is 'of every model, by its SQL and all that it is made of';
comment on column transformation.runs.is_beside is 'whether it builds beside the marts, to take their place';

grant usage on schema transformation to tanawari_dbt;
grant select, insert, update on transformation.runs to tanawari_dbt;
"""


def upgrade() -> None:
    op.execute(RUNS)


def downgrade() -> None:
    op.execute("drop schema transformation cascade")
