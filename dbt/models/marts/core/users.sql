{{ config(unique_key='user_id', incremental_strategy='recompute',
          incremental_predicates=['coalesce(loaded_xid, session_loaded_xid) is not null'],
          indexes=[{'columns': ['loaded_xid']}, {'columns': ['session_loaded_xid']}]) }}

with order_events as not materialized (
    select * from {{ ref('int_order_events__unnest') }} where change = 'COMPLETED' and line_number = 1
),

orders as not materialized (
    select * from {{ ref('orders') }}
),

sessions as not materialized (
    select * from {{ ref('sessions') }}
),

touched as ( -- an order's users are also those whom an earlier version of it named
    select user_id from orders where {{ is_new('loaded_xid') }}
    union
    select user_id from order_events
    where order_id in (select orders.order_id from orders where {{ is_new('orders.loaded_xid', 'loaded_xid') }})
    union
    select user_id from sessions where {{ is_new('loaded_xid', 'session_loaded_xid') }}
),

purchases as (
    select
        orders.user_id,
        min(orders.ordered_at) filter (where orders.is_sale) as first_order_at,
        max(orders.ordered_at) filter (where orders.is_sale) as last_order_at,
        count(*) filter (where orders.is_sale) as order_count,
        sum(orders.kept_amount) filter (where orders.is_sale) as total_amount,
        bool_and(orders.is_simulated) as is_simulated,
        max(orders.loaded_xid) as loaded_xid
    from orders
    inner join touched on orders.user_id = touched.user_id
    group by orders.user_id
),

visits as (
    select
        sessions.user_id,
        min(sessions.started_at) filter (where not sessions.is_simulated) as first_session_at,
        max(sessions.ended_at) filter (where not sessions.is_simulated) as last_session_at,
        bool_and(sessions.is_simulated) as is_simulated,
        max(sessions.loaded_xid) as loaded_xid
    from sessions
    inner join touched on sessions.user_id = touched.user_id
    group by sessions.user_id
)

select
    touched.user_id,
    least(visits.first_session_at, purchases.first_order_at) as first_seen_at,
    greatest(visits.last_session_at, purchases.last_order_at) as last_seen_at,
    purchases.first_order_at,
    purchases.last_order_at,
    coalesce(purchases.order_count, 0)::int as order_count,
    coalesce(purchases.total_amount, 0)::numeric(14, 2) as total_amount,
    coalesce(purchases.is_simulated, true) and coalesce(visits.is_simulated, true) as is_simulated,
    purchases.loaded_xid,
    visits.loaded_xid as session_loaded_xid
from touched
full join purchases on touched.user_id = purchases.user_id -- full: never a nested loop (ADR 25)
full join visits on touched.user_id = visits.user_id
{% if not is_incremental() %}where coalesce(purchases.loaded_xid, visits.loaded_xid) is not null{% endif %}
