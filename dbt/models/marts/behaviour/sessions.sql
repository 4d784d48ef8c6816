{{ config(unique_key=['user_id', 'session_number'], incremental_strategy='recompute',
          incremental_predicates=['loaded_xid is not null'], indexes=[{'columns': ['loaded_xid']}]) }}

with actions as not materialized (
    select * from {{ ref('actions') }}
),

touched as (
    select user_id, min(occurred_at) as since from actions where {{ is_new('loaded_xid') }} group by user_id
),

known as (
    {% if is_incremental() %}
        select
            user_id, session_number, started_at,
            lag(ended_at) over (partition by user_id order by session_number) as previous_ended_at
        from {{ this }} where user_id in (select touched.user_id from touched)
    {% else %}
        select user_id, 1 as session_number, since as started_at, since as previous_ended_at from touched where false
    {% endif %}
),

restarts as ( -- news changes nothing before the last visit that had begun by then, apart from the one before it
    select
        touched.user_id, coalesce(max(known.session_number), 1) as session_number,
        coalesce(max(known.started_at), '-infinity') as started_at
    from touched
    left join known
        on
            touched.user_id = known.user_id and touched.since > known.started_at
            and coalesce(known.started_at > known.previous_ended_at, true)
    group by touched.user_id
),

replaced as (
    select known.user_id, known.session_number from known
    inner join restarts on known.user_id = restarts.user_id and known.session_number >= restarts.session_number
),

steps as (
    select
        actions.*, restarts.session_number as first_number,
        lag(actions.occurred_at) over by_time as previous_at, lag(actions.session_id) over by_time as previous_session
    from actions
    inner join restarts
        on
            actions.user_id = restarts.user_id and actions.occurred_at >= restarts.started_at
            and actions.occurred_date >= {{ shop_date('restarts.started_at') }}
    window by_time as (partition by actions.user_id order by actions.occurred_at, actions.event_id)
),

numbered as (
    select
        *, first_number - 1 + count(*) filter (
            where
            previous_at is null
            or occurred_at > previous_at + interval '{{ var("session_gap_minutes") }} minutes'
            or session_id != previous_session
        ) over (partition by user_id order by occurred_at, event_id) as session_number
    from steps
)

select
    user_id,
    session_number::int as session_number,
    min(session_id) as session_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    min(occurred_date) as session_date,
    count(event_id)::int as action_count,
    (count(*) filter (where action_type = 'PRODUCT_VIEWED'))::int as view_count,
    (count(*) filter (where action_type in ('SEARCH_BY_KEYWORD', 'SEARCH_BY_CATEGORY')))::int as search_count,
    (count(*) filter (where action_type in ('CART_ADD', 'CART_READD')))::int as cart_add_count,
    (count(*) filter (where action_type = 'ORDER_COMPLETE'))::int as order_count,
    bool_or(is_bot) as is_bot,
    bool_and(is_simulated) as is_simulated,
    max(loaded_xid) as loaded_xid
from numbered
full join replaced using (user_id, session_number)
group by user_id, session_number
