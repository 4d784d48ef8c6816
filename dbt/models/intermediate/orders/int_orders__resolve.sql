{{ config(unique_key='order_id', incremental_strategy='recompute',
          indexes=[{'columns': ['order_id'], 'unique': true}]) }}

with events as ( -- the first line stands for its event
    select * from {{ ref('int_order_events__unnest') }}
    where line_number = 1 and {{ is_touched('order_id', 'touched_orders') }}
),

history as (
    select *, min(occurred_at) filter (where change = 'CANCELLED') over of_order as cancelled_at
    from events
    window of_order as (partition by order_id)
),

latest as (
    select distinct on (order_id) * from history where change = 'COMPLETED'
    order by order_id, occurred_at desc, event_id desc
)

select
    order_id,
    event_id,
    external_id,
    user_id,
    total_amount,
    currency,
    occurred_at as ordered_at,
    is_simulated,
    cancelled_at
from latest
