{{ config(unique_key='user_id', incremental_strategy='recompute') }}

with orders as (
    select * from {{ ref('orders') }} where {{ is_touched('user_id', 'touched_users') }}
),

sessions as (
    select * from {{ ref('sessions') }} where {{ is_touched('user_id', 'touched_users') }}
),

purchases as (
    select
        user_id,
        min(ordered_at) filter (where is_sale) as first_order_at,
        max(ordered_at) filter (where is_sale) as last_order_at,
        count(*) filter (where is_sale) as order_count,
        bool_and(is_simulated) as is_simulated
    from orders
    group by user_id
),

visits as (
    select
        user_id,
        min(started_at) filter (where not is_simulated) as first_session_at,
        max(ended_at) filter (where not is_simulated) as last_session_at,
        bool_and(is_simulated) as is_simulated
    from sessions
    group by user_id
)

select
    user_id,
    least(visits.first_session_at, purchases.first_order_at) as first_seen_at,
    greatest(visits.last_session_at, purchases.last_order_at) as last_seen_at,
    purchases.first_order_at,
    purchases.last_order_at,
    coalesce(purchases.order_count, 0)::int as order_count,
    coalesce(purchases.is_simulated, true) and coalesce(visits.is_simulated, true) as is_simulated
from purchases
full join visits using (user_id)
