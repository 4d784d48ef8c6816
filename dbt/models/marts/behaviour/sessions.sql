{{ config(unique_key=['user_id', 'session_date'], incremental_strategy='recompute',
          indexes=[{'columns': ['session_date']}]) }}

with actions as (
    select * from {{ ref('actions') }} where {{ is_touched('user_id, occurred_date', 'touched_user_days') }}
)

select
    session_key,
    user_id,
    min(session_id) as session_id,
    min(occurred_at) as started_at,
    max(occurred_at) as ended_at,
    occurred_date as session_date,
    {{ named_first('utm_source') }} as utm_source,
    {{ named_first('utm_medium') }} as utm_medium,
    {{ named_first('utm_campaign') }} as utm_campaign,
    count(*)::int as action_count,
    (count(*) filter (where action_type = 'PRODUCT_VIEWED'))::int as view_count,
    (count(*) filter (where action_type in ('SEARCH_BY_KEYWORD', 'SEARCH_BY_CATEGORY')))::int as search_count,
    (count(*) filter (where action_type in ('CART_ADD', 'CART_READD')))::int as cart_add_count,
    (count(distinct order_id) filter (where action_type = 'ORDER_COMPLETE'))::int as order_count,
    bool_or(is_bot) as is_bot,
    bool_and(is_simulated) as is_simulated
from actions
group by session_key, user_id, occurred_date
