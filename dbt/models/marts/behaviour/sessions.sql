{{ config(unique_key='user_id', incremental_strategy='delete+insert', indexes=[
    {'columns': ['user_id']}, {'columns': ['loaded_xid']}]) }}

with actions as not materialized (
    select * from {{ ref('actions') }}
),

touched as (
    select distinct user_id from actions where {{ is_new('loaded_xid') }}
),

steps as (
    select
        actions.*,
        lag(actions.occurred_at) over by_time as previous_at,
        lag(actions.session_id) over by_time as previous_session_id
    from actions
    inner join touched on actions.user_id = touched.user_id
    window by_time as (partition by actions.user_id order by actions.occurred_at, actions.event_id)
),

numbered as (
    select
        *,
        count(*) filter (
            where
            previous_at is null
            or occurred_at > previous_at + interval '{{ var("session_gap_minutes") }} minutes'
            or session_id != previous_session_id
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
    count(*)::int as action_count,
    (count(*) filter (where action_type = 'PRODUCT_VIEWED'))::int as view_count,
    (count(*) filter (where action_type in ('SEARCH_BY_KEYWORD', 'SEARCH_BY_CATEGORY')))::int as search_count,
    (count(*) filter (where action_type in ('CART_ADD', 'CART_READD')))::int as cart_add_count,
    (count(*) filter (where action_type = 'ORDER_COMPLETE'))::int as order_count,
    bool_or(is_bot) as is_bot,
    bool_and(is_simulated) as is_simulated,
    max(loaded_xid) as loaded_xid
from numbered
group by user_id, session_number
