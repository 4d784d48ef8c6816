"""Erases deleted users from `raw`: a function, since nobody else may change a row there.

The rows of a deleted user stay, under a random id and without what tells of a person. So what was sold and looked at
counts as before: everything that is made of `raw` is the same but for the id, which stands nowhere beside the user's.

Only rows that a complete run of dbt has read are erased, and `pipelines.erasure` gives the marts the same ids in the
same transaction. What lands later is erased after the run that reads it; what lands again is a duplicate.
"""

from typing import Final

import psycopg
from psycopg import sql

from services.contracts.envelope import ERASED, PII
from services.contracts.registry import EVENTS

MARKED: Final = {
    field.alias or name
    for event in EVENTS.values()
    for name, field in event.payload.model_fields.items()
    if field.json_schema_extra == PII
}
IDS: Final = {"cognitoId", "requestID"}
TEXTS: Final = {"searchKeyword", "actionReason", "errorDetails", "metadata", "reason", "utmTerm", "utmContent"}
PERSONAL: Final = sorted(MARKED | IDS | TEXTS)
"""The fields of payloads that an erased row loses: those marked as personal, other ids, and free texts."""

_INDEXES = (
    "create index if not exists auth_v1_deleted on raw.auth_v1 (user_id) where event_type = 'USER_DELETED'",
    "create index if not exists actions_v1_deleted on raw.user_actions_v1 (user_id) where event_type = 'USER_DELETE'",
)

_VIEW = "create or replace view live.erased_users as select user_id from landing.erased_users"
"""For serving, which finds their deletion nowhere else."""

_FUNCTION = r"""
create or replace function landing.erase_deleted_users(run bigint) returns table (user_id text, pseudonym text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    reached constant jsonb := (select lanes from transformation.runs where number = run and is_complete);
    personal constant text[] := {personal};
    events regclass;
    holders text[];
    users text[] := '{{}}';
    pseudonyms text[];
begin
    insert into landing.erased_users (user_id)
    select user_id from raw.auth_v1
    where
        event_type = 'USER_DELETED' and not starts_with(user_id, {erased})
        and number <= (reached ->> lane::text)::bigint
    union
    select data ->> 'userId' from raw.user_actions_v1
    where
        event_type = 'USER_DELETE' and not starts_with(data ->> 'userId', {erased})
        and number <= (reached ->> lane::text)::bigint
    on conflict do nothing;

    update raw.dead_letters
    set
        key = null, value = convert_to('erased ' || id, 'UTF8'), detail = '',
        resolved_at = coalesce(resolved_at, now()),
        closed_by = coalesce(closed_by, 'erasure'), closed_reason = coalesce(closed_reason, 'the user was deleted')
    where id in ( -- each letter is searched once, however many users were erased
        select letters.id
        from (
            select
                id,
                unnest(array[
                    encode(key, 'escape'), substring(encode(value, 'escape') from '"userId"\s*:\s*"([^"]*)"')
                ]) as user_id
            from raw.dead_letters
        ) as letters
        inner join landing.erased_users using (user_id)
    );

    for events in {tables} loop
        execute format($query$
            select array(
                select erased.user_id from landing.erased_users as erased
                cross join lateral ( -- by the index, once for each
                    select from %s as events
                    where events.user_id = erased.user_id and number <= ($1 ->> lane::text)::bigint limit 1
                ) as held
            )
        $query$, events) into holders using reached;
        users := users || holders;
    end loop;
    select array_agg(id), array_agg({erased} || gen_random_uuid()) into users, pseudonyms
    from (select distinct unnest(users) as id) as named;
    if users is null then
        return;
    end if;

    -- what a visitor did until the user logged in, since the visitor's login before, is the user's for good
    foreach events in array array['raw.user_actions_v1', 'raw.cart_v1']::regclass[] loop
        execute format($query$
            update %s as events
            set
                key = pseudonym, data = (data - $4) || jsonb_build_object('userId', pseudonym),
                traceparent = null, unknown_fields = null
            from (
                select
                    user_id, data ->> 'visitorId' as visitor_id, occurred_at as logged_in_at,
                    coalesce(
                        lag(occurred_at) over (partition by data ->> 'visitorId' order by occurred_at, event_id),
                        '-infinity'
                    ) as previous_login_at
                from raw.auth_v1
                where
                    event_type = 'USER_AUTHENTICATED' and number <= ($1 ->> lane::text)::bigint
                    and data ->> 'visitorId' in (
                        select data ->> 'visitorId' from raw.auth_v1
                        where user_id = any($2) and event_type = 'USER_AUTHENTICATED'
                    )
            ) as logins
            inner join unnest($2, $3) as erasing (user_id, pseudonym) using (user_id)
            where
                events.user_id = logins.visitor_id
                and events.occurred_at > logins.previous_login_at and events.occurred_at <= logins.logged_in_at
                and number <= ($1 ->> lane::text)::bigint
        $query$, events) using reached, users, pseudonyms, personal;
    end loop;

    for events in {tables} loop
        execute format($query$
            update %s as events
            set
                key = case when key = events.user_id then pseudonym else key end,
                data = (data - $4) || jsonb_build_object('userId', pseudonym),
                traceparent = null, unknown_fields = null
            from unnest($2, $3) as erasing (user_id, pseudonym)
            where events.user_id = erasing.user_id and number <= ($1 ->> lane::text)::bigint
        $query$, events) using reached, users, pseudonyms, personal;
    end loop;
    return query select * from unnest(users, pseudonyms);
end $$
"""

_TABLES = """
select pg_class.oid from pg_class
where relnamespace = 'raw'::regnamespace and relkind = 'r' and relname <> 'dead_letters' order by relname
"""

_GRANTS = """
revoke all on function landing.erase_deleted_users(bigint) from public;
grant execute on function landing.erase_deleted_users(bigint) to tanawari_dbt
"""


def make_erasure(connection: psycopg.Connection) -> None:
    """Create or update the function, which dbt's role may call after a complete run, and the view of who was erased."""
    for index in _INDEXES:
        connection.execute(index)
    connection.execute(_VIEW)
    connection.execute(
        sql.SQL(_FUNCTION).format(personal=sql.Literal(PERSONAL), erased=sql.Literal(ERASED), tables=sql.SQL(_TABLES))
    )
    connection.execute(_GRANTS)
